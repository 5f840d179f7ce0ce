/* tests/integration/test_tokens.c - who processes are and threads act as, seen from outside. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/events.h"
#include "tests/integration/role.h"
#include "vmm/export/security_text.h"

#define ALL_PRIVILEGES 0xc000000ffffffffcull

struct seen {
    struct vt_token *all;
    size_t count;
};

static struct seen look(struct session *session)
{
    struct seen seen;

    require_ok(vt_guest_tokens(session_guest(session), &seen.all, &seen.count), "vt_guest_tokens");
    return seen;
}

static const struct vt_token *by_id(const struct seen *seen, uint64_t id)
{
    for (size_t i = 0; i < seen->count; i++)
        if (seen->all[i].id == id)
            return &seen->all[i];
    return NULL;
}

static uint64_t expect_number(struct session *session, const char *prefix)
{
    return strtoull(session_expect(session, prefix), NULL, 10);
}

static void check_command(const char *name, uint64_t id, int32_t pid)
{
    struct command_result result = COMMAND("tokens", "--json", name);
    json_t *list = json_loads(result.out, 0, NULL), *entry;
    bool found = false;
    size_t i;

    cr_assert(result.status == 0 && json_is_array(list), "%s%s", result.out, result.err);
    json_array_foreach(list, i, entry)
    {
        if ((uint64_t)json_integer_value(json_object_get(entry, "id")) != id)
            continue;
        found = true;
        cr_assert_str_eq(json_string_value(json_object_get(entry, "user")), "S-1-5-18");
        cr_assert_str_eq(json_string_value(json_object_get(entry, "integrity")), "system");
        cr_assert_eq(json_integer_value(json_array_get(json_object_get(entry, "processes"), 0)),
                     pid);
        cr_assert_eq(json_array_size(json_object_get(entry, "groups")), 5);
        cr_assert_eq(json_array_size(json_object_get(entry, "privileges")), 36);
    }
    cr_assert(found, "%s", result.out);
    json_decref(list);
    command_free(&result);
    result = COMMAND("tokens", name);
    cr_assert(result.status == 0 && strstr(result.out, "INTEGRITY") &&
                  strstr(result.out, "anonymous"),
              "%s%s", result.out, result.err);
    command_free(&result);
}

/* Has a child a token of its own that says the same, a thread its process's, and does the child's go with it? */
VARIANT_TEST(tokens, processes_and_threads)
{
    char name[32];

    variant_require(variant);
    struct session *session = role_start(variant, "token_holders", NULL, NULL, name);
    uint64_t parent = expect_number(session, "parent ");
    cr_assert_eq(expect_number(session, "thread "), parent);
    uint64_t child = expect_number(session, "child ");
    cr_assert_neq(child, parent);
    int32_t pid = (int32_t)expect_number(session, "pid ");

    struct seen seen = look(session);
    const struct vt_token *theirs = by_id(&seen, child), *own = by_id(&seen, parent);
    cr_assert(theirs && own, "%zu tokens, and not these", seen.count);
    cr_assert(theirs->pid_count == 1 && theirs->pids[0] == pid && theirs->references == 1);
    cr_assert(own->pid_count == 1 && own->pids[0] == 2 && own->references == 1);
    cr_assert(!theirs->impersonation && !theirs->tid_count && theirs->level == 0);
    cr_assert_str_eq(theirs->user, "S-1-5-18");
    cr_assert_str_eq(theirs->groups, own->groups);
    cr_assert_str_eq(own->groups, "S-1-5-32-544 S-1-1-0 S-1-5-11 S-1-2-0 S-1-5-5-0-999");
    cr_assert(own->attributes[0] == 0xf && own->attributes[4] == 0xc0000007, "%#x, %#x",
              own->attributes[0], own->attributes[4]);
    cr_assert(theirs->privileges_present == ALL_PRIVILEGES &&
              theirs->privileges_enabled == ALL_PRIVILEGES &&
              theirs->privileges_default == ALL_PRIVILEGES);
    cr_assert(theirs->session == 999 && theirs->logon_type == 5 && theirs->integrity == 16384);
    cr_assert(memcmp(theirs->guid, own->guid, sizeof own->guid) != 0);
    free(seen.all);
    check_command(name, child, pid);

    session_send(session, "end\n");
    session_expect(session, "alone");
    seen = look(session);
    cr_assert(!by_id(&seen, child) && by_id(&seen, parent), "a token without holders is there");
    free(seen.all);
    role_end(session);
}

/* Are the kernel's own processes SYSTEM, all by one token, and is there an Anonymous that nobody is? */
VARIANT_TEST(tokens, the_first_two)
{
    char name[32];

    variant_require(variant);
    struct session *session = role_start(variant, "token_holders", NULL, NULL, name);
    session_expect(session, "pid ");
    struct seen seen = look(session);
    const struct vt_token *system = by_id(&seen, 1), *anonymous = by_id(&seen, 2);
    cr_assert(system && anonymous);
    cr_assert(system->pid_count >= 1 && system->pids[0] == 1 &&
                  system->references == system->pid_count + 1,
              "%u references, %zu processes", system->references, system->pid_count);
    cr_assert_str_eq(anonymous->user, "S-1-5-7");
    cr_assert(anonymous->impersonation && anonymous->level == 0 && anonymous->integrity == 0 &&
              !anonymous->privileges_present && !anonymous->group_count && !*anonymous->groups &&
              anonymous->session == 998 && anonymous->references == 1 && !anonymous->pid_count);
    free(seen.all);
    session_send(session, "end\n");
    session_send(session, "end\n");
    role_end(session);
}

/* Every case of a program that judges itself: what each asks stands there. */
static void expect_cases(const struct variant *variant, const char *program)
{
    const char *arguments[] = {guest_program(program), NULL};
    struct session_settings settings = {.arguments = arguments};

    variant_require(variant);
    struct session *session = session_start(variant, &settings);
    session_expect(session, "0 of ");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Can tokens be opened, asked, adjusted, made and derived by the rules, and not otherwise? */
VARIANT_TEST(tokens, calls)
{
    expect_cases(variant, "token_calls");
}

/* Can one become and act as somebody else by the rules, and not otherwise? */
VARIANT_TEST(tokens, acting)
{
    expect_cases(variant, "token_acts");
}

/* Does the gate let one do to other processes, the machine and files what one's token gives, and no more? */
VARIANT_TEST(tokens, gates)
{
    expect_cases(variant, "token_gates");
}

/* ---- vitrine run --token ---- */

#define ANNA "S-1-5-21-1-2-3-1001"

static void expect_run(const char *token, const char *program, const char *argument, int status,
                       const char *wanted)
{
    char option[600];

    snprintf(option, sizeof option, "--token=%s", token);
    struct command_result result =
        argument ? COMMAND("run", "--quiet", "--accel=qemu", option, "--", program, argument)
                 : COMMAND("run", "--quiet", "--accel=qemu", option, "--", program);
    cr_expect(result.status == status && strstr(status == 125 ? result.err : result.out, wanted),
              "%s: status %d\n%s%s", token, result.status, result.out, result.err);
    command_free(&result);
}

/* Is the program who the command line says, by token and by Linux's ids? */
Test(tokens_of_runs, somebody, .timeout = 120)
{
    const char *token = "user=" ANNA ",group=BU,group=S-1-5-32-900:optional,privilege=SeDebug,"
                        "privilege=SeTcbPrivilege:disabled,integrity=low,uid=1234,gid=77";
    static const char *const wanted[] = {"user       " ANNA "\n",
                                         "group      S-1-1-0 mandatory enabled\n",
                                         "group      S-1-5-32-545 mandatory enabled\n",
                                         "group      S-1-5-32-900 enabled\n",
                                         "privilege  SeDebugPrivilege enabled\n",
                                         "privilege  SeTcbPrivilege disabled\n",
                                         "integrity  low\n",
                                         " logon\n"};

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        expect_run(token, "/bin/whoami", "/all", 0, wanted[i]);
    expect_run(token, "/bin/id", NULL, 0, "uid=1234 gid=77");
    expect_run("user=SY,privilege=all", "/bin/id", NULL, 0, "uid=0");
    expect_run("user=" ANNA, "/bin/id", NULL, 0, "uid=1000 gid=1000");
    expect_run("user=" ANNA, "/bin/whoami", NULL, 0, ANNA "\n");
}

/* Is each malformed one refused with a sentence that says what is wrong? */
Test(tokens_of_runs, malformed, .timeout = 120)
{
    static const struct {
        const char *token, *wanted;
    } cases[] = {
        {"", "names no user"},
        {"group=BU", "names no user"},
        {"user=", "a SID is"},
        {"user=S-1-5-", "a SID is"},
        {"user=SYX", "a SID is"},
        {"user=SY,user=SY", "there is one user"},
        {"user=SY,groop=BU", "items are"},
        {"user=SY,group=BU:most", "behind the SID"},
        {"user=SY,privilege=SeNothing", "a privilege is called"},
        {"user=SY,privilege=SeDebug:on", "behind the privilege"},
        {"user=SY,integrity=middling", "a level is"},
        {"user=SY,uid=-1", "an id is"},
        {"user=SY,uid=4294967295", "an id is"},
        {"user=SY,write-restricted=1", "items are"},
        {"/nowhere/token", "cannot open the token's file"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_run(cases[i].token, "/bin/true", NULL, 125, cases[i].wanted);
}

/* Can it stand in a file, with remarks? */
Test(tokens_of_runs, file, .timeout = 60)
{
    char path[HARNESS_PATH];
    FILE *file = fopen(fresh_path(path), "w");

    cr_assert_not_null(file);
    fputs("# Anna, as she is on Tuesdays\nuser=" ANNA " # herself\n\n  group=BU , group=BA:deny\n",
          file);
    fclose(file);
    expect_run(path, "/bin/whoami", "/all", 0,
               "group      S-1-5-32-544 mandatory enabled deny-only\n");
    unlink(path);
}

/* ---- what is said of it all ---- */

/* Does the audit log name who was denied what, whom threads act as, and the end of logon sessions? */
Test(tokens_told, audit_log, .timeout = 120)
{
    static const char *const wanted[] = {"DENIED by the token gate: process ",
                                         "DENIED by the token gate: SeTcbPrivilege",
                                         " created, logon session 999",
                                         "is token ",
                                         "acts as token ",
                                         "acts as itself again",
                                         " used SeDebugPrivilege",
                                         " adjusted: privileges "};
    const struct variant variant = {VT_ACCEL_QEMU, 1};
    const char *arguments[] = {guest_program("token_gates"), NULL};
    struct session_settings settings = {
        .arguments = arguments, .trace = true, .trace_lossless = true};
    struct event_log log;
    char *text = NULL;
    size_t bytes, position = 0;
    const struct trace_record *record;

    variant_require(&variant);
    struct session *session = session_start(&variant, &settings);
    require_ok(vt_guest_trace_types(session_guest(session), 1ull << TRACE_SECURITY), "types");
    events_collect(session, &log);
    session_expect(session, "0 of ");
    session_wait_exit(session, 0);
    events_finish(&log);
    struct vt_trace *names;
    require_ok(vt_trace_open(session_guest(session), true, &names), "vt_trace_open");
    FILE *out = open_memstream(&text, &bytes);
    while ((record = events_next(&log, &position, TRACE_SECURITY, 0)) != NULL) {
        security_text_write(out, names, record);
        putc('\n', out);
    }
    fclose(out);
    vt_trace_close(names);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        cr_expect(strstr(text, wanted[i]) != NULL, "nothing says '%s'", wanted[i]);
    free(text);
    events_free(&log);
    session_destroy(session);
}

/* ---- the guest's own programs ---- */

static void expect_tokenctl(const char *token, int status, const char *wanted, const char *script)
{
    char option[600];

    snprintf(option, sizeof option, "--token=%s", token);
    struct command_result result =
        COMMAND("run", "--quiet", "--accel=qemu", option, "--", "/bin/sh", "-c", script);
    cr_expect(result.status == status && (strstr(result.out, wanted) || strstr(result.err, wanted)),
              "%s: status %d\n%s%s", script, result.status, result.out, result.err);
    command_free(&result);
}

/* Do the words of tokenctl do what they say? */
Test(tokens_of_runs, tokenctl, .timeout = 120)
{
    expect_tokenctl("user=SY,privilege=all", 0, "SeDebugPrivilege disabled",
                    "tokenctl privilege disable SeDebug -- /bin/whoami /all");
    expect_tokenctl("user=" ANNA ",privilege=SeDebug", 0, "integrity",
                    "tokenctl privilege remove SeDebug -- /bin/whoami /all | grep -v Debug");
    expect_tokenctl("user=" ANNA, 1, "Invalid argument", "tokenctl privilege enable SeDebug");
    expect_tokenctl("user=" ANNA, 2, "is no privilege", "tokenctl privilege enable SeNothing");
    expect_tokenctl("user=" ANNA, 0, "O:" ANNA, "tokenctl getsd $$");
    expect_tokenctl("user=" ANNA, 1, "Permission denied", "tokenctl getsd token");
    expect_tokenctl("user=" ANNA, 0, "D:(A;;",
                    "tokenctl setsd $$ 'D:(A;;0xe1e73;;;WD)'; tokenctl getsd $$");
    expect_tokenctl("user=" ANNA, 0, "allowed, granted 0x1",
                    "tokenctl check 'O:SYD:(A;;0x1;;;WD)' 1");
    expect_tokenctl("user=" ANNA, 1, "denied, granted 0x1",
                    "tokenctl check 'O:SYD:(A;;0x1;;;WD)' 3");
    expect_tokenctl("user=" ANNA, 1, "Permission denied", "tokenctl restrict -r BU -- true");
}
