/*
 * kernel/sched/aging.c - sched=aging: static priorities, which are the nice values, with aging so that
 * nobody starves. The best priority runs; one that waits is better by one for each turn that others
 * had since it joined. Equals run in the order in which they joined.
 *
 * Bound: the worst priority is 40 behind the best (SCHED_IDLE counts as 20), so among n tasks nobody
 * waits for more than 40 + n turns. Choosing looks at each task that waits.
 */
#include "kernel/sched/policy_list.h"

/* The smaller the better. */
static int64_t rank(const struct fair_queue *queue, const struct fair_entity *entity)
{
    return entity->nice - (int64_t)(queue->turns - entity->joined);
}

static void enqueue(struct fair_queue *queue, struct fair_entity *entity, enum sched_join how)
{
    if (how != JOIN_PREEMPTED) {
        entity->used = 0;
        entity->joined = queue->turns;
    }
    policy_list_enqueue(queue, entity, how == JOIN_PREEMPTED);
}

static struct fair_entity *choose(const struct fair_queue *queue)
{
    struct fair_entity *best = NULL, *entity;
    list_for_each(entity, &queue->list, link)
    {
        if (!best || rank(queue, entity) < rank(queue, best))
            best = entity;
    }
    return best;
}

static void put(struct fair_queue *queue, enum sched_join how)
{
    enqueue(queue, policy_list_leave(queue), how);
}

static bool preempts(const struct fair_queue *queue, const struct fair_entity *woken)
{
    return queue->running && rank(queue, woken) < rank(queue, queue->running);
}

const struct sched_policy aging_policy = {
    .name = "aging",
    .enqueue = enqueue,
    .dequeue = policy_list_dequeue,
    .choose = choose,
    .take = policy_list_take,
    .put = put,
    .account = policy_slice_account,
    .yield = policy_slice_yield,
    .turn_left = policy_slice_left,
    .preempts = preempts,
    .last = policy_list_last,
    .before = policy_list_before,
    .set_weight = policy_list_set_weight,
};
