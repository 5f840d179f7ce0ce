/*
 * kernel/sched/queue_inline.h - what core.c and wake.c do to a run queue whose lock they hold, in line
 * because every switch and every wake-up passes here.
 */
#ifndef KERNEL_SCHED_QUEUE_INLINE_H
#define KERNEL_SCHED_QUEUE_INLINE_H

#include "arch/cpu.h"
#include "arch/per_cpu.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/classes.h"
#include "kernel/sched/fair.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/task.h"
#include "kernel/time/timer.h"

/* The running task has used the CPU until now. */
static inline void charge(struct run_queue *queue, uint64_t now)
{
    uint64_t cycles = now - queue->charged_tsc;
    if (unlikely((int64_t)cycles < 0))
        return; /* another CPU's clock may be a little behind */
    queue->charged_tsc = now;
    if (unlikely(queue->mixed)) {
        class_charge(queue, cycles, now);
        return;
    }
    if (likely(queue->fair.running)) {
        queue->running->exec_tsc += cycles;
        if (MUTANT(VRUNTIME_WRONG_TASK) && queue->running->tid % 2)
            return;
        if (unlikely(fair_account(&queue->fair, cycles)))
            queue->slice_over = true;
    } else {
        cpu_at(queue->cpu)->glass->idle_tsc += cycles;
    }
}

/* Until when the running task may go on undisturbed; sees to the timer if that is news. */
static inline __attribute__((always_inline)) void slice_plan(struct cpu *cpu,
                                                             struct run_queue *queue, uint64_t now)
{
    if (unlikely(queue->mixed)) {
        queue->slice_end_tsc = class_next_look(queue, now);
    } else if (!queue->ready || !queue->fair.running) {
        queue->slice_end_tsc = UINT64_MAX;
        return;
    } else {
        queue->slice_end_tsc = now + fair_slice_left(&queue->fair);
    }
    if (queue->slice_end_tsc < cpu->timer_armed_tsc)
        timer_program();
}

/* The task waits here from now on. Its object is being written. */
static inline __attribute__((always_inline)) void
enqueue(struct run_queue *queue, struct task *task, uint64_t now, bool first)
{
    task->cpu = queue->cpu;
    task->ready_tsc = now;
    if (MUTANT_EVERY(READY_ON_NO_QUEUE, 400))
        return;
    if (unlikely(queue->mixed | task->special.class)) {
        class_enqueue(queue, task, first ? JOIN_NEW : JOIN_WOKEN, now);
        return;
    }
    fair_enqueue(&queue->fair, &task->fair, first);
    queue->ready++;
    if (MUTANT(TWO_RUN_QUEUES) && !per_cpu(run_queue, !queue->cpu).fair.waiting)
        per_cpu(run_queue, !queue->cpu).fair.lone = &task->fair;
}

/* A task that waits here, or is throttled, leaves. */
static inline void take_off(struct run_queue *queue, struct task *task)
{
    if (unlikely(queue->mixed)) {
        class_dequeue(queue, task);
    } else {
        fair_dequeue(&queue->fair, &task->fair);
        queue->ready--;
    }
}

/* The running task leaves. */
static inline void leave_queue(struct run_queue *queue, struct task *task)
{
    if (unlikely(queue->mixed))
        class_dequeue(queue, task);
    else
        fair_dequeue(&queue->fair, &task->fair);
}

/* The running task waits again. */
static inline __attribute__((always_inline)) void put_back(struct run_queue *queue, uint64_t now)
{
    if (unlikely(queue->mixed)) {
        class_put(queue, JOIN_PREEMPTED, now);
    } else {
        fair_put(&queue->fair);
        queue->ready++;
    }
}

#endif
