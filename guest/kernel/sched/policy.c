/* kernel/sched/policy.c - the policies that there are, and the fair one as one of them. */
#include "kernel/sched/policy.h"

#include "kernel/lib/string.h"

const struct sched_policy *normal_policy = &fair_policy;

static const struct sched_policy *const policies[] = {
    &fair_policy,
    &round_robin_policy,
    &aging_policy,
};

const struct sched_policy *policy_find(const char *name)
{
    for (unsigned i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
        if (!strcmp(policies[i]->name, name))
            return policies[i];
    return NULL;
}

/* ---- fair.h behind the interface ---- */

static void enqueue(struct fair_queue *queue, struct fair_entity *entity, enum sched_join how)
{
    fair_enqueue(queue, entity, how == JOIN_NEW);
}

static void dequeue(struct fair_queue *queue, struct fair_entity *entity)
{
    fair_dequeue(queue, entity);
}

static struct fair_entity *choose(const struct fair_queue *queue)
{
    return fair_choose(queue);
}

static void take(struct fair_queue *queue, struct fair_entity *entity)
{
    fair_tree_remove(queue, entity);
    queue->running = entity;
}

static void put(struct fair_queue *queue, enum sched_join how)
{
    (void)how; /* what is left of its request says it all */
    fair_put(queue);
}

static bool account(struct fair_queue *queue, uint64_t ran)
{
    return fair_account(queue, ran);
}

static void yield(struct fair_queue *queue)
{
    fair_yield(queue);
}

static uint64_t turn_left(const struct fair_queue *queue)
{
    return fair_slice_left(queue);
}

static bool preempts(const struct fair_queue *queue, const struct fair_entity *woken)
{
    return fair_should_preempt(queue, woken);
}

const struct sched_policy fair_policy = {
    .name = "fair",
    .enqueue = enqueue,
    .dequeue = dequeue,
    .choose = choose,
    .take = take,
    .put = put,
    .account = account,
    .yield = yield,
    .turn_left = turn_left,
    .preempts = preempts,
    .last = fair_last,
    .before = fair_before,
    .set_weight = fair_set_weight,
};
