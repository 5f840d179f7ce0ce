/*
 * kernel/sync/spinlock.h - locks that are held for a few instructions.
 *
 * The kernel runs with interrupts off (docs/architecture.md): they are taken in user mode, in the
 * idle task and at preemption_point(), where no spinlock is held. So a spinlock needs no interrupt
 * state. Whoever waits for one keeps serving requests of other CPUs (TLB shootdown, stop): see
 * cpu_serve_requests().
 */
#ifndef KERNEL_SYNC_SPINLOCK_H
#define KERNEL_SYNC_SPINLOCK_H

#include "kernel/lib/types.h"
#include "kernel/sync/lock_order.h"

struct spinlock {
    uint32_t taken;
    uint16_t rank; /* enum lock_rank */
    union {
        uint16_t owner;       /* debug builds: index of the holding CPU + 1 */
        uint16_t contentions; /* other builds: how often somebody had to wait; counted while
                                 holding it, up to UINT16_MAX */
    };
};

#define SPINLOCK_INIT(lock_rank)                                                                   \
    {                                                                                              \
        .taken = 0, .rank = (lock_rank), .owner = 0                                                \
    }

static inline void spin_init(struct spinlock *lock, enum lock_rank rank)
{
    lock->taken = 0;
    lock->rank = (uint16_t)rank;
    lock->owner = 0;
}

void spin_lock_contended(struct spinlock *lock); /* slow path */

#ifdef KERNEL_DEBUG
/* nested: a lock of the same rank may be held, in the order that lock_order.h gives for that rank.
 */
void spin_check_take(struct spinlock *lock, bool nested);
void spin_check_release(struct spinlock *lock);
/* The caller waits for something that may take any spinlock: it holds none. */
void spin_check_none(void);
#else
static inline void spin_check_none(void)
{
}
static inline void spin_check_take(struct spinlock *lock, bool nested)
{
    (void)lock;
    (void)nested;
}
static inline void spin_check_release(struct spinlock *lock)
{
    (void)lock;
}
#endif

static inline void spin_lock(struct spinlock *lock)
{
    if (unlikely(__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE)))
        spin_lock_contended(lock);
    spin_check_take(lock, false);
}

/* A second lock of the same rank. */
static inline void spin_lock_nested(struct spinlock *lock)
{
    if (unlikely(__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE)))
        spin_lock_contended(lock);
    spin_check_take(lock, true);
}

static inline bool spin_try_lock(struct spinlock *lock)
{
    if (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE))
        return false;
    spin_check_take(lock, true); /* trying cannot deadlock, whatever is held */
    return true;
}

static inline void spin_unlock(struct spinlock *lock)
{
    spin_check_release(lock);
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
