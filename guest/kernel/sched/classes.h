/*
 * kernel/sched/classes.h - a run queue with all classes: the normal tasks under whatever policy was
 * chosen, and those above them. Called where queue->mixed is set; else there are normal tasks under the
 * fair policy only, and queue_inline.h goes to those directly. The queue is locked in all of these.
 */
#ifndef KERNEL_SCHED_CLASSES_H
#define KERNEL_SCHED_CLASSES_H

#include "kernel/sched/run_queue.h"
#include "kernel/sched/task.h"

/* Boot, for each queue: empty. */
void classes_init(struct run_queue *queue);
/* The running task, or the CPU's idleness, took so many cycles, until now. */
void class_charge(struct run_queue *queue, uint64_t cycles, uint64_t now);
/* The task waits here from now on. False: it has used up its time, and waits for more instead. */
bool class_enqueue(struct run_queue *queue, struct task *task, enum sched_join how, uint64_t now);
/* The task leaves, running or waiting or throttled. */
void class_dequeue(struct run_queue *queue, struct task *task);
/* The running task, not the idle one, waits again. */
void class_put(struct run_queue *queue, enum sched_join how, uint64_t now);
/* The best of those that wait here runs; NULL: nobody waits. */
struct task *class_pick(struct run_queue *queue);
/* The task, which waits here, runs: it did when it was put aside. */
void class_take(struct run_queue *queue, struct task *task);
/* May the task, which just joined, take the CPU at once? */
bool class_preempts(const struct run_queue *queue, const struct task *task);
/* The running task gives up its turn. */
void class_yield(struct run_queue *queue);
/* When somebody should look again: the end of a turn, of a throttling; UINT64_MAX: never. */
uint64_t class_next_look(struct run_queue *queue, uint64_t now);
/* Who was throttled and has time again waits again: true if there was anybody. */
bool class_replenish(struct run_queue *queue, uint64_t now);
/* A task that waits here and may run on `cpu`, for that CPU to take: the best of the special ones,
 * else (normal) the one of the others that can wait longest. NULL: none. */
struct task *class_spare(struct run_queue *queue, unsigned cpu, bool normal);

/* In some queue: it waits for a CPU, and may be taken from one to the other. */
static inline bool task_is_queued(const struct task *task)
{
    return task->fair.queued || task->special.queued;
}

/* ---- special tasks on other CPUs; no lock held ---- */

/* Who of a queue's CPU runs, as a major number: read without the lock, so it may be over. */
uint32_t class_running_major(const struct run_queue *queue);

#endif
