/*
 * kernel/sched/run_queue.h - what one CPU has to run. Private to kernel/sched.
 */
#ifndef KERNEL_SCHED_RUN_QUEUE_H
#define KERNEL_SCHED_RUN_QUEUE_H

#include "arch/per_cpu.h"
#include "kernel/sched/fair.h"
#include "kernel/sched/special.h"
#include "kernel/sync/spinlock.h"

struct run_queue {
    struct spinlock lock; /* RANK_RUN_QUEUE; two: by CPU index. Guards all below and the scheduling
                             fields of tasks whose `cpu` this is */
    uint32_t cpu;
    uint32_t ready; /* tasks that wait here */
    struct task *running;
    struct task *idle;
    struct task *previous;  /* whom the switch under way comes from */
    struct fair_queue fair; /* normal tasks */
    bool mixed;             /* not only normal ones under the fair policy: classes.h decides */
    bool slice_over;        /* the running task has used up its request since it was picked */
    uint64_t charged_tsc;   /* up to when `running` was charged for its time */
    uint64_t slice_end_tsc; /* UINT64_MAX: nobody waits, the running task may go on */
    struct special_queue special; /* the others */
};

extern PER_CPU(struct run_queue, run_queue);

static inline struct run_queue *run_queue_of(const struct task *task)
{
    return &per_cpu(run_queue, task->cpu);
}

/* Locks the queue that the task belongs to; it cannot move while the lock is held. */
struct run_queue *run_queue_lock(struct task *task);

/* The current task, just marked HELD_PARKED, leaves its CPU, whose queue is locked; dropped. */
void schedule_parked(struct run_queue *queue);

#endif
