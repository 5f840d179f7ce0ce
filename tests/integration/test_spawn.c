/*
 * tests/integration/test_spawn.c - spawn() and templates: children with their programs in one call,
 * all or nothing (docs/spawn.md).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

/* Everything that the program prints, in order. */
static const char children[] = "child arguments 2 last show\n"
                               "child variable none\n"
                               "child in /\n"
                               "child files 1024 4096\n"
                               "child blocks usr1 0 ignores usr2 1\n"
                               "child leads group 0 session 0\n"
                               "child nice 0 policy 0\n"
                               "child has fd 0\n"
                               "child has fd 1\n"
                               "child has fd 2\n"
                               "plain ended 0x700\n"
                               "child arguments 3 last more\n"
                               "child variable green\n"
                               "child in /bin\n"
                               "child files 50 60\n"
                               "child blocks usr1 1 ignores usr2 0\n"
                               "child leads group 1 session 1\n"
                               "child nice 5 policy 3\n"
                               "child cpus 1 first 1\n"
                               "child has fd 0\n"
                               "child has fd 1\n"
                               "child has fd 2\n"
                               "child has fd 40\n"
                               "full ended 0x700\n"
                               "child read b a\n"
                               "exchanged 0\n"
                               "child arguments 3 last ./script\n"
                               "child variable none\n"
                               "child in /tmp/there\n"
                               "child files 1024 4096\n"
                               "child blocks usr1 0 ignores usr2 1\n"
                               "child leads group 0 session 0\n"
                               "child nice 0 policy 0\n"
                               "child has fd 0\n"
                               "child has fd 1\n"
                               "child has fd 2\n"
                               "script ended 0x700\n"
                               "by descriptor 0\n"
                               "parent in /\n"
                               "done\n";
static const char refused[] = "unknown flag: EINVAL request 0\n"
                              "group and session: EINVAL request 0\n"
                              "pidfd without result: EINVAL - 0\n"
                              "message without template: EINVAL request 0\n"
                              "template and program: EINVAL request 0\n"
                              "no pidfd: EBADF template 0\n"
                              "limit: EINVAL limit 1\n"
                              "limit unknown: EINVAL limit 0\n"
                              "limit list bad: EFAULT limit 0\n"
                              "limit list huge: E2BIG limit 0\n"
                              "fd not open: EBADF fd 2\n"
                              "fd twice: EINVAL fd 1\n"
                              "fd negative: EBADF fd 0\n"
                              "fd beyond the limit: EBADF fd 0\n"
                              "fd flag: EINVAL fd 0\n"
                              "fd reserved: EINVAL fd 0\n"
                              "fd list bad: EFAULT fd 0\n"
                              "fd list in the kernel: EFAULT fd 0\n"
                              "fd list huge: E2BIG fd 0\n"
                              "no directory: ENOENT directory 0\n"
                              "directory is a file: ENOTDIR directory 0\n"
                              "no program: ENOENT program 0\n"
                              "program empty: ENOENT program 0\n"
                              "program is a directory: EACCES program 0\n"
                              "program address: EFAULT program 0\n"
                              "program fd: EBADF program 0\n"
                              "program not executable: EACCES program 0\n"
                              "arguments address: EFAULT arguments 0\n"
                              "arguments strings: EFAULT arguments 0\n"
                              "environment strings: EFAULT environment 0\n"
                              "not a program: ENOEXEC load 0\n"
                              "exit signal: EINVAL signals 0\n"
                              "policy: EINVAL scheduling 0\n"
                              "nice: EINVAL scheduling 1\n"
                              "affinity: EINVAL scheduling 2\n"
                              "no result wanted: ENOENT - 0\n"
                              "no group: EPERM group 0\n"
                              "group of another session: EPERM group 0\n"
                              "terminal without session: EINVAL terminal 0\n"
                              "terminal not open: EBADF terminal 0\n"
                              "not a terminal: ENOTTY terminal 0\n"
                              "result not writable: EFAULT\n"
                              "too small: EINVAL none 0\n"
                              "too large: E2BIG none 0\n"
                              "larger, not zero: E2BIG none 0\n"
                              "structure address: EINVAL none 0\n"
                              "larger, zero: 0\n"
                              "no descriptor for the pidfd: EMFILE pidfd 0\n"
                              "too many processes: EAGAIN process 0\n"
                              "nice without the right: EACCES scheduling 1\n"
                              "done\n";

static void expect_output(const struct variant *variant, const char *program, const char *mode,
                          const char *expected)
{
    variant_require(variant);
    struct session *session = session_start_program(variant, program, mode, NULL);
    session_wait_exit(session, 0);
    const char *said = session_stdout(session, NULL);
    if (strcmp(said, expected) != 0) {
        size_t same = 0;
        while (said[same] && said[same] == expected[same])
            same++;
        while (same && said[same - 1] != '\n')
            same--;
        cr_assert_fail("\n%.200s\nwhere was expected\n%.200s", said + same, expected + same);
    }
    session_destroy(session);
}

/* Has a child exactly what its builder said: strings, directory, descriptors (exchanged ones too),
 * limits, signals, session, scheduling; and are its names looked up from where it stands? */
VARIANT_TEST(spawn, children)
{
    expect_output(variant, "spawns", "children", children);
}

/* The same from a program with the other C library. */
VARIANT_TEST_ONE_CPU(spawn, children_of_musl)
{
    expect_output(variant, "spawns-musl", "children", children);
}

/* Does every step that can fail name itself, its entry and the reason, and leave no child? Hostile
 * structures among them: bad addresses, descriptors twice, huge counts, sizes of other versions. */
VARIANT_TEST(spawn, refused)
{
    expect_output(variant, "spawns", "refused", refused);
}

static const char namespaces[] = "after process 1: -1 errno 12 step 1\n"
                                 "inside: child 2\n"
                                 "inside: waited 2\n"
                                 "inside: leader 3\n"
                                 "inside: member 4\n"
                                 "inside: waited 1\n"
                                 "inside: nobody's group -1 errno 1\n"
                                 "done\n";

/* Are the numbers that spawn takes and gives those of the caller's PID namespace, and is the child in
 * it? */
VARIANT_TEST(spawn, pid_namespaces)
{
    expect_output(variant, "spawns", "namespaces", namespaces);
}

/* ---- nothing is left ---- */

#define PIDS_PER_FRAME 128u

struct holdings {
    uint64_t frames, tasks, processes, spaces;
};

static struct holdings holdings(struct vt_guest *guest)
{
    struct vt_counters counters;

    require_ok(vt_guest_counters(guest, &counters), "counters");
    return (struct holdings){frames_in_use(guest), counters.tasks, counters.processes,
                             counters.address_spaces};
}

/* The same as before, but for frames of the PID table, which grows as numbers are first used. The
 * last pieces of an ended task may go a moment after its parent knows. */
static void expect_holdings(struct vt_guest *guest, const struct holdings *before, uint64_t more)
{
    struct holdings after;

    for (unsigned tries = 0; tries < 4000; tries++) {
        after = holdings(guest);
        if (after.tasks == before->tasks && after.processes == before->processes &&
            after.spaces == before->spaces && after.frames <= before->frames + more)
            return;
        usleep(500);
    }
    cr_assert_fail("%ld frames, %ld tasks, %ld processes, %ld address spaces too many",
                   (long)(after.frames - before->frames), (long)(after.tasks - before->tasks),
                   (long)(after.processes - before->processes),
                   (long)(after.spaces - before->spaces));
}

/* It is seen to wait to be copied, and how often it was. */
static void expect_template(struct vt_guest *guest, int pid, uint64_t copies)
{
    struct vt_task task;
    uint64_t process, counted;

    require_ok(vt_guest_task(guest, pid, &task), "task");
    cr_expect(task.state == TASK_BLOCKED && task.wait_kind == WAIT_TEMPLATE, "state %d kind %d",
              (int)task.state, (int)task.wait_kind);
    cr_expect_str_eq(vt_wait_kind_name(task.wait_kind), "template");
    require_ok(vt_guest_read_field(guest, task.address, "task", "process", &process), "process");
    require_ok(vt_guest_read_field(guest, process, "process", "template_copies", &counted),
               "copies");
    cr_expect(counted == copies, "%lu copies", (unsigned long)counted);
}

/* What the program holds before and after it has done its work `count` times. */
static void expect_nothing_left(const struct variant *variant, const char *program,
                                const char *mode, unsigned count)
{
    char times[16];

    snprintf(times, sizeof times, "%u", count);
    const char *arguments[] = {guest_program(program), mode, times, NULL};
    struct session_settings settings = {
        .arguments = arguments, .keep_input_open = true, .unstopped = true};
    struct session *session = session_start(variant, &settings);
    int pid = strcmp(program, "templates") == 0 ? atoi(session_expect(session, "template ")) : 0;
    session_expect(session, "ready");
    bool copies = strcmp(program, "templates") == 0;
    if (copies)
        expect_template(session_guest(session), pid, 20);
    struct holdings before = holdings(session_guest(session));
    session_send(session, "go\n");
    if (!copies) {
        session_expect(session, "refused");
        expect_holdings(session_guest(session), &before, 0);
        session_send(session, "go\n");
    }
    session_expect(session, "repeated");
    expect_holdings(session_guest(session), &before, count / PIDS_PER_FRAME + 1);
    if (copies)
        expect_template(session_guest(session), pid, 20 + count);
    session_send(session, "end\n");
    session_expect(session, "done");
    session_wait_exit(session, 0);
    cr_expect_null(strstr(session_stdout(session, NULL), "FAILED"));
    session_destroy(session);
}

/* Are the machine's tasks, address spaces and frames as many as before, after spawns that failed at
 * their last step and spawns that ended? */
VARIANT_TEST(spawn, nothing_left)
{
    variant_require(variant);
    expect_nothing_left(variant, "spawns", "repeat", harness_count(variant, 300, 30, true));
}

/* ---- templates ---- */

static const char templates[] = "copy got a first message (15), 512 pages right\n"
                                "copy rounds up 1, thread variable 5\n"
                                "copy took 1 signals as itself\n"
                                "ended 0x6100\n"
                                "copy got  (0), 512 pages right\n"
                                "copy rounds up 1, thread variable 5\n"
                                "copy took 1 signals as itself\n"
                                "ended 0\n"
                                "copy got report (6), 512 pages right\n"
                                "copy rounds up 1, thread variable 5\n"
                                "copy took 1 signals as itself\n"
                                "ended 0x7200\n"
                                "copy wrote told\n"
                                "copy got "
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx (100), 512 pages right\n"
                                "copy rounds up 1, thread variable 5\n"
                                "copy took 1 signals as itself\n"
                                "ended 0x7800\n"
                                "refused: the message: Message too long\n"
                                "template interrupted 1 after 1 signals\n"
                                "copy got z (1), 512 pages right\n"
                                "copy rounds up 1, thread variable 5\n"
                                "copy took 2 signals as itself\n"
                                "refused: the template: Bad file descriptor\n"
                                "refused: the template: Resource temporarily unavailable\n"
                                "refused: the template: No such process\n"
                                "refused: the template: No such process\n"
                                "read-only 1\n"
                                "huge 1\n"
                                "no such fd 1\n"
                                "threads 1\n"
                                "done\n";

/* Has a copy the template's memory, registers, thread, descriptors and dispositions, its own
 * message and pid, and nothing of another copy; and is what cannot be copied refused? */
VARIANT_TEST(spawn, templates)
{
    expect_output(variant, "templates", "copies", templates);
}

static const char pool[] = "job 0 done: 0\n"
                           "job 1 done: 0\n"
                           "job 2 done: 0\n"
                           "job 3 done: 0\n"
                           "job 4 done: 0\n"
                           "job 5 done: 0\n"
                           "job 6 done: 0\n"
                           "job 7 done: 0\n"
                           "children left 0\n"
                           "done\n";

/* Do copies from a pool get their message and descriptors, is one that died replaced, and does the
 * pool end with its owner's wish? */
VARIANT_TEST(spawn, pool)
{
    expect_output(variant, "templates", "pool", pool);
}

/* Is the machine as it was after 1,000 copies; and is the template seen as one, with how many? */
VARIANT_TEST(spawn, thousand_copies)
{
    variant_require(variant);
    expect_nothing_left(variant, "templates", "repeat", harness_count(variant, 1000, 50, true));
}

/* In instructions, with the end of the child and the wait: is a spawn cheaper than fork and exec,
 * and a copy of a template at most half of them? */
Test(spawn, cost)
{
    const struct variant variant = {VT_ACCEL_QEMU, 1};
    const char *arguments[] = {guest_program("templates"), "cost", NULL};
    struct session_settings settings = {.arguments = arguments, .icount = true};
    unsigned long fork_exec, spawn, copy;

    variant_require(&variant);
    struct session *session = session_start(&variant, &settings);
    const char *line = session_expect(session, "cost ");
    cr_assert_eq(sscanf(line, "%lu %lu %lu", &fork_exec, &spawn, &copy), 3, "%s", line);
    session_wait_exit(session, 0);
    session_destroy(session);
    cr_expect_lt(spawn, fork_exec, "spawn %lu, fork + exec %lu", spawn, fork_exec);
    cr_expect_leq(copy, fork_exec / 2, "copy %lu, fork + exec %lu", copy, fork_exec);
}
