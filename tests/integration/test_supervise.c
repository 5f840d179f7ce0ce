/*
 * tests/integration/test_supervise.c - the supervisor of guest/user, judged by its status lines and
 * by what is seen of its programs from outside.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

static struct session *start(const struct variant *variant, const char *const *arguments)
{
    struct session_settings settings = {.arguments = arguments, .keep_input_open = true};

    variant_require(variant);
    return session_start(variant, &settings);
}

/* The pid in a line "... pid N ...". */
static int pid_in(const char *line)
{
    const char *pid = strstr(line, "pid ");

    cr_assert(pid, "no pid in: %s", line);
    return atoi(pid + 4);
}

static struct vt_task task_of(struct session *session, int pid)
{
    struct vt_task task;

    require_ok(vt_guest_task(session_guest(session), pid, &task), "task");
    return task;
}

/* Is a program that was killed from outside noticed, and is the new one another process, of the
 * same parent, leader of its group; and does SIGTERM end all, the last started first? */
VARIANT_TEST(supervise, killed_from_outside)
{
    const char *arguments[] = {"/bin/supervise", "--delay=1", "first always /bin/sleep 1000",
                               "second on-failure /bin/sleep 1000", NULL};
    struct session *session = start(variant, arguments);
    int first = pid_in(session_expect(session, "start first"));
    int second = pid_in(session_expect(session, "start second"));
    int supervisor = task_of(session, first).ppid;
    cr_expect(supervisor == 2 && task_of(session, second).ppid == supervisor);
    for (int i = 0; i < 3; i++) {
        require_ok(vt_guest_signal(session_guest(session), first, SIGKILL), "signal");
        const char *line = session_expect(session, "end first");
        cr_expect(pid_in(line) == first && strstr(line, "signal 9"), "%s", line);
        int again = pid_in(session_expect(session, "start first"));
        cr_expect(again != first);
        struct vt_task task = task_of(session, again);
        cr_expect(task.ppid == supervisor && task.pgid == again);
        first = again;
    }
    require_ok(vt_guest_signal(session_guest(session), supervisor, SIGTERM), "signal");
    cr_expect(pid_in(session_expect(session, "stop second")) == second);
    session_expect(session, "end second");
    cr_expect(pid_in(session_expect(session, "stop first")) == first);
    session_expect(session, "end first");
    session_expect(session, "done");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Policies: does `never` end, `on-failure` end after success only, does the delay double up to its
 * ceiling, and is a program that cannot be started named with the step and given up? */
VARIANT_TEST(supervise, policies)
{
    const char *arguments[] = {"/bin/supervise",
                               "--delay=1",
                               "--longest=4",
                               "--restarts=4",
                               "once never /bin/true",
                               "good on-failure /bin/true",
                               "bad on-failure /bin/false",
                               "none always /bin/none",
                               NULL};
    struct session *session = start(variant, arguments);
    session_wait_exit(session, 1);
    const char *said = session_stdout(session, NULL);
    cr_expect(strstr(said, "end once") && !strstr(said, "restart once"), "%s", said);
    cr_expect(strstr(said, "end good") && !strstr(said, "restart good"), "%s", said);
    cr_expect(strstr(said, "cannot start none: the program: No such file or directory\n"), "%s",
              said);
    const char *at = said;
    static const char *const delays[] = {"1", "2", "4", "4"};
    for (unsigned i = 0; i < 4; i++) {
        char line[64];

        snprintf(line, sizeof line, "restart none in %s ms\n", delays[i]);
        at = strstr(at, line);
        cr_assert(at, "%s: %s", line, said);
        at += strlen(line);
    }
    cr_expect(strstr(at, "give up none after 4 restarts\n"), "%s", said);
    session_destroy(session);
}

/* Is the end of an orphan noticed, whose parent was a program of the supervisor? */
VARIANT_TEST(supervise, orphans)
{
    const char *arguments[] = {
        "/bin/supervise", "family never /bin/sh -c 'exec 3<&0; (read line <&3; exit 5) & exit 4'",
        "other never /bin/sleep 1000", NULL};
    struct session *session = start(variant, arguments);
    const char *line = session_expect(session, "end family");
    cr_expect(strstr(line, "exit 4"), "%s", line);
    session_send(session, "line\n"); /* until now the child waits */
    line = session_expect(session, "orphan pid ");
    cr_expect(strstr(line, "exit 5"), "%s", line);
    require_ok(vt_guest_signal(session_guest(session), 2, SIGTERM), "signal");
    session_expect(session, "done");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Is a program that does not want to end killed after the grace? */
VARIANT_TEST(supervise, unwilling)
{
    const char *arguments[] = {
        "/bin/supervise", "--grace=50",
        "deaf never /bin/sh -c \"trap '' TERM; echo ready; while :; do sleep 1; done\"", NULL};
    struct session *session = start(variant, arguments);
    session_expect(session, "ready");
    require_ok(vt_guest_signal(session_guest(session), 2, SIGTERM), "signal");
    session_expect(session, "stop deaf");
    session_expect(session, "kill deaf");
    const char *line = session_expect(session, "end deaf");
    cr_expect(strstr(line, "signal 9"), "%s", line);
    session_expect(session, "done");
    session_wait_exit(session, 0);
    session_destroy(session);
}
