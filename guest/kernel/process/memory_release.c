/*
 * kernel/process/memory_release.c - see memory_release.h. The thread is made when it is first needed. At
 * most PENDING_MAX spaces wait for it: one more is released by who ends, as it would be without it, so
 * that memory cannot be used up faster than it comes back.
 *
 * Lock: queue_lock for the queue; `pending` counts what is in it and what the thread is at.
 */
#include "kernel/process/memory_release.h"

#include "kernel/mm/address_space.h"
#include "kernel/process/kthread.h"
#include "kernel/sync/spinlock.h"

#define PENDING_MAX 4u

static struct spinlock queue_lock = SPINLOCK_INIT(RANK_LOG); /* innermost */
static struct address_space *first, **last = &first;         /* through release_next */
static uint32_t pending;                                     /* atomic */
static struct kthread *releaser;                             /* set once */
static bool starting;                                        /* atomic */

static struct address_space *take(void)
{
    spin_lock(&queue_lock);
    struct address_space *space = first;
    if (space) {
        first = space->release_next;
        if (!first)
            last = &first;
    }
    spin_unlock(&queue_lock);
    return space;
}

static void release_all(struct kthread *thread, void *unused)
{
    (void)unused;
    while (!kthread_should_stop(thread)) {
        struct address_space *space;
        kthread_wait(thread, READ_ONCE(first) != NULL);
        while ((space = take())) {
            address_space_release(space);
            __atomic_sub_fetch(&pending, 1, __ATOMIC_RELEASE);
        }
    }
}

/* The first caller makes the thread; until it is there, others release for themselves. */
static bool ready(void)
{
    if (likely(__atomic_load_n(&releaser, __ATOMIC_ACQUIRE)))
        return true;
    if (__atomic_exchange_n(&starting, true, __ATOMIC_ACQ_REL))
        return false;
    struct kthread *thread = kthread_create("mm_release", KTHREAD_ANY_CPU, release_all, NULL);
    if (thread)
        __atomic_store_n(&releaser, thread, __ATOMIC_RELEASE);
    else
        __atomic_store_n(&starting, false, __ATOMIC_RELEASE);
    return thread != NULL;
}

static bool release_later(struct address_space *space)
{
    if (!ready())
        return false;
    if (__atomic_add_fetch(&pending, 1, __ATOMIC_ACQUIRE) > PENDING_MAX) {
        __atomic_sub_fetch(&pending, 1, __ATOMIC_RELEASE);
        return false;
    }
    space->release_next = NULL;
    spin_lock(&queue_lock);
    *last = space;
    last = &space->release_next;
    spin_unlock(&queue_lock);
    kthread_kick(releaser);
    return true;
}

void memory_release_init(void)
{
    address_space_release_later = release_later;
}

bool memory_release_pending(void)
{
    return __atomic_load_n(&pending, __ATOMIC_ACQUIRE) != 0;
}
