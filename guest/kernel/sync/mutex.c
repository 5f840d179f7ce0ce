/*
 * kernel/sync/mutex.c - sleeping locks. The state word has three values so that an uncontended unlock needs no
 * look at the wait queue (Drepper, "Futexes Are Tricky", mutex 2).
 */
#include "kernel/sync/mutex.h"

#include "arch/cpu.h"
#include "kernel/lib/panic.h"
#include "kernel/sched/task.h"

#define MUTEX_FREE 0
#define MUTEX_TAKEN 1
#define MUTEX_WAITED 2

#ifdef KERNEL_DEBUG
static void check_take(const struct mutex *mutex)
{
    struct task *task = current;
    if (this_cpu()->held_lock_count)
        panic("mutex of rank %u taken while a spinlock of rank %u is held", mutex->rank,
              this_cpu()->held_locks[0]->rank);
    for (unsigned i = 0; i < task->held_mutex_count; i++)
        if (task->held_mutex_ranks[i] > mutex->rank)
            panic("lock order: mutex of rank %u taken while rank %u is held", mutex->rank, task->held_mutex_ranks[i]);
    if (task->held_mutex_count == ARRAY_COUNT(task->held_mutex_ranks))
        panic("task %d holds too many mutexes", task->tid);
    task->held_mutex_ranks[task->held_mutex_count++] = mutex->rank;
}

static void check_release(const struct mutex *mutex)
{
    struct task *task = current;
    if (mutex->owner != task)
        panic("task %d releases a mutex of rank %u that it does not hold", task->tid, mutex->rank);
    for (unsigned i = task->held_mutex_count; i-- > 0;) {
        if (task->held_mutex_ranks[i] != mutex->rank)
            continue;
        for (; i + 1 < task->held_mutex_count; i++)
            task->held_mutex_ranks[i] = task->held_mutex_ranks[i + 1];
        task->held_mutex_count--;
        return;
    }
}
#else
static inline void check_take(const struct mutex *mutex)
{
    (void)mutex;
}
static inline void check_release(const struct mutex *mutex)
{
    (void)mutex;
}
#endif

void mutex_init(struct mutex *mutex, enum lock_rank rank)
{
    mutex->state = MUTEX_FREE;
    mutex->rank = (uint16_t)rank;
    mutex->owner = NULL;
    wait_queue_init(&mutex->waiters);
}

bool mutex_try_lock(struct mutex *mutex)
{
    uint32_t expected = MUTEX_FREE;
    if (!__atomic_compare_exchange_n(&mutex->state, &expected, MUTEX_TAKEN, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    check_take(mutex);
    mutex->owner = current;
    return true;
}

static bool take_as_waiter(struct mutex *mutex)
{
    return __atomic_exchange_n(&mutex->state, MUTEX_WAITED, __ATOMIC_ACQUIRE) == MUTEX_FREE;
}

void mutex_lock(struct mutex *mutex)
{
    uint32_t expected = MUTEX_FREE;
    if (unlikely(!__atomic_compare_exchange_n(&mutex->state, &expected, MUTEX_TAKEN, false, __ATOMIC_ACQUIRE,
                                              __ATOMIC_RELAXED)))
        wait_event_mode(&mutex->waiters, WAIT_MUTEX, (uint64_t)mutex, WAIT_HARD, 0, true, take_as_waiter(mutex));
    check_take(mutex);
    mutex->owner = current;
}

void mutex_unlock(struct mutex *mutex)
{
    check_release(mutex);
    mutex->owner = NULL;
    if (unlikely(__atomic_exchange_n(&mutex->state, MUTEX_FREE, __ATOMIC_RELEASE) == MUTEX_WAITED))
        wake_up_one(&mutex->waiters);
}
