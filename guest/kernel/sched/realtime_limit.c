/*
 * kernel/sched/realtime_limit.c - RLIMIT_RTTIME: a real-time thread that does not sleep for longer than
 * its process may gets SIGXCPU, again for each second, and at the hard limit SIGKILL.
 */
#include "kernel/sched/realtime_limit.h"
#include "kernel/process/process.h"
#include "kernel/process/signal.h"
#include "kernel/sched/classes.h"
#include "kernel/time/clock.h"

#define LOOK_EVERY_NS 10000000u

static struct rlimit *limit_of(const struct task *task)
{
    return task->process ? &task->process->rlimits[RLIMIT_RTTIME] : NULL;
}

uint64_t realtime_limit_next_look(const struct task *task, uint64_t now)
{
    const struct rlimit *limit = limit_of(task);
    if (!limit || (READ_ONCE(limit->soft) == UINT64_MAX && READ_ONCE(limit->hard) == UINT64_MAX))
        return UINT64_MAX;
    return now + clock_ns_to_tsc(LOOK_EVERY_NS);
}

void realtime_limit_look(struct task *task)
{
    struct rlimit *limit = limit_of(task);
    if (!limit || task->special.class != SCHED_CLASS_REALTIME)
        return;
    uint64_t soft = READ_ONCE(limit->soft), hard = READ_ONCE(limit->hard); /* microseconds */
    uint64_t ran = clock_tsc_to_ns(task->special.ran) / 1000;
    if (hard != UINT64_MAX && ran > hard) {
        signal_send_process(task->process, SIGKILL, NULL);
    } else if (soft != UINT64_MAX && ran > soft) {
        WRITE_ONCE(limit->soft, soft + 1000000);
        signal_send_process(task->process, SIGXCPU, NULL);
    }
}
