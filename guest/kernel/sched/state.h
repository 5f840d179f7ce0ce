/*
 * kernel/sched/state.h - the state machine of docs/model.md, in one function. Private to kernel/sched.
 */
#ifndef KERNEL_SCHED_STATE_H
#define KERNEL_SCHED_STATE_H

#include "kernel/sched/task.h"

/*
 * The only writer of task->state. Run queue lock held (or the task is not yet, or no longer, known to anyone).
 * An illegal transition is a bug of the kernel: panic.
 */
void task_set_state(struct task *task, enum task_state state);

#endif
