/*
 * tests/integration/test_terminal.c - `vitrine run` at a terminal, seen from the host: what the
 * guest takes for a terminal, the terminal's settings while it runs and after every kind of end,
 * and vitrine as a job of a shell. What a person can do at it: test_typing.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/broken_kernel.h"
#include "tests/integration/pty.h"

#define ROWS    30
#define COLUMNS 100

/* ---- what is a terminal ---- */

#define TTY_BITS                                                                                   \
    "r=40; test -t 0 && r=$((r+1)); test -t 1 && r=$((r+2)); test -t 2 && r=$((r+4)); exit $r"

/* Is each stream a terminal in the guest exactly if it is one on the host? */
VARIANT_TEST_ONE_CPU(terminal, which_streams_are_terminals)
{
    static const char *const on_host[] = {"/bin/sh", "-c", TTY_BITS, NULL};
    static const char *const in_guest[] = {"/bin/busybox", "sh", "-c", TTY_BITS, NULL};
    int null;

    variant_require(variant);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int mix = 0; mix < 8; mix++) {
        const int fds[3] = {mix & 1 ? -1 : null, mix & 2 ? -1 : null, mix & 4 ? -1 : null};
        struct pty pty;
        int host, guest;

        pty_open(&pty, ROWS, COLUMNS);
        pty_start(&pty, on_host, fds);
        host = pty_wait(&pty);
        pty_run(&pty, variant, fds, in_guest);
        guest = pty_wait(&pty);
        cr_assert(host == 40 + mix, "the host's own answer is %d for mix %d", host, mix);
        cr_assert(guest == host, "mix %d: %d on the host, %d in the guest", mix, host, guest);
        pty_check_restored(&pty, "a mix of streams");
        pty_close(&pty);
    }
    close(null);
}

/* Does a line end as a line whatever the streams are: CR LF once, and in a pipe LF? */
VARIANT_TEST_ONE_CPU(terminal, line_ends)
{
    static const char *const script[] = {"/bin/busybox", "sh", "-c", "echo out; echo err >&2",
                                         NULL};
    struct pty pty;
    char piped[64] = "";
    int null, ends[2];

    variant_require(variant);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pty_open(&pty, ROWS, COLUMNS);
    pty_run(&pty, variant, NULL, script);
    cr_assert(pty_wait(&pty) == 0);
    cr_assert_str_eq(pty.output, "out\r\nerr\r\n");
    pty_close(&pty);

    /* Without input the terminal is left alone, and ends lines itself. */
    pty_open(&pty, ROWS, COLUMNS);
    pty_run(&pty, variant, (const int[]){null, -1, -1}, script);
    cr_assert(pty_wait(&pty) == 0);
    cr_assert_str_eq(pty.output, "out\r\nerr\r\n");
    pty_close(&pty);

    /* So it does where somebody behind our standard output may write to it. */
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    pty_open(&pty, ROWS, COLUMNS);
    pty_run(&pty, variant, (const int[]){-1, ends[1], -1}, script);
    cr_assert(pty_wait(&pty) == 0);
    cr_assert(read(ends[0], piped, sizeof piped - 1) == 4);
    cr_assert_str_eq(piped, "out\n");
    cr_assert_str_eq(pty.output, "err\r\n");
    pty_close(&pty);
    close(ends[0]);
    close(ends[1]);
    close(null);
}

/* Can the next one in a pipeline write whole lines while the machine runs? */
VARIANT_TEST_ONE_CPU(terminal, pipeline_neighbour)
{
    char machine[PTY_LINE], line[2 * PTY_LINE];
    struct pty pty;

    variant_require(variant);
    pty_open(&pty, ROWS, COLUMNS);
    pty_command_line(variant, "-- /bin/busybox sh -c 'echo one; echo two; sleep 1000'", machine);
    snprintf(line, sizeof line, "%s | while read word; do echo got $word; done", machine);
    pty_start(&pty, (const char *const[]){"/bin/sh", "-c", line, NULL}, NULL);
    pty_expect(&pty, "got one\r\ngot two\r\n");
    cr_assert(pty_is_raw(&pty));
    pty_type(&pty, "\x1d\x1d\x1d"); /* the way out */
    pty_wait(&pty);
    pty_check_restored(&pty, "a pipeline");
    pty_close(&pty);
}

/* ---- given back ---- */

static void check_end(const struct variant *variant, const char *script, int status)
{
    struct pty pty;

    pty_open(&pty, ROWS, COLUMNS);
    PTY_RUN(&pty, variant, "--", "/bin/busybox", "sh", "-c", script);
    int got = pty_wait(&pty);
    cr_assert(got == status, "'%s' ended with %d instead of %d: %s", script, got, status,
              pty.output);
    pty_check_restored(&pty, script);
    pty_close(&pty);
}

/* Is the terminal given back when the program ends, whatever it did to its own? */
VARIANT_TEST_ONE_CPU(terminal, given_back_after_a_program)
{
    variant_require(variant);
    check_end(variant, "exit 0", 0);
    check_end(variant, "stty -icanon -echo -opost; exit 7", 7);
    check_end(variant, "kill -9 $$", 137);
}

/* Starts a program that stays, and sees that the terminal is raw meanwhile. */
static void start_waiting(struct pty *pty, const struct variant *variant)
{
    pty_open(pty, ROWS, COLUMNS);
    PTY_RUN(pty, variant, "--", "/bin/busybox", "sh", "-c", "echo ready; sleep 1000");
    pty_expect(pty, "ready");
    cr_assert(pty_is_raw(pty), "the terminal is not raw while the guest runs");
}

/* Is it given back when vitrine is killed, as the signal says? */
VARIANT_TEST_ONE_CPU(terminal, given_back_after_a_signal)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGUSR1};

    variant_require(variant);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct pty pty;
        char what[32];

        start_waiting(&pty, variant);
        kill(pty.child, signals[i]);
        int status = pty_wait(&pty);
        cr_assert(status == 128 + signals[i], "signal %d ended it with %d", signals[i], status);
        snprintf(what, sizeof what, "signal %d", signals[i]);
        pty_check_restored(&pty, what);
        pty_close(&pty);
    }
}

/* Is it given back at --timeout, and by the way out that the manual names? */
VARIANT_TEST_ONE_CPU(terminal, given_back_after_a_kill)
{
    struct pty pty;

    variant_require(variant);
    pty_open(&pty, ROWS, COLUMNS);
    PTY_RUN(&pty, variant, "--timeout", "1", "--", "/bin/sleep", "1000");
    pty_wait_raw(&pty, true);
    cr_assert(pty_wait(&pty) == 124);
    pty_check_restored(&pty, "--timeout");
    pty_close(&pty);

    start_waiting(&pty, variant);
    pty_type(&pty, "\x1d\x1d\x1d");
    cr_assert(pty_wait(&pty) == 137);
    pty_check_restored(&pty, "Ctrl-] three times");
    pty_close(&pty);
}

static pid_t child_of(pid_t parent)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    pid_t found = 0;

    cr_assert(processes != NULL);
    while ((entry = readdir(processes)) != NULL) {
        char path[300], line[512] = "", *after;
        FILE *file;

        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        file = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
        if (file == NULL)
            continue;
        after = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
        if (after != NULL && strtol(after + 4, NULL, 10) == parent)
            found = atoi(entry->d_name);
        fclose(file);
    }
    closedir(processes);
    return found;
}

/* Is it given back when the guest's kernel panics or the backend dies, and is the report readable
 * then? */
VARIANT_TEST_ONE_CPU(terminal, given_back_after_a_failure)
{
    char path[PATH_MAX];
    struct pty pty;

    variant_require(variant);
    broken_kernel_create(BROKEN_KERNEL_FUNCTION, path);
    pty_open(&pty, ROWS, COLUMNS);
    setenv("VITRINE_KERNEL", path, 1); /* each test is a process of its own */
    PTY_RUN(&pty, variant, "--", "/bin/busybox", "sh", "-c", BROKEN_KERNEL_SCRIPT);
    int status = pty_wait(&pty);
    unsetenv("VITRINE_KERNEL");
    unlink(path);
    cr_assert(status == 125, "status %d", status);
    pty_expect(&pty, "before\r\n");
    pty_expect(&pty, "kernel panicked: invalid opcode in the kernel\r\n");
    pty_check_restored(&pty, "a panic");
    pty_close(&pty);

    if (variant->accel != VT_ACCEL_QEMU)
        return;
    start_waiting(&pty, variant);
    kill(child_of(pty.child), SIGKILL);
    status = pty_wait(&pty);
    cr_assert(status == 125, "status %d", status);
    pty_expect(&pty, "QEMU was ended by signal 9");
    pty_check_restored(&pty, "QEMU's end");
    pty_close(&pty);
}

/* Is it left alone when nothing can be run? */
VARIANT_TEST_ONE_CPU(terminal, given_back_after_bad_arguments)
{
    static const struct {
        const char *arguments[4];
        int status;
    } cases[] = {{{"--nonsense", NULL}, 125},
                 {{NULL}, 125},
                 {{"--", "/bin/not-there", NULL}, 127},
                 {{"--", "/etc/passwd", NULL}, 126},
                 {{"--memory", "1", "/bin/sh", NULL}, 125}};

    variant_require(variant);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pty pty;

        pty_open(&pty, ROWS, COLUMNS);
        pty_run(&pty, variant, NULL, cases[i].arguments);
        int status = pty_wait(&pty);
        cr_assert(status == cases[i].status, "case %zu: %d: %s", i, status, pty.output);
        pty_check_restored(&pty, "bad arguments");
        pty_close(&pty);
    }
}

/* ---- a job of a shell ---- */

/* Types a line for the shell `host$ `, which exists because the terminal is the shell's again. */
static void at_prompt(struct pty *pty, const char *line)
{
    pty_expect(pty, "host$ ");
    pty_type(pty, line);
    pty_type(pty, "\n");
}

static void start_shell(struct pty *pty)
{
    pty_open(pty, ROWS, COLUMNS);
    setenv("PS1", "host$ ", 1);
    pty_start(pty, (const char *const[]){"/bin/sh", "-i", NULL}, NULL);
}

static void exit_shell(struct pty *pty)
{
    at_prompt(pty, "exit 5");
    cr_assert(pty_wait(pty) == 5, "the shell: %s", pty->output);
    pty_check_restored(pty, "the shell");
    pty_close(pty);
}

/*
 * Stopped from elsewhere (^Z is the guest's), is the terminal the shell's; and continued, the
 * guest's again, in the window that has changed meanwhile?
 */
VARIANT_TEST_ONE_CPU(terminal, stopped_and_continued)
{
    char machine[PTY_LINE], line[2 * PTY_LINE];
    struct pty pty;

    variant_require(variant);
    pty_command_line(
        variant,
        "-- /bin/busybox sh -c 'echo ready; read word; until stty size | grep -q ^40; do :; done; '"
        "'echo got $word; cat'",
        machine);
    for (int stop = 0; stop < 2; stop++) {
        start_shell(&pty);
        snprintf(line, sizeof line, "sh -c 'echo pid''=$$; exec \"$@\"' sh %s", machine);
        at_prompt(&pty, line);
        pty_expect(&pty, "pid=");
        pty_expect(&pty, "\n");
        pid_t pid = atoi(strstr(pty.output, "\npid=") + 5);
        pty_expect(&pty, "ready");
        cr_assert(pty_is_raw(&pty));
        kill(pid, stop == 0 ? SIGTSTP : SIGSTOP);
        pty_expect(&pty, "Stopped");
        if (stop == 0)
            pty_check_restored(&pty, "SIGTSTP");
        at_prompt(&pty, "stty sane");
        at_prompt(&pty, "echo still''here");
        pty_expect(&pty, "stillhere");
        pty_set_window(&pty, 40, 90);
        at_prompt(&pty, "fg");
        pty_wait_raw(&pty, true);
        pty_type(&pty, "hello\r");
        pty_expect(&pty, "got hello");
        pty_type(&pty, "\x04");
        pty_wait_raw(&pty, false);
        at_prompt(&pty, "echo status=$?");
        pty_expect(&pty, "status=0");
        at_prompt(&pty, "exit 5");
        cr_assert(pty_wait(&pty) == 5);
        pty_close(&pty);
    }
}

/* In the background, does it leave settings and input to the shell, and take them with `fg`? */
VARIANT_TEST_ONE_CPU(terminal, background)
{
    char machine[PTY_LINE], line[2 * PTY_LINE];
    struct pty pty;

    variant_require(variant);
    start_shell(&pty);
    pty_command_line(variant, "-- /bin/busybox sh -c 'echo rea\"\"dy; read word; echo got $word'",
                     machine);
    snprintf(line, sizeof line, "%s &", machine);
    at_prompt(&pty, line);
    pty_expect(&pty, "ready");
    pty_check_restored(&pty, "a start in the background");
    for (int i = 0; i < 20; i++) {
        char command[64], answer[64];

        snprintf(command, sizeof command, "echo an''swer %d\n", i);
        snprintf(answer, sizeof answer, "answer %d\r\n", i);
        pty_type(&pty, command);
        pty_expect(&pty, answer);
    }
    pty_type(&pty, "fg\n");
    pty_wait_raw(&pty, true);
    pty_type(&pty, "hello\r");
    pty_expect(&pty, "got hello");
    pty_wait_raw(&pty, false);
    exit_shell(&pty);
}
