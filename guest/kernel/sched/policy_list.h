/*
 * kernel/sched/policy_list.h - a policy's functions for entities that wait in a plain list: what is
 * left to a small policy is who is chosen and when a turn is over.
 */
#ifndef KERNEL_SCHED_POLICY_LIST_H
#define KERNEL_SCHED_POLICY_LIST_H

#include "kernel/sched/policy.h"

/* At the end of the list, or (front) at its beginning. */
void policy_list_enqueue(struct fair_queue *queue, struct fair_entity *entity, bool front);
void policy_list_dequeue(struct fair_queue *queue, struct fair_entity *entity);
void policy_list_take(struct fair_queue *queue, struct fair_entity *entity);
/* Off the CPU and off the list, to be enqueued: the running entity. */
struct fair_entity *policy_list_leave(struct fair_queue *queue);
struct fair_entity *policy_list_last(const struct fair_queue *queue);
struct fair_entity *policy_list_before(const struct fair_queue *queue,
                                       const struct fair_entity *entity);
void policy_list_set_weight(struct fair_queue *queue, struct fair_entity *entity, uint32_t weight,
                            bool queued);

/* Turns of entity->slice cycles, counted in entity->used. */
bool policy_slice_account(struct fair_queue *queue, uint64_t ran);
void policy_slice_yield(struct fair_queue *queue);
uint64_t policy_slice_left(const struct fair_queue *queue);

#endif
