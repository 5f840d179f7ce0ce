/*
 * kernel/sched/round_robin.c - sched=rr: everybody in turn, all for the same time, whatever their nice
 * values. Who was interrupted by a task of another class goes on first.
 *
 * Bound: with n tasks on a CPU nobody waits longer than n - 1 slices.
 */
#include "kernel/sched/policy_list.h"

static void enqueue(struct fair_queue *queue, struct fair_entity *entity, enum sched_join how)
{
    bool goes_on = how == JOIN_PREEMPTED;
    if (!goes_on)
        entity->used = 0;
    policy_list_enqueue(queue, entity, goes_on);
}

static struct fair_entity *choose(const struct fair_queue *queue)
{
    return list_empty(&queue->list) ? NULL : list_first(&queue->list, struct fair_entity, link);
}

static void put(struct fair_queue *queue, enum sched_join how)
{
    enqueue(queue, policy_list_leave(queue), how);
}

static bool preempts(const struct fair_queue *queue, const struct fair_entity *woken)
{
    (void)queue;
    (void)woken;
    return false;
}

const struct sched_policy round_robin_policy = {
    .name = "rr",
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
