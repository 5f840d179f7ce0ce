/* kernel/sched/state.c - see state.h. The trace record of a transition is written by whoever asked for it. */
#include "kernel/sched/state.h"

#include "kernel/lib/panic.h"

#define TO(state) (1u << TASK_##state)

static const uint16_t legal[TASK_STATES] = {
    [TASK_UNUSED] = TO(CREATED),
    [TASK_CREATED] = TO(READY) | TO(DEAD), /* dead: its creation failed half-way */
    [TASK_READY] = TO(RUNNING),
    [TASK_RUNNING] = TO(READY) | TO(BLOCKED) | TO(BLOCKED_HARD) | TO(STOPPED) | TO(ZOMBIE),
    [TASK_BLOCKED] = TO(READY),
    [TASK_BLOCKED_HARD] = TO(READY),
    [TASK_STOPPED] = TO(READY),
    [TASK_ZOMBIE] = TO(DEAD),
    [TASK_DEAD] = 0,
};

void task_set_state(struct task *task, enum task_state state)
{
    if (unlikely(!(legal[task->state] & 1u << state)))
        panic("task %d: state %u may not become %u", task->tid, task->state, state);
    object_write_begin(&task->object);
    WRITE_ONCE(task->state, (uint8_t)state);
    object_write_end(&task->object);
}
