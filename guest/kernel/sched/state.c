/* kernel/sched/state.c - see state.h. */
#include "kernel/sched/state.h"

#include "kernel/lib/panic.h"

#define TO(state) (1u << TASK_##state)

HOT_TABLE const uint16_t task_state_legal[TASK_STATES] = {
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

_Noreturn void task_state_illegal(const struct task *task, enum task_state state)
{
    panic("task %d: state %u may not become %u", task->tid, task->state, state);
}
