/*
 * kernel/sched/queue_inline.h - what core.c and wake.c do to a run queue whose lock they hold, in line
 * because every switch and every wake-up passes here.
 */
#ifndef KERNEL_SCHED_QUEUE_INLINE_H
#define KERNEL_SCHED_QUEUE_INLINE_H

#include "arch/cpu.h"
#include "arch/per_cpu.h"
#include "kernel/observe/mutant.h"
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
static inline void slice_plan(struct cpu *cpu, struct run_queue *queue, uint64_t now)
{
    if (!queue->ready || !queue->fair.running) {
        queue->slice_end_tsc = UINT64_MAX;
        return;
    }
    queue->slice_end_tsc = now + fair_slice_left(&queue->fair);
    if (queue->slice_end_tsc < cpu->timer_armed_tsc)
        timer_program();
}

/* The task waits here from now on. Its object is being written. */
static inline void enqueue(struct run_queue *queue, struct task *task, uint64_t now, bool first)
{
    task->cpu = queue->cpu;
    task->ready_tsc = now;
    if (MUTANT_EVERY(READY_ON_NO_QUEUE, 400))
        return;
    fair_enqueue(&queue->fair, &task->fair, first);
    queue->ready++;
    if (MUTANT(TWO_RUN_QUEUES) && !per_cpu(run_queue, !queue->cpu).fair.waiting)
        per_cpu(run_queue, !queue->cpu).fair.lone = &task->fair;
}

#endif
