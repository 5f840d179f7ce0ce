/*
 * kernel/sched/fair_inline.h - the operations of the fair class that every wake-up and every switch
 * performs and the sums they keep. Part of fair.h, which includes it; fair.c has the rest.
 */
#ifndef KERNEL_SCHED_FAIR_INLINE_H
#define KERNEL_SCHED_FAIR_INLINE_H

void fair_tree_link(struct fair_queue *queue, struct fair_entity *entity);
struct fair_entity *fair_earliest_eligible(const struct fair_queue *queue);

/* Virtual times wrap; only differences mean anything. */
static inline bool fair_earlier(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

/* ---- the sums behind V ---- */

static inline void fair_sum_add(struct fair_queue *queue, const struct fair_entity *entity)
{
    queue->weighted_sum += (int64_t)(entity->vruntime - queue->base) * entity->weight;
    queue->total_weight += entity->weight;
}

static inline void fair_sum_remove(struct fair_queue *queue, const struct fair_entity *entity)
{
    queue->weighted_sum -= (int64_t)(entity->vruntime - queue->base) * entity->weight;
    queue->total_weight -= entity->weight;
}

static inline uint64_t fair_average(const struct fair_queue *queue)
{
    int64_t sum = queue->weighted_sum, total = (int64_t)queue->total_weight;
    if (!total)
        return queue->base;
    if (sum < 0)
        sum -= total - 1; /* round down, so that a task at V exactly stays eligible */
    return queue->base + (uint64_t)(sum / total);
}

static inline bool fair_eligible(const struct fair_queue *queue, uint64_t vruntime)
{
    return (int64_t)(vruntime - queue->base) * (int64_t)queue->total_weight <= queue->weighted_sum;
}

/* One waiting entity alone needs no tree; it moves there when a second one comes. */
static inline void fair_tree_insert(struct fair_queue *queue, struct fair_entity *entity)
{
    entity->queued = true;
    if (!queue->waiting++) {
        queue->lone = entity;
        return;
    }
    if (queue->lone) {
        fair_tree_link(queue, queue->lone);
        queue->lone = NULL;
    }
    fair_tree_link(queue, entity);
}

static inline void fair_tree_remove(struct fair_queue *queue, struct fair_entity *entity)
{
    entity->queued = false;
    queue->waiting--;
    if (queue->lone)
        queue->lone = NULL;
    else
        rb_remove(&queue->tree, &entity->node);
}

/* ---- operations ---- */

/* Becomes runnable; first = it never ran (half a slice, so that children do not starve their
 * parents). */
static inline void fair_enqueue(struct fair_queue *queue, struct fair_entity *entity, bool first)
{
    int64_t lag = 0;
    /* Joining moves V; scaling the lag keeps what the entity is owed (the paper's join, inverted).
     */
    if (queue->total_weight && entity->lag)
        lag = entity->lag * (int64_t)(queue->total_weight + entity->weight) /
              (int64_t)queue->total_weight;
    entity->vruntime = fair_average(queue) - (uint64_t)lag;
    uint64_t request = fair_virtual(entity->slice, entity->weight);
    entity->deadline = entity->vruntime + (first ? request / 2 : request);
    if (MUTANT_EVERY(STARVATION, 100))
        entity->vruntime += 1ull << 36;
    fair_sum_add(queue, entity);
    fair_tree_insert(queue, entity);
}

/* Leaves (sleeps, exits, migrates), running or waiting; its lag is remembered within bounds. */
static inline void fair_dequeue(struct fair_queue *queue, struct fair_entity *entity)
{
    int64_t lag = fair_lag(queue, entity);
    int64_t bound = (int64_t)fair_virtual(2 * entity->slice, entity->weight);
    entity->lag = lag > bound ? bound : lag < -bound ? -bound : lag;
    if (MUTANT(LAG_NOT_KEPT))
        entity->lag = 0;
    if (entity == queue->running)
        queue->running = NULL;
    else
        fair_tree_remove(queue, entity);
    fair_sum_remove(queue, entity);
    if (!queue->total_weight) {
        queue->base = entity->vruntime; /* alone, it was V */
        queue->weighted_sum = 0;
    }
}

/* The entity that should run; NULL if none waits. */
static inline struct fair_entity *fair_choose(const struct fair_queue *queue)
{
    struct fair_entity *entity = queue->lone ? queue->lone : fair_earliest_eligible(queue);
    if (unlikely(!entity)) {
        /* Only when rounding leaves nobody eligible: the smallest vruntime is the nearest to it. */
        struct rb_node *first = rb_first(&queue->tree);
        if (first)
            entity = rb_entry(first, struct fair_entity, node);
    }
    return entity;
}

/* Takes it out of the tree and makes it current; NULL if none waits. */
static inline struct fair_entity *fair_pick(struct fair_queue *queue)
{
    struct fair_entity *entity = fair_choose(queue);
    if (unlikely(!entity))
        return NULL;
    fair_tree_remove(queue, entity);
    queue->running = entity;
    return entity;
}

/* The running entity goes back to waiting. */
static inline void fair_put(struct fair_queue *queue)
{
    struct fair_entity *entity = queue->running;
    queue->running = NULL;
    fair_tree_insert(queue, entity);
}

/* The running entity gives up the rest of its request. */
static inline void fair_yield(struct fair_queue *queue)
{
    struct fair_entity *entity = queue->running;
    if (!queue->waiting)
        return;
    if (fair_earlier(entity->vruntime, entity->deadline)) {
        queue->weighted_sum += (int64_t)(entity->deadline - entity->vruntime) * entity->weight;
        entity->vruntime = entity->deadline;
    }
    entity->deadline = entity->vruntime + fair_virtual(entity->slice, entity->weight);
}

/*
 * May a woken entity take the CPU at once? Only one that asks for shorter slices than the running
 * one: otherwise the running one finishes its request first, which keeps the lag bound and saves
 * most switches.
 */
static inline bool fair_should_preempt(const struct fair_queue *queue,
                                       const struct fair_entity *woken)
{
    const struct fair_entity *running = queue->running;
    return running && woken->slice < running->slice && fair_eligible(queue, woken->vruntime) &&
           fair_earlier(woken->deadline, running->deadline);
}

/* Real time until the running entity's request is used up. */
static inline uint64_t fair_slice_left(const struct fair_queue *queue)
{
    const struct fair_entity *entity = queue->running;
    int64_t left = (int64_t)(entity->deadline - entity->vruntime);
    if (left <= 0)
        return 0;
    return (uint64_t)left * entity->weight / FAIR_WEIGHT_NICE_0;
}

#endif
