/* kernel/sched/policy_list.c - see policy_list.h. */
#include "kernel/sched/policy_list.h"

void policy_list_enqueue(struct fair_queue *queue, struct fair_entity *entity, bool front)
{
    if (front)
        list_push_front(&queue->list, &entity->link);
    else
        list_push_back(&queue->list, &entity->link);
    entity->queued = true;
    queue->waiting++;
    queue->total_weight += entity->weight;
}

static void unlink(struct fair_queue *queue, struct fair_entity *entity)
{
    list_remove(&entity->link);
    entity->queued = false;
    queue->waiting--;
}

void policy_list_dequeue(struct fair_queue *queue, struct fair_entity *entity)
{
    if (entity == queue->running)
        queue->running = NULL;
    else
        unlink(queue, entity);
    queue->total_weight -= entity->weight;
}

void policy_list_take(struct fair_queue *queue, struct fair_entity *entity)
{
    unlink(queue, entity);
    queue->running = entity;
    queue->turns++;
}

struct fair_entity *policy_list_leave(struct fair_queue *queue)
{
    struct fair_entity *entity = queue->running;
    policy_list_dequeue(queue, entity);
    return entity;
}

struct fair_entity *policy_list_last(const struct fair_queue *queue)
{
    return list_empty(&queue->list) ? NULL
                                    : container_of(queue->list.previous, struct fair_entity, link);
}

struct fair_entity *policy_list_before(const struct fair_queue *queue,
                                       const struct fair_entity *entity)
{
    return entity->link.previous == &queue->list
               ? NULL
               : container_of(entity->link.previous, struct fair_entity, link);
}

void policy_list_set_weight(struct fair_queue *queue, struct fair_entity *entity, uint32_t weight,
                            bool queued)
{
    if (queued)
        queue->total_weight += (uint64_t)weight - entity->weight;
    entity->weight = weight;
}

bool policy_slice_account(struct fair_queue *queue, uint64_t ran)
{
    struct fair_entity *entity = queue->running;
    entity->used += ran;
    return entity->used >= entity->slice;
}

void policy_slice_yield(struct fair_queue *queue)
{
    queue->running->used = queue->running->slice;
}

uint64_t policy_slice_left(const struct fair_queue *queue)
{
    const struct fair_entity *entity = queue->running;
    return entity->slice - min(entity->used, entity->slice);
}
