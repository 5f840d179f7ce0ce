/*
 * kernel/sched/state.h - the state machine of docs/model.md, in one function. Private to
 * kernel/sched.
 */
#ifndef KERNEL_SCHED_STATE_H
#define KERNEL_SCHED_STATE_H

#include "kernel/sched/task.h"

extern const uint16_t task_state_legal[TASK_STATES]; /* bit n: may become state n */
_Noreturn void task_state_illegal(const struct task *task, enum task_state state);

/*
 * The only writer of task->state. Run queue lock held (or the task is not yet, or no longer, known
 * to anyone). An illegal transition is a bug of the kernel: panic. The trace record of it, and the
 * object's version around it and whatever else changes with it, are the caller's.
 */
static inline void task_set_state(struct task *task, enum task_state state)
{
    if (unlikely(!(task_state_legal[task->state] & 1u << state)))
        task_state_illegal(task, state);
    WRITE_ONCE(task->state, (uint8_t)state);
}

#endif
