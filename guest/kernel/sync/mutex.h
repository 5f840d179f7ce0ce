/*
 * kernel/sync/mutex.h - a lock whose waiters sleep. The holder may block, take preemption points
 * and fault on user memory. Only tasks take it (never an interrupt). Not recursive.
 *
 * The state word has three values so that an uncontended unlock needs no look at the wait queue
 * (Drepper, "Futexes Are Tricky", mutex 2). Nearly every lock is uncontended, so that way is
 * inline; the rest is in mutex.c.
 */
#ifndef KERNEL_SYNC_MUTEX_H
#define KERNEL_SYNC_MUTEX_H

#include "kernel/sync/wait_queue.h"
#include "shared/objects.h"

struct mutex {
    uint32_t state; /* enum mutex_state */
    uint16_t rank;  /* enum lock_rank */
    uint16_t reserved;
#ifdef KERNEL_DEBUG
    struct task *owner;
#endif
    struct wait_queue waiters;
};

void mutex_init(struct mutex *mutex, enum lock_rank rank);

void mutex_lock_contended(struct mutex *mutex); /* slow paths */
void mutex_wake_waiter(struct mutex *mutex);

#ifdef KERNEL_DEBUG
void mutex_check_take(struct mutex *mutex);
void mutex_check_release(struct mutex *mutex);
#else
static inline void mutex_check_take(struct mutex *mutex)
{
    (void)mutex;
}
static inline void mutex_check_release(struct mutex *mutex)
{
    (void)mutex;
}
#endif

static inline bool mutex_take_if_free(struct mutex *mutex)
{
    uint32_t expected = MUTEX_FREE;
    return __atomic_compare_exchange_n(&mutex->state, &expected, MUTEX_TAKEN, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void mutex_lock(struct mutex *mutex)
{
    if (unlikely(!mutex_take_if_free(mutex)))
        mutex_lock_contended(mutex);
    mutex_check_take(mutex);
}

static inline bool mutex_try_lock(struct mutex *mutex)
{
    if (!mutex_take_if_free(mutex))
        return false;
    mutex_check_take(mutex);
    return true;
}

static inline void mutex_unlock(struct mutex *mutex)
{
    mutex_check_release(mutex);
    if (unlikely(__atomic_exchange_n(&mutex->state, MUTEX_FREE, __ATOMIC_RELEASE) == MUTEX_WAITED))
        mutex_wake_waiter(mutex);
}

#endif
