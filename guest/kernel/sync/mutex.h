/*
 * kernel/sync/mutex.h - a lock whose waiters sleep. The holder may block, take preemption points and fault
 * on user memory. Only tasks take it (never an interrupt). Not recursive.
 */
#ifndef KERNEL_SYNC_MUTEX_H
#define KERNEL_SYNC_MUTEX_H

#include "kernel/sync/wait_queue.h"

struct mutex {
    uint32_t state; /* 0 free, 1 taken, 2 taken and somebody waits */
    uint16_t rank;  /* enum lock_rank */
    uint16_t reserved;
    struct task *owner;
    struct wait_queue waiters;
};

void mutex_init(struct mutex *mutex, enum lock_rank rank);
void mutex_lock(struct mutex *mutex);
bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#endif
