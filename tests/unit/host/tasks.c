/* tests/unit/host/tasks.c - the current task, and mutexes that only check that nobody would sleep
 * for ever. */
#include "tasks.h"

#include <string.h>

#include "arch/cpu.h"
#include "arch/trap_frame.h"
#include "kernel/lib/panic.h"
#include "kernel/observe/trace.h"

static struct trap_frame user_frame; /* on top of the task's kernel stack */
struct task host_task;
struct process host_process;
uint64_t trace_active;

void host_task_start(void)
{
    memset(&host_task, 0, sizeof(host_task));
    memset(&host_process, 0, sizeof(host_process));
    host_task.process = &host_process;
    host_task.arch.stack_top = (uint64_t)(&user_frame + 1);
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        host_process.rlimits[i].soft = host_process.rlimits[i].hard = UINT64_MAX;
    current = &host_task;
}

void mutex_init(struct mutex *mutex, enum lock_rank rank)
{
    memset(mutex, 0, sizeof(*mutex));
    mutex->rank = (uint16_t)rank;
}

/* There is one task: waiting for a mutex means waiting for oneself. */
void mutex_lock_contended(struct mutex *mutex)
{
    panic("a mutex of rank %u is taken twice by the only task", mutex->rank);
}

void mutex_wake_waiter(struct mutex *mutex)
{
    panic("a mutex of rank %u has a waiter, but there is one task only", mutex->rank);
}

void preemption_point(void)
{
}

void trace_write(enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    (void)type, (void)a0, (void)a1, (void)a2, (void)a3;
}

/* Nobody here lacks a privilege: capabilities are all there is. */
bool capability_by_privilege(const struct process *process, enum capability capability)
{
    (void)process;
    (void)capability;
    return true;
}
