/*
 * follow.c - `follow NAME PID`: prints everything that happens to one process of a running machine,
 * until the process ends. The machine was started by somebody else, as with
 * `vitrine run --name NAME -- PROGRAM`; nothing in it notices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <vitrine.h>

#define READY_MS    10000
#define THREADS_MAX 4096

/* The threads of the process. Numbers are not used again while it lives. */
struct followed {
    int32_t pid;
    int32_t threads[THREADS_MAX];
    size_t count;
};

static bool is_ours(const struct followed *followed, uint64_t tid)
{
    for (size_t i = 0; i < followed->count; i++)
        if (followed->threads[i] == (int32_t)tid)
            return true;
    return false;
}

static void add_thread(struct followed *followed, int32_t tid)
{
    if (followed->count < THREADS_MAX && !is_ours(followed, (uint64_t)tid))
        followed->threads[followed->count++] = tid;
}

/* The lower and upper half of an argument: often a task, and what goes with it. */
static uint64_t low(uint64_t argument)
{
    return argument & 0xffffffff;
}
static uint64_t high(uint64_t argument)
{
    return argument >> 32;
}

static void print_switch(const struct followed *followed, const struct trace_record *event)
{
    enum switch_reason reason = event->arg[1] >> 8 & 0xff;
    enum wait_kind wait = event->arg[1] >> 16 & 0xff;

    if (is_ours(followed, high(event->arg[0])))
        printf("thread %lu gets the processor", high(event->arg[0]));
    else
        printf("thread %lu leaves the processor: %s", low(event->arg[0]),
               reason == SWITCH_BLOCKED ? vt_wait_kind_name(wait) : vt_switch_reason_name(reason));
}

/* Whether the event is about the process; prints it if it is. */
static void print(const struct followed *followed, struct vt_guest *guest, struct vt_trace *trace,
                  const struct trace_record *event)
{
    enum trace_type type = event->type;
    bool about = event->tgid == followed->pid; /* it is the process that does something */

    switch (type) {
    case TRACE_SWITCH:
        about = is_ours(followed, low(event->arg[0])) || is_ours(followed, high(event->arg[0]));
        break;
    case TRACE_WAKEUP:
    case TRACE_SIGNAL:
    case TRACE_MIGRATE:
    case TRACE_STOP_TASK:
        about |= is_ours(followed, low(event->arg[0])); /* something is done to it */
        break;
    default:
        break;
    }
    if (!about)
        return;
    printf("%12.6f ms  CPU %u  %-10s ", (double)vt_guest_tsc_to_ns(guest, event->tsc) / 1e6,
           event->cpu, vt_trace_type_name(type));
    switch (type) {
    case TRACE_SWITCH:
        print_switch(followed, event);
        break;
    case TRACE_WAKEUP:
        printf("thread %lu, by %d (%s)", low(event->arg[0]), event->tid,
               vt_trace_comm(trace, event->tid));
        break;
    case TRACE_FORK:
        printf("%s %lu", (int32_t)high(event->arg[0]) == followed->pid ? "thread" : "process",
               low(event->arg[0]));
        break;
    case TRACE_SIGNAL:
        printf("%lu to thread %lu, from %d", high(event->arg[0]), low(event->arg[0]), event->tid);
        break;
    case TRACE_FAULT:
        printf("at %#lx", (unsigned long)event->arg[0]);
        break;
    default:
        printf("thread %d (%s)", event->tid, vt_trace_comm(trace, event->tid));
    }
    putchar('\n');
    fflush(stdout);
}

/* Until the last thread of the process has ended, or the machine. */
static struct vt_error *follow(struct vt_guest *guest, struct vt_trace *trace,
                               struct followed *followed)
{
    for (;;) {
        struct trace_record event;
        struct vt_error *error = vt_trace_next(trace, -1, &event);

        if (error)
            return error;
        if (event.type == TRACE_FORK && (int32_t)high(event.arg[0]) == followed->pid)
            add_thread(followed, (int32_t)low(event.arg[0]));
        print(followed, guest, trace, &event);
        if (event.type != TRACE_EXIT || event.tgid != followed->pid || event.arg[1] != 1)
            continue;
        int status = (int)event.arg[0];
        if (WIFSIGNALED(status))
            printf("process %d was ended by signal %d\n", followed->pid, WTERMSIG(status));
        else
            printf("process %d ended with status %d\n", followed->pid, WEXITSTATUS(status));
        return NULL;
    }
}

/* The threads that it has now. */
static struct vt_error *find(struct vt_guest *guest, struct followed *followed)
{
    struct vt_task *tasks;
    size_t count;
    struct vt_error *error = vt_guest_tasks(guest, &tasks, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        if (tasks[i].pid == followed->pid && !tasks[i].kernel_thread && !tasks[i].idle) {
            if (!followed->count)
                printf("following process %d (%s)\n", followed->pid, tasks[i].comm);
            add_thread(followed, tasks[i].tid);
        }
    free(tasks);
    fflush(stdout);
    return followed->count
               ? NULL
               : vt_error_create(VT_ERROR_NOT_FOUND, "there is no process %d", followed->pid);
}

int main(int argc, char **argv)
{
    static struct followed followed;
    struct vt_guest *guest = NULL;
    struct vt_trace *trace = NULL;

    if (argc != 3) {
        fprintf(stderr, "usage: follow NAME PID\n");
        return 2;
    }
    followed.pid = atoi(argv[2]);
    struct vt_error *error = vt_guest_attach(argv[1], &guest);
    if (!error)
        error = vt_guest_ready(guest, READY_MS);
    /* The reader comes first: what happens between two lines here is not missed. */
    if (!error)
        error = vt_trace_open(guest, true, &trace);
    if (!error)
        error = vt_guest_ask_trace(guest, ~0ull);
    if (!error)
        error = find(guest, &followed);
    if (!error)
        error = follow(guest, trace, &followed);
    if (!error && vt_trace_lost(trace))
        printf("%lu events were lost: the machine was faster than this program\n",
               (unsigned long)vt_trace_lost(trace));
    if (error)
        fprintf(stderr, "follow: %s\n", vt_error_message(error));
    bool failed = error != NULL;
    vt_error_destroy(error);
    vt_trace_close(trace);
    if (guest)
        vt_guest_detach(guest);
    return failed;
}
