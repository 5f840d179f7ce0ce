/* kernel/sched/realtime_limit.h - RLIMIT_RTTIME, looked at while a real-time task runs. */
#ifndef KERNEL_SCHED_REALTIME_LIMIT_H
#define KERNEL_SCHED_REALTIME_LIMIT_H

#include "kernel/lib/types.h"

struct task;

/* When the task, which runs, should be looked at; UINT64_MAX: it has no limit. Queue locked. */
uint64_t realtime_limit_next_look(const struct task *task, uint64_t now);
/* Of the current task; no lock is held. */
void realtime_limit_look(struct task *task);

#endif
