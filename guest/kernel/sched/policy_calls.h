/* kernel/sched/policy_calls.h - what the system calls of the scheduler share: whom they mean, and who may. */
#ifndef KERNEL_SCHED_POLICY_CALLS_H
#define KERNEL_SCHED_POLICY_CALLS_H

#include "kernel/sched/task.h"

/* The task with that tid, or the caller for 0; counted. -EINVAL: tid is negative; -ESRCH. */
int sched_target(int tid, struct task **ret);
/* May the caller change the other's scheduling: its owner, or root. */
bool sched_may_change(const struct task *task);
/* May the caller give the task that nice value? A better one needs privilege, or RLIMIT_NICE. */
bool sched_may_have_nice(const struct task *task, int nice);

#endif
