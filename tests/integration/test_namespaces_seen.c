/*
 * tests/integration/test_namespaces_seen.c - namespaces and who is in them, seen from outside.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/role.h"

static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "uts"};
#define KINDS (sizeof kinds / sizeof *kinds)

/* The namespace of that number; .address 0: there is none. `pids` is not kept. */
static struct vt_namespace look(struct session *session, uint64_t number, int32_t *ret_pid)
{
    struct vt_namespace *all, found = {.address = 0};
    size_t count;

    require_ok(vt_guest_namespaces(session_guest(session), &all, &count), "vt_guest_namespaces");
    for (size_t i = 0; i < count; i++) {
        if (all[i].number != number)
            continue;
        found = all[i];
        for (unsigned j = 0; j < KINDS; j++)
            if (strcmp(kinds[j], all[i].kind) == 0)
                found.kind = kinds[j];
        *ret_pid = all[i].pid_count ? all[i].pids[0] : 0;
    }
    free(all);
    return found;
}

static uint64_t expect_number(struct session *session, const char *kind)
{
    char prefix[16];

    snprintf(prefix, sizeof prefix, "%s ", kind);
    return strtoull(session_expect(session, prefix), NULL, 10);
}

/* The command's list has the namespace with its kind and process. */
static void check_command(const char *name, const struct vt_namespace *expected, int32_t pid)
{
    struct command_result result = COMMAND("namespaces", "--json", name);
    json_t *list = json_loads(result.out, 0, NULL), *entry;
    bool found = false;
    size_t i;

    cr_assert(result.status == 0 && json_is_array(list), "%s%s", result.out, result.err);
    json_array_foreach(list, i, entry)
    {
        if ((uint64_t)json_integer_value(json_object_get(entry, "number")) != expected->number)
            continue;
        found = true;
        cr_assert_str_eq(json_string_value(json_object_get(entry, "kind")), expected->kind);
        cr_assert_eq(json_integer_value(json_array_get(json_object_get(entry, "pids"), 0)), pid);
    }
    cr_assert(found, "%s", result.out);
    json_decref(list);
    command_free(&result);
    result = COMMAND("namespaces", name);
    cr_assert(result.status == 0 && strstr(result.out, "NPROCS") &&
                  strstr(result.out, "monotonic +1000 s, boottime +2000 s"),
              "%s%s", result.out, result.err);
    command_free(&result);
}

/* Is a process in namespaces of its own found in each of them, with what they change, and is one that only
 * a file holds still there, and gone when that is closed? */
VARIANT_TEST(namespaces_seen, members_and_holders)
{
    char name[32];
    uint64_t numbers[KINDS];
    struct vt_namespace one;
    int32_t pid = 0, first = 0;

    variant_require(variant);
    struct session *session = role_start(variant, "namespace_holders", NULL, NULL, name);
    for (unsigned i = 0; i < KINDS; i++)
        numbers[i] = expect_number(session, kinds[i]);
    session_expect(session, "inside");
    for (unsigned i = 0; i < KINDS; i++) {
        bool is_pid = strcmp(kinds[i], "pid") == 0, is_time = strcmp(kinds[i], "time") == 0;

        one = look(session, numbers[i], &pid);
        cr_assert(one.address && one.kind == kinds[i], "there is no %s namespace %llu", kinds[i],
                  (unsigned long long)numbers[i]);
        /* Its parent made them and is in most of them, too; who is made later has a later number. */
        cr_assert(one.tasks == (is_pid || is_time ? 1u : 2u) && one.pid_count == one.tasks,
                  "%u tasks in the %s namespace", one.tasks, kinds[i]);
        if (is_pid)
            first = pid;
        cr_assert_eq(one.level, is_pid);
        cr_assert_eq(one.monotonic_ns, is_time ? 1000 * 1000000000ll : 0);
        cr_assert_eq(one.boottime_ns, is_time ? 2000 * 1000000000ll : 0);
        if (is_time)
            check_command(name, &one, pid);
        cr_assert_str_eq(one.comm, "namespace_holde");
    }
    cr_assert_gt(first, 2);
    session_send(session, "end\n");
    session_expect(session, "held");
    one = look(session, numbers[KINDS - 1], &pid);
    cr_assert(one.address && !one.tasks && one.references == 1, "%u tasks, %u references",
              one.tasks, one.references);
    one = look(session, numbers[1], &pid);
    cr_assert(!one.address, "an IPC namespace without holders is there");
    session_send(session, "close\n");
    session_expect(session, "let go");
    one = look(session, numbers[KINDS - 1], &pid);
    cr_assert(!one.address, "a namespace without holders is there");
    role_end(session);
}
