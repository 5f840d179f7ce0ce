/*
 * kernel/sched/fair.h - the fair class: Earliest Eligible Virtual Deadline First (Stoica and
 * Abdel-Wahab, "Earliest Eligible Virtual Deadline First: A Flexible and Accurate Mechanism for
 * Proportional Share Resource Allocation", 1995). Pure logic: no clock, no CPU, no lock of its own;
 * the run queue's lock guards it.
 *
 * Each entity has a virtual time `vruntime` that advances by real time / weight. The average V,
 * weighted, is where a perfectly fair CPU would be. lag = weight * (V - vruntime) is what the CPU
 * owes an entity. An entity is eligible if its lag is not negative; among the eligible ones the
 * earliest virtual deadline (vruntime + slice / weight at the start of its request) runs. Then
 * every lag stays within one slice.
 *
 * Real time is counted in whatever unit the caller's clock has (the kernel: TSC cycles; the slice
 * too), virtual time in that unit for an entity of nice 0.
 *
 * V is kept as base + weighted_sum / total_weight, where weighted_sum = sum of weight * (vruntime -
 * base).
 */
#ifndef KERNEL_SCHED_FAIR_H
#define KERNEL_SCHED_FAIR_H

#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

#define FAIR_WEIGHT_NICE_0 1024u
/* How long a request is unless the task asks for something else. */
#define FAIR_SLICE_NS 3000000ull

struct fair_queue {
    struct fair_entity *lone; /* the only waiting entity; with more of them, all are in the tree */
    struct rb_tree tree; /* waiting entities by deadline, augmented with the smallest vruntime */
    struct fair_entity *running; /* the running one, not in the tree but in the sums; or NULL */
    int64_t weighted_sum;
    uint64_t total_weight;
    uint64_t base;
    uint32_t waiting; /* entities that wait */
    /* Of another policy (policy.h), which also keeps `running`, `total_weight` and `waiting`: */
    bool listed;      /* it is another one */
    struct list list; /* who waits, through fair_entity.link */
    uint64_t turns;   /* how often one was taken from it */
};

void fair_init(struct fair_queue *queue);
/* Linux's table: nice -20..19. */
uint32_t fair_weight(int nice);
/* The rest of fair_account(): a new request, and keeping the sums small. */
void fair_request_over(struct fair_queue *queue);

static inline uint64_t fair_virtual(uint64_t real, uint32_t weight)
{
    return weight == FAIR_WEIGHT_NICE_0 ? real : real * FAIR_WEIGHT_NICE_0 / weight;
}

/* The running entity ran for so long. True: its request is used up, somebody else may have a better
 * claim. */
static inline bool fair_account(struct fair_queue *queue, uint64_t ran)
{
    struct fair_entity *entity = queue->running;
    uint64_t advance = fair_virtual(ran, entity->weight);
    entity->vruntime += advance;
    queue->weighted_sum += (int64_t)advance * entity->weight;
    if ((int64_t)(entity->vruntime - entity->deadline) < 0)
        return false;
    fair_request_over(queue);
    return true;
}

/* The waiting entity that would run last: what another CPU may take; NULL if none. */
struct fair_entity *fair_last(const struct fair_queue *queue);
/* The one that would run before that one; NULL if there is none. */
struct fair_entity *fair_before(const struct fair_queue *queue, const struct fair_entity *entity);
/* V - vruntime, in virtual nanoseconds. For checks. */
int64_t fair_lag(const struct fair_queue *queue, const struct fair_entity *entity);
void fair_set_weight(struct fair_queue *queue, struct fair_entity *entity, uint32_t weight,
                     bool queued);

/* fair_enqueue, fair_dequeue, fair_choose, fair_pick, fair_put: what every wake-up and every switch does */
#include "kernel/sched/fair_inline.h"

#endif
