/*
 * tests/integration/shell_guest.c - see shell_guest.h.
 *
 * Nothing that a line leaves behind may reach the next one: after a hang every process but init and
 * the shell itself is killed, again and again while new ones appear.
 */
#include "tests/integration/shell_guest.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAID_BYTES = 3000,      /* of a line's output, in a failure's text */
    REPORT_BYTES = 6000,    /* who waits for what */
    LONGEST_LINE_S = 900,   /* deadline of what the harness itself waits for */
    KILL_ROUNDS = 30,       /* each of them a second */
    INIT_AND_SHELL_PID = 2, /* the shell is the first program */
};

static const char *const shell[] = {"/bin/sh", "-c",
                                    "cd /work; while read -r line; do eval \"$line\"; done", NULL};

static char report[REPORT_BYTES];

static void start(struct shell_guest *guest)
{
    const struct session_settings settings = {.arguments = shell,
                                              .environment = guest->environment,
                                              .rootfs = guest->root,
                                              .keep_input_open = true,
                                              .memory_bytes = 1ull << 30,
                                              .unstopped = true,
                                              .seconds = LONGEST_LINE_S};

    guest->session = session_start(guest->variant, &settings);
    guest->said = 0;
}

void shell_guest_start(struct shell_guest *guest, const struct variant *variant, const char *root,
                       const char *const *environment)
{
    *guest = (struct shell_guest){.variant = variant, .root = root, .environment = environment};
    report[0] = '\0';
    start(guest);
}

/* Adds to the report what fits. */
__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
    size_t used = strlen(report);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(report + used, sizeof report - used, format, arguments);
    va_end(arguments);
}

static void add_wait(const struct vt_wait *wait)
{
    add("  %d (%s) waits: %s", wait->tid, wait->comm, wait->what);
    if (*wait->who != '\0') {
        add("; %s:", wait->who);
        for (size_t i = 0; i < wait->waker_count; i++)
            add(" %d", wait->wakers[i]);
        if (wait->waker_count == 0)
            add(" nobody");
    }
    if (wait->deadline_ns != 0)
        add("; ends by itself at %.3f s", (double)wait->deadline_ns / 1e9);
    add("%s\n", wait->dead ? "; NOBODY IS LEFT WHO COULD END IT" : "");
}

/* Who waits for what, and who does not wait at all. */
static void describe(struct vt_guest *guest)
{
    struct vt_error *error;
    struct vt_wait *waits;
    struct vt_task *tasks;
    size_t count;

    error = vt_guest_waits(guest, &waits, &count);
    if (error != NULL) {
        add("  (its waits cannot be read: %s)\n", vt_error_message(error));
        vt_error_destroy(error);
    } else {
        for (size_t i = 0; i < count; i++)
            if (waits[i].pid >= INIT_AND_SHELL_PID)
                add_wait(&waits[i]);
        free(waits);
    }
    error = vt_guest_tasks(guest, &tasks, &count);
    if (error != NULL) {
        add("  (its tasks cannot be read: %s)\n", vt_error_message(error));
        vt_error_destroy(error);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (!tasks[i].idle && !tasks[i].kernel_thread && tasks[i].state != TASK_BLOCKED)
            add("  %d (%s) is %s\n", tasks[i].tid, tasks[i].comm,
                vt_task_state_name(tasks[i].state));
    free(tasks);
}

static void kill_all(struct vt_guest *guest)
{
    struct vt_task *tasks;
    size_t count;
    struct vt_error *error = vt_guest_tasks(guest, &tasks, &count);

    if (error != NULL) {
        vt_error_destroy(error);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (!tasks[i].idle && !tasks[i].kernel_thread && tasks[i].tid == tasks[i].pid &&
            tasks[i].pid > INIT_AND_SHELL_PID)
            vt_error_destroy(vt_guest_signal(guest, tasks[i].pid, SIGKILL)); /* it may have ended */
    free(tasks);
}

/* The line is given up. The guest is ready for the next one when this returns. */
static void clear_away(struct shell_guest *guest, unsigned seconds)
{
    struct vt_guest *seen = session_guest(guest->session);

    add("no end after %u s; then\n", seconds);
    describe(seen);
    for (int round = 0; round < KILL_ROUNDS; round++) {
        kill_all(seen);
        if (session_await(guest->session, "status ", 1) != NULL) {
            kill_all(seen); /* what was no child of the line's */
            return;
        }
    }
    add("SIGKILL to all of its processes did not end it; then\n");
    describe(seen);
    session_destroy(guest->session);
    start(guest);
}

int shell_guest_run(struct shell_guest *guest, const char *text, unsigned seconds)
{
    static char line[8192];
    const char *status;
    size_t used = 0;

    report[0] = '\0';
    session_stderr(guest->session, &guest->said);
    used += (size_t)snprintf(line, sizeof line, "printf '%%b' '");
    for (const char *at = text; *at != '\0'; at++)
        used += (size_t)snprintf(line + used, sizeof line - used,
                                 *at == '\n'   ? "\\n"
                                 : *at == '\\' ? "\\\\"
                                               : "%c",
                                 *at);
    snprintf(line + used, sizeof line - used,
             "' >/tmp/do; sh /tmp/do </dev/null 1>&2; echo status $?\n");
    session_send(guest->session, line);
    status = session_await(guest->session, "status ", seconds);
    if (status != NULL)
        return atoi(status);
    clear_away(guest, seconds);
    return SHELL_HUNG;
}

const char *shell_guest_said(const struct shell_guest *guest)
{
    static char said[SAID_BYTES + REPORT_BYTES];
    size_t bytes, from;
    const char *all = session_stderr(guest->session, &bytes);

    from = bytes - guest->said > SAID_BYTES ? bytes - SAID_BYTES : guest->said;
    snprintf(said, sizeof said, "%.*s%s", (int)(bytes - from), all + from, report);
    return said;
}

void shell_guest_finish(struct shell_guest *guest)
{
    session_close_input(guest->session);
    session_wait_exit(guest->session, 0);
    session_destroy(guest->session);
    guest->session = NULL;
}
