/* kernel/sched/special.c - see special.h. */
#include "kernel/sched/special.h"

#include "kernel/observe/mutant.h"

static inline struct special_entity *entity_of(struct rb_node *node)
{
    return rb_entry(node, struct special_entity, node);
}

void special_init(struct special_queue *queue, uint64_t cycles_per_second)
{
    *queue = (struct special_queue){
        .window = cycles_per_second,
        .quota = cycles_per_second / 100 * 95,
        .round_robin = cycles_per_second / 1000 * ROUND_ROBIN_MS,
    };
}

static void link_by(struct rb_tree *tree, struct special_entity *entity)
{
    struct rb_node *parent = NULL, **link = &tree->root;
    while (*link) {
        const struct special_entity *other = entity_of(*link);
        bool first = entity->major != other->major ? entity->major < other->major
                                                   : entity->minor < other->minor;
        if (MUTANT(SPECIAL_UNSORTED))
            first = !first;
        parent = *link;
        link = first ? &parent->left : &parent->right;
    }
    rb_insert(tree, &entity->node, parent, link);
}

/* ---- constant bandwidth ---- */

static bool has_budget(const struct special_entity *entity)
{
    return entity->major == SPECIAL_MAJOR_DEADLINE && !entity->inherited;
}

/*
 * A deadline task that wakes keeps its deadline if what is left of its time until then is within its
 * bandwidth: budget / (deadline - now) <= runtime / period. Else it would disturb others, and starts
 * anew.
 */
static void wake_rule(struct special_entity *entity, uint64_t now)
{
    bool past = (int64_t)(entity->deadline - now) <= 0;
    if (past ||
        (entity->budget > 0 && (unsigned __int128)entity->budget * entity->period >
                                   (unsigned __int128)(entity->deadline - now) * entity->runtime)) {
        entity->deadline = now + entity->relative_deadline;
        entity->budget = (int64_t)entity->runtime;
    }
}

static void throttle(struct special_queue *queue, struct special_entity *entity)
{
    entity->throttled = true;
    entity->minor = (int64_t)(entity->deadline - entity->relative_deadline + entity->period);
    link_by(&queue->throttled_tree, entity);
    queue->throttled++;
}

struct special_entity *special_replenish(struct special_queue *queue, uint64_t now)
{
    struct rb_node *first = rb_first(&queue->throttled_tree);
    if (!first || (int64_t)(entity_of(first)->minor - (int64_t)now) > 0)
        return NULL;
    struct special_entity *entity = entity_of(first);
    special_dequeue(queue, entity);
    while (entity->budget <= 0) {
        entity->deadline += entity->period;
        entity->budget += (int64_t)entity->runtime;
    }
    if ((int64_t)(entity->deadline - now) <= 0) { /* the host did not run us for long */
        entity->deadline = now + entity->relative_deadline;
        entity->budget = (int64_t)entity->runtime;
    }
    return entity;
}

uint64_t special_next_replenish(const struct special_queue *queue)
{
    struct rb_node *first = rb_first(&queue->throttled_tree);
    return first ? (uint64_t)entity_of(first)->minor : UINT64_MAX;
}

/* ---- waiting ---- */

bool special_enqueue(struct special_queue *queue, struct special_entity *entity,
                     enum sched_join how, uint64_t now)
{
    if (has_budget(entity)) {
        if (how == JOIN_WOKEN || how == JOIN_NEW)
            wake_rule(entity, now);
        if (entity->budget <= 0 && !MUTANT(BUDGET_IGNORED)) {
            throttle(queue, entity);
            return false;
        }
        entity->minor = (int64_t)entity->deadline;
    } else if (entity->major != SPECIAL_MAJOR_DEADLINE) {
        entity->minor = how == JOIN_PREEMPTED ? --queue->head : ++queue->tail;
    }
    if (how != JOIN_PREEMPTED || !entity->slice_left)
        entity->slice_left = queue->round_robin;
    link_by(&queue->waiting_tree, entity);
    entity->queued = true;
    queue->waiting++;
    return true;
}

void special_dequeue(struct special_queue *queue, struct special_entity *entity)
{
    if (entity == queue->running) {
        queue->running = NULL;
    } else if (entity->queued) {
        rb_remove(&queue->waiting_tree, &entity->node);
        entity->queued = false;
        queue->waiting--;
    } else if (entity->throttled) {
        rb_remove(&queue->throttled_tree, &entity->node);
        entity->throttled = false;
        queue->throttled--;
    }
}

struct special_entity *special_first(const struct special_queue *queue, bool normal_waits)
{
    struct rb_node *first = rb_first(&queue->waiting_tree);
    if (!first)
        return NULL;
    struct special_entity *entity = entity_of(first);
    bool throttled = normal_waits && queue->window_used >= queue->quota;
    return entity->class == SCHED_CLASS_REALTIME && throttled ? NULL : entity;
}

void special_take(struct special_queue *queue, struct special_entity *entity)
{
    special_dequeue(queue, entity);
    queue->running = entity;
}

bool special_put(struct special_queue *queue, enum sched_join how, uint64_t now)
{
    struct special_entity *entity = queue->running;
    queue->running = NULL;
    return special_enqueue(queue, entity, how, now);
}

/* ---- running ---- */

bool special_account(struct special_queue *queue, uint64_t ran, uint64_t now)
{
    struct special_entity *entity = queue->running;
    if (now - queue->window_start >= queue->window) {
        queue->window_start = now;
        queue->window_used = 0;
    }
    if (!entity)
        return false;
    if (entity->class == SCHED_CLASS_REALTIME) {
        queue->window_used += ran;
        entity->ran += ran;
        if (!entity->round_robin)
            return false;
        entity->slice_left -= min(ran, entity->slice_left);
        return !entity->slice_left;
    }
    if (!has_budget(entity))
        return false;
    entity->budget -= (int64_t)ran;
    return entity->budget <= 0;
}

void special_yield(struct special_queue *queue)
{
    struct special_entity *entity = queue->running;
    if (has_budget(entity))
        entity->budget = min(entity->budget, (int64_t)0);
    else
        entity->slice_left = 0;
}

/* Somebody of the same priority waits. */
static bool has_peer(const struct special_queue *queue)
{
    struct rb_node *first = rb_first(&queue->waiting_tree);
    return first && entity_of(first)->major == queue->running->major;
}

uint64_t special_turn_end(const struct special_queue *queue, bool normal_waits, uint64_t now)
{
    const struct special_entity *entity = queue->running;
    uint64_t end = UINT64_MAX;
    if (has_budget(entity))
        return now + (uint64_t)max(entity->budget, (int64_t)0);
    if (entity->class != SCHED_CLASS_REALTIME)
        return end;
    if (entity->round_robin && has_peer(queue))
        end = now + entity->slice_left;
    if (normal_waits) {
        uint64_t left = queue->quota - min(queue->window_used, queue->quota);
        end = min(end, now + left);
    }
    return end;
}
