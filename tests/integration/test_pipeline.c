/*
 * tests/integration/test_pipeline.c - the main job: a pipeline of an unmodified busybox, its
 * output, and its processes, parents, exit statuses and pipes as the trace tells them.
 */
#include <string.h>

#include "tests/integration/events.h"

#define PROCESSES_MAX 64

struct seen_process {
    int32_t pid, parent;
    bool ended, reaped, execed, waited_on_pipe;
    char comm[17];
    uint32_t status;
};

struct seen {
    struct seen_process processes[PROCESSES_MAX];
    size_t count;
};

static struct seen_process *seen_find(struct seen *seen, int32_t pid)
{
    for (size_t i = 0; i < seen->count; i++)
        if (seen->processes[i].pid == pid)
            return &seen->processes[i];
    cr_assert(seen->count < PROCESSES_MAX, "more than %d processes", PROCESSES_MAX);
    seen->processes[seen->count].pid = pid;
    return &seen->processes[seen->count++];
}

static void seen_from_events(struct seen *seen, const struct event_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        const struct trace_record *record = &log->records[i];
        struct seen_process *process;

        switch (record->type) {
        case TRACE_FORK:
            process = seen_find(seen, high_half(record->arg[0]));
            process->parent = record->tgid;
            break;
        case TRACE_EXEC:
            process = seen_find(seen, record->tgid);
            process->execed = true;
            memcpy(process->comm, record->arg, 16);
            break;
        case TRACE_EXIT:
            if (record->arg[1] == 1) {
                process = seen_find(seen, record->tgid);
                process->ended = true;
                process->status = (uint32_t)record->arg[0];
            }
            break;
        case TRACE_REAP:
            process = seen_find(seen, low_half(record->arg[0]));
            cr_assert(process->ended, "process %d is reaped before it ended", process->pid);
            cr_assert(process->status == (uint32_t)high_half(record->arg[0]),
                      "process %d ended with %x and was reaped with %x", process->pid,
                      process->status, (uint32_t)high_half(record->arg[0]));
            process->reaped = true;
            break;
        case TRACE_SWITCH:
            if (switch_reason_of(record) == SWITCH_BLOCKED &&
                ((record->arg[1] >> 16 & 0xff) == WAIT_PIPE_READ))
                seen_find(seen, low_half(record->arg[0]))->waited_on_pipe = true;
            break;
        default:
            break;
        }
    }
}

static const char *const pipeline[] = {"/bin/busybox", "sh", "-c", "ls -la / | grep bin | wc -l",
                                       NULL};

/* Does the pipeline print the right number, with status 0? */
VARIANT_TEST(pipeline, output)
{
    struct session_settings settings = {.arguments = pipeline};
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    cr_assert_str_eq(session_stdout(session, NULL), "1\n");
    cr_assert_str_eq(session_stderr(session, NULL), "");
    session_destroy(session);
}

/* Are all its processes in the trace, with the right parent, and does each end well and get
 * noticed? */
VARIANT_TEST(pipeline, processes_from_outside)
{
    /* The pause lets the readers come to their pipes before the first writer has ended. */
    const char *arguments[] = {"/bin/busybox", "sh", "-c",
                               harness_is_slow(variant)
                                   ? "(sleep 2; ls -la /) | grep bin | wc -l"
                                   : "(sleep 0.2; ls -la /) | grep bin | wc -l",
                               NULL};
    struct session_settings settings = {
        .arguments = arguments, .trace = true, .trace_lossless = true};
    struct event_log log;
    struct seen seen = {0};
    struct session *session;
    struct seen_process *shell = NULL;
    unsigned children = 0, pipe_waits = 0;

    variant_require(variant);
    session = session_start(variant, &settings);
    events_collect(session, &log);
    session_wait_exit(session, 0);
    events_finish(&log);
    seen_from_events(&seen, &log);
    for (size_t i = 0; i < seen.count; i++)
        if (shell == NULL && seen.processes[i].execed)
            shell = &seen.processes[i];
    cr_assert(shell != NULL, "no exec in the trace");
    for (size_t i = 0; i < seen.count; i++) {
        const struct seen_process *process = &seen.processes[i];

        if (process->pid == shell->pid || process->parent != shell->pid)
            continue;
        children++;
        pipe_waits += process->waited_on_pipe;
        cr_assert(process->ended, "process %d (%s) never ended", process->pid, process->comm);
        cr_assert(process->reaped, "nobody noticed the end of process %d", process->pid);
        cr_assert(process->status == 0, "process %d ended with wait status %x", process->pid,
                  process->status);
    }
    cr_assert(children == 3, "the shell has %u children instead of 3", children);
    cr_assert(pipe_waits >= 1, "nobody waited for a pipe");
    cr_assert(shell->ended && shell->status == 0, "the shell's end is missing");
    events_check_transitions(&log);
    events_free(&log);
    session_destroy(session);
}

/* Do exit statuses of pipeline members come through as the shell reports them? */
VARIANT_TEST(pipeline, exit_codes)
{
    static const char *const arguments[] = {
        "/bin/busybox", "sh", "-c",
        "(exit 3) | (exit 5); echo $?; false; echo $?; /bin/nothere 2>/dev/null; echo $?; "
        "sh -c 'kill -15 $$'; echo $?; exit 7",
        NULL};
    struct session_settings settings = {.arguments = arguments};
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    session_wait_exit(session, 7);
    cr_assert_str_eq(session_stdout(session, NULL), "5\n1\n127\n143\n");
    session_destroy(session);
}

/* A bigger tangle: many processes at once, real tools, one right answer. */
VARIANT_TEST(pipeline, many_tools)
{
    static const char *const arguments[] = {
        "/bin/busybox", "sh", "-c",
        "mkdir /tmp/d; cd /tmp/d; for i in 5 3 9 1 7; do echo $i > f$i & done; wait; "
        "cat f* | sort -n | tr '\\n' ' '; ls | wc -l; find . -name 'f*' | sort | head -n 1; "
        "seq 1 2000 | grep 7 | wc -l; dd if=/dev/zero bs=1k count=64 2>/dev/null | wc -c; "
        "mv f1 g; rm f3; ln -s g h; cat h; cd /; rm -r /tmp/d; ls /tmp | wc -l",
        NULL};
    struct session_settings settings = {.arguments = arguments};
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    cr_assert_str_eq(session_stdout(session, NULL), "1 3 5 7 9 5\n./f1\n542\n65536\n1\n0\n");
    session_destroy(session);
}
