/*
 * kernel/sched/scheduler.h - what the machine's entry code and the boot need of the scheduler.
 * Everyone else uses sched/task.h and sync/wait_queue.h.
 */
#ifndef KERNEL_SCHED_SCHEDULER_H
#define KERNEL_SCHED_SCHEDULER_H

#include "kernel/lib/types.h"

struct cpu;

/* The first CPU: its run queue, and its boot context becomes its idle task. */
void scheduler_init(uint64_t boot_stack_top);
/* A further CPU, before it starts: run queue and idle task. Returns the stack to start on. */
uint64_t scheduler_prepare_cpu(unsigned index);
/* The idle task's life; entered at the end of every CPU's start-up. */
_Noreturn void scheduler_run_idle(void);

/* On the way to user mode or at a preemption point, TASK_WORK_RESCHEDULE set. */
void schedule_preempt(void);
/* First thing that a new task does: completes the switch that brought it here. */
void schedule_finish(void);
/* From the timer interrupt: is the running task's slice over? */
void scheduler_tick(void);
/* When the scheduler wants the timer on this CPU, as a TSC value; UINT64_MAX = not at all. */
uint64_t scheduler_next_tsc(const struct cpu *cpu);

#endif
