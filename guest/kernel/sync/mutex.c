/* kernel/sync/mutex.c - waiting for a mutex, and the check of the written order in debug builds. */
#include "kernel/sync/mutex.h"

#include "arch/cpu.h"
#include "kernel/lib/panic.h"
#include "kernel/sched/task.h"

void mutex_init(struct mutex *mutex, enum lock_rank rank)
{
    mutex->state = MUTEX_FREE;
    mutex->rank = (uint16_t)rank;
#ifdef KERNEL_DEBUG
    mutex->owner = NULL;
#endif
    wait_queue_init(&mutex->waiters);
}

/* Leaves the state at MUTEX_WAITED, taken or not: whoever unlocks then looks for waiters. */
static bool take_as_waiter(struct mutex *mutex)
{
    return __atomic_exchange_n(&mutex->state, MUTEX_WAITED, __ATOMIC_ACQUIRE) == MUTEX_FREE;
}

COLD void mutex_lock_contended(struct mutex *mutex)
{
    wait_event_mode(&mutex->waiters, WAIT_MUTEX, (uint64_t)mutex, WAIT_HARD, 0, true,
                    take_as_waiter(mutex));
}

COLD void mutex_wake_waiter(struct mutex *mutex)
{
    wake_up_one(&mutex->waiters);
}

#ifdef KERNEL_DEBUG
void mutex_check_take(struct mutex *mutex)
{
    struct task *task = current;
    if (this_cpu()->held_lock_count)
        panic("mutex of rank %u taken while a spinlock of rank %u is held", mutex->rank,
              this_cpu()->held_locks[0]->rank);
    for (unsigned i = 0; i < task->held_mutex_count; i++)
        if (task->held_mutex_ranks[i] > mutex->rank)
            panic("lock order: mutex of rank %u taken while rank %u is held", mutex->rank,
                  task->held_mutex_ranks[i]);
    if (task->held_mutex_count == ARRAY_COUNT(task->held_mutex_ranks))
        panic("task %d holds too many mutexes", task->tid);
    task->held_mutex_ranks[task->held_mutex_count++] = mutex->rank;
    mutex->owner = task;
}

void mutex_check_release(struct mutex *mutex)
{
    struct task *task = current;
    if (mutex->owner != task)
        panic("task %d releases a mutex of rank %u that it does not hold", task->tid, mutex->rank);
    mutex->owner = NULL;
    for (unsigned i = task->held_mutex_count; i-- > 0;) {
        if (task->held_mutex_ranks[i] != mutex->rank)
            continue;
        for (; i + 1 < task->held_mutex_count; i++)
            task->held_mutex_ranks[i] = task->held_mutex_ranks[i + 1];
        task->held_mutex_count--;
        return;
    }
}
#endif
