/* kernel/sched/idle.h - making a CPU's run queue and idle task; private to kernel/sched. */
#ifndef KERNEL_SCHED_IDLE_H
#define KERNEL_SCHED_IDLE_H

#include "kernel/lib/types.h"

struct task;

void idle_init(unsigned index, uint64_t stack_top);
/* Brings a task to a CPU that its affinity allows. */
void task_move(struct task *task);

#endif
