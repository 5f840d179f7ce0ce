/* vmm/cli/namespaces.c - `vitrine namespaces`: in the spirit of lsns(8), and from outside. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

#define NS_PER_SECOND 1000000000

static void print(const struct vt_namespace *namespace)
{
    char first[12] = "-";

    if (namespace->pid_count)
        snprintf(first, sizeof(first), "%d", namespace->pids[0]);
    printf("%10" PRIu64 " %-6s %6zu %6u %7s %6u %s", namespace->number, namespace->kind,
           namespace->pid_count, namespace->tasks, first, namespace->uid, namespace->comm);
    if (namespace->level)
        printf(" (level %u)", namespace->level);
    if (namespace->monotonic_ns || namespace->boottime_ns)
        printf(" (monotonic %+" PRId64 " s, boottime %+" PRId64 " s)",
               namespace->monotonic_ns / NS_PER_SECOND, namespace->boottime_ns / NS_PER_SECOND);
    putchar('\n');
}

static json_t *to_json(const struct vt_namespace *namespace)
{
    json_t *pids = json_array();

    for (size_t i = 0; i < namespace->pid_count; i++)
        json_array_append_new(pids, json_integer(namespace->pids[i]));
    return json_pack("{s:I,s:s,s:i,s:i,s:o,s:i,s:s,s:i,s:I,s:I,s:o}", "number",
                     (json_int_t) namespace->number, "kind", namespace->kind, "references",
                     (int)namespace->references, "tasks", (int)namespace->tasks, "pids", pids,
                     "uid", (int)namespace->uid, "comm", namespace->comm, "level",
                     (int)namespace->level, "monotonic_ns", (json_int_t) namespace->monotonic_ns,
                     "boottime_ns", (json_int_t) namespace->boottime_ns, "address",
                     json_address(namespace->address));
}

int cli_namespaces(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_namespace *namespaces;
    size_t count;

    cli_parse_look(
        argc, argv,
        "List the namespaces of a running machine, as lsns(8) does inside: number, kind, "
        "how many processes and tasks are in each, and its first process with the user "
        "that owns it.",
        &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_namespaces(guest, &namespaces, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    json_t *list = options.json ? json_array() : NULL;
    if (!list)
        printf("%10s %-6s %6s %6s %7s %6s %s\n", "NUMBER", "KIND", "NPROCS", "TASKS", "PID", "UID",
               "NAME");
    for (size_t i = 0; i < count; i++) {
        if (list)
            json_array_append_new(list, to_json(&namespaces[i]));
        else
            print(&namespaces[i]);
    }
    if (list)
        json_print(list);
    free(namespaces);
    return 0;
}
