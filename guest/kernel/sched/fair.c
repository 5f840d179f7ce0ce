/* kernel/sched/fair.c - see fair.h for the theorem. */
#include "kernel/sched/fair.h"

/* Each step of nice is a factor of about 1.25; the numbers are Linux's, part of what programs
 * expect. */
static HOT_TABLE const uint32_t weights[40] = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
    172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15,
};

uint32_t fair_weight(int nice)
{
    return weights[nice + 20];
}

static inline struct fair_entity *entity_of(struct rb_node *node)
{
    return rb_entry(node, struct fair_entity, node);
}

static void update_min_vruntime(struct rb_node *node)
{
    struct fair_entity *entity = entity_of(node);
    uint64_t smallest = entity->vruntime;
    if (node->left && fair_earlier(entity_of(node->left)->min_vruntime, smallest))
        smallest = entity_of(node->left)->min_vruntime;
    if (node->right && fair_earlier(entity_of(node->right)->min_vruntime, smallest))
        smallest = entity_of(node->right)->min_vruntime;
    entity->min_vruntime = smallest;
}

void fair_init(struct fair_queue *queue)
{
    *queue = (struct fair_queue){.tree = {.update = update_min_vruntime}};
    list_init(&queue->list);
}

/* Moves the base up to V, so that the sum of products stays small however long the queue lives. */
static void rebase(struct fair_queue *queue)
{
    uint64_t step = fair_average(queue) - queue->base;
    queue->weighted_sum -= (int64_t)step * (int64_t)queue->total_weight;
    queue->base += step;
}

int64_t fair_lag(const struct fair_queue *queue, const struct fair_entity *entity)
{
    return (int64_t)(fair_average(queue) - entity->vruntime);
}

/* ---- the tree ---- */

void fair_tree_link(struct fair_queue *queue, struct fair_entity *entity)
{
    struct rb_node *parent = NULL, **link = &queue->tree.root;
    while (*link) {
        parent = *link;
        link = fair_earlier(entity->deadline, entity_of(parent)->deadline) ? &parent->left
                                                                           : &parent->right;
    }
    entity->min_vruntime = entity->vruntime;
    rb_insert(&queue->tree, &entity->node, parent, link);
}

/*
 * The earliest deadline among the eligible: go left while the left subtree has anything eligible at
 * all (its smallest vruntime tells), else take this node if it is, else go right. O(log n).
 */
struct fair_entity *fair_earliest_eligible(const struct fair_queue *queue)
{
    struct rb_node *node = queue->tree.root;
    while (node) {
        if (node->left && fair_eligible(queue, entity_of(node->left)->min_vruntime)) {
            node = node->left;
            continue;
        }
        if (fair_eligible(queue, entity_of(node)->vruntime))
            return entity_of(node);
        node = node->right;
    }
    return NULL;
}

/* ---- operations ---- */

void fair_request_over(struct fair_queue *queue)
{
    struct fair_entity *entity = queue->running;
    entity->deadline = entity->vruntime + fair_virtual(entity->slice, entity->weight);
    if (queue->weighted_sum > (int64_t)1 << 48)
        rebase(queue);
}

struct fair_entity *fair_last(const struct fair_queue *queue)
{
    if (queue->lone)
        return queue->lone;
    struct rb_node *node = rb_last(&queue->tree);
    return node ? entity_of(node) : NULL;
}

struct fair_entity *fair_before(const struct fair_queue *queue, const struct fair_entity *entity)
{
    struct rb_node *node = entity == queue->lone ? NULL : rb_previous(&entity->node);
    return node ? entity_of(node) : NULL;
}

void fair_set_weight(struct fair_queue *queue, struct fair_entity *entity, uint32_t weight,
                     bool queued)
{
    if (!queued) {
        entity->weight = weight;
        return;
    }
    /* The lag in real time is what counts: it and the rest of the request scale with the weight. */
    uint64_t v = fair_average(queue);
    int64_t lag = (int64_t)(v - entity->vruntime) * entity->weight / weight;
    int64_t left = (int64_t)(entity->deadline - entity->vruntime) * entity->weight / weight;
    bool in_tree = entity != queue->running;
    if (in_tree)
        fair_tree_remove(queue, entity);
    fair_sum_remove(queue, entity);
    entity->weight = weight;
    entity->vruntime = v - (uint64_t)lag;
    entity->deadline = entity->vruntime + (uint64_t)left;
    fair_sum_add(queue, entity);
    if (in_tree)
        fair_tree_insert(queue, entity);
}
