/*
 * kernel/sched/parameters.h - what a task asks of the scheduler (sched(7)), and what it inherits from
 * those who wait for its locks. Both together make its class and its place in it.
 *
 * Locks: all of a task's fields behind this are guarded by the lock of the run queue that it belongs to,
 * which these functions take.
 */
#ifndef KERNEL_SCHED_PARAMETERS_H
#define KERNEL_SCHED_PARAMETERS_H

#include "kernel/sched/task.h"

struct sched_parameters {
    uint32_t policy;  /* enum sched_policy_number */
    int32_t nice;     /* -20..19; kept, without effect, by special tasks */
    int32_t priority; /* FIFO and RR: 1..99; else 0 */
    bool reset_on_fork;
    uint64_t
        slice_ns; /* normal tasks: 0 = the usual one, else 100 us..100 ms; others are clipped */
    uint64_t runtime_ns, deadline_ns, period_ns; /* DEADLINE; period 0: as deadline */
};

/* Are these numbers of any policy at all (-EINVAL)? Makes a period of 0 the deadline. */
int sched_parameters_check(struct sched_parameters *parameters);
void task_parameters(struct task *task, struct sched_parameters *ret);
/*
 * Takes effect at once, also on a task that runs elsewhere. The parameters have been checked.
 * -EBUSY: not that much bandwidth is left; -EPERM: a deadline task must be allowed on all CPUs.
 */
int task_set_parameters(struct task *task, const struct sched_parameters *parameters);
/* The nice value alone, -20..19. */
void task_set_nice(struct task *task, int nice);
/* A child, which does not run yet, gets its parent's. -EAGAIN: deadlines are not inherited. */
int task_copy_parameters(struct task *child, const struct task *parent);
/* A deadline task ends: its bandwidth is free. */
void task_release_bandwidth(struct task *task);

/* The better of both in each respect. */
void sched_claim_add(struct sched_claim *claim, const struct task *waiter);
/* The owner runs with at least this claim. True if that changed anything. */
bool task_inherit(struct task *task, const struct sched_claim *claim);

#endif
