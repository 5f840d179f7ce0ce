/*
 * kernel/sched/policy.h - who of the normal tasks of a CPU runs, and for how long: what a policy is to
 * the rest of the scheduler. docs/write-a-scheduler.md walks through writing one.
 *
 * A policy is pure logic on a queue and its entities: no clock, no CPU, no lock (the run queue's guards
 * both). One is chosen at boot, for all CPUs: sched=NAME. The default, fair.h, is also called directly
 * (queue_inline.h), because every switch passes there.
 *
 * An entity waits (queued), or runs (queue->running), or is away. Who keeps the entities that wait in
 * queue->list, in whatever order, has most functions ready in policy_list.h, can be watched by
 * `vitrine queues` and is checked by the auditor.
 */
#ifndef KERNEL_SCHED_POLICY_H
#define KERNEL_SCHED_POLICY_H

#include "kernel/sched/fair.h"
#include "kernel/sched/special.h"

struct sched_policy {
    const char *name; /* as sched= has it */
    /* Joins those that wait; entity->nice, weight and slice are set. */
    void (*enqueue)(struct fair_queue *queue, struct fair_entity *entity, enum sched_join how);
    /* Leaves: waiting or running. */
    void (*dequeue)(struct fair_queue *queue, struct fair_entity *entity);
    /* Who should run, of those that wait; NULL if none does. Changes nothing. */
    struct fair_entity *(*choose)(const struct fair_queue *queue);
    /* One that waits runs. */
    void (*take)(struct fair_queue *queue, struct fair_entity *entity);
    /* The running one waits again: JOIN_OVER or JOIN_PREEMPTED. */
    void (*put)(struct fair_queue *queue, enum sched_join how);
    /* The running one ran for so many cycles. True: its turn is over. */
    bool (*account)(struct fair_queue *queue, uint64_t ran);
    /* The running one gives up the rest of its turn. */
    void (*yield)(struct fair_queue *queue);
    /* Cycles until the running one's turn is over. */
    uint64_t (*turn_left)(const struct fair_queue *queue);
    /* May one that just joined take the CPU from the running one at once? */
    bool (*preempts)(const struct fair_queue *queue, const struct fair_entity *woken);
    /* The one that another CPU may rather have, and the next best after `entity`; NULL: none. */
    struct fair_entity *(*last)(const struct fair_queue *queue);
    struct fair_entity *(*before)(const struct fair_queue *queue, const struct fair_entity *entity);
    /* Its weight (its nice) is another one; queued: it waits or runs. */
    void (*set_weight)(struct fair_queue *queue, struct fair_entity *entity, uint32_t weight,
                       bool queued);
};

extern const struct sched_policy fair_policy, round_robin_policy, aging_policy;

/* The one that was chosen; never changes after the boot. */
extern const struct sched_policy *normal_policy;
/* By name. NULL: there is none of that name. */
const struct sched_policy *policy_find(const char *name);
/* Boot: reads sched=NAME; panics over a name that there is not. Before any task waits. */
void policy_init(void);

#endif
