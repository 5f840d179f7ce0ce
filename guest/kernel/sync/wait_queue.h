/*
 * kernel/sync/wait_queue.h - sleeping until something happens, without losing the wake-up.
 *
 * The pattern: wait_prepare() puts the task on the queue and declares its intent to sleep; then the
 * condition is checked; then wait_block() sleeps - unless a wake-up came in between, which withdrew
 * the intent. So a waker need only (1) make the condition true, (2) call wake_up_*(). wait_event()
 * does it in one line.
 *
 *     error = wait_event(&pipe->readers, WAIT_PIPE_READ, (uint64_t)pipe, WAIT_INTERRUPTIBLE, 0,
 *                        pipe_has_data(pipe));
 *
 * The condition is evaluated without any lock held by wait_event itself; it must be readable that
 * way, or take and drop a lock of its own. No spinlock may be held by the caller.
 */
#ifndef KERNEL_SYNC_WAIT_QUEUE_H
#define KERNEL_SYNC_WAIT_QUEUE_H

#include "kernel/lib/list.h"
#include "kernel/sync/spinlock.h"
#include "shared/trace.h"

struct task;

struct wait_queue {
    struct spinlock lock; /* RANK_WAIT_QUEUE */
    struct list waiters;
};

#define WAIT_QUEUE_INIT(name)                                                                      \
    {                                                                                              \
        SPINLOCK_INIT(RANK_WAIT_QUEUE), LIST_INIT((name).waiters)                                  \
    }

/* One task on one queue; lives on the waiting task's stack, or is its own `waiter`. A task may be
 * on several queues (poll).
 */
struct waiter {
    struct list link; /* queue->lock */
    struct task *task;
    struct wait_queue *queue; /* NULL when not queued */
    bool exclusive; /* wake_up_one() wakes the first exclusive waiter, and every shared one */
    bool woken;     /* a wake-up reached this waiter */
    /*
     * NULL (as waiter_init() leaves it): wake-ups wake the task. Otherwise wake_up_*() calls it
     * instead, with the queue's lock held, and leaves the waiter queued: for watchers that stay
     * registered while nobody sleeps (epoll). Such a waiter is never exclusive and has no task.
     */
    void (*notify)(struct waiter *waiter);
};

enum wait_mode {
    WAIT_HARD = 0,          /* signals do not end the wait */
    WAIT_INTERRUPTIBLE = 1, /* any deliverable signal ends it */
    WAIT_KILLABLE = 2,      /* only a signal that ends the process */
};

void wait_queue_init(struct wait_queue *queue);
void waiter_init(struct waiter *waiter);

/* Queues the waiter (if it is not queued) and declares the intent to sleep. */
void wait_prepare(struct wait_queue *queue, struct waiter *waiter, bool exclusive);
/* Only the intent, for waits without a queue (sleep, pause): the task itself is woken by
 * task_wake(). */
void wait_prepare_alone(void);

/*
 * Sleeps until woken. deadline_ns: CLOCK_MONOTONIC time at which to give up, 0 = never.
 * Returns 0 (woken, perhaps for nothing: check the condition), -ERESTARTSYS (a signal is waiting),
 * or -ETIMEDOUT.
 */
int wait_block(enum wait_kind kind, uint64_t object, enum wait_mode mode, uint64_t deadline_ns);

/* Leaves the queue and withdraws the intent. Harmless if neither was there. */
void wait_finish(struct waiter *waiter);

/*
 * Is anybody waiting? The caller's store that makes the condition true comes before the look, so a
 * waiter that is not seen here has not looked at the condition yet.
 */
static inline bool wait_queue_active(const struct wait_queue *queue)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return READ_ONCE(queue->waiters.next) != &queue->waiters;
}

unsigned wait_queue_wake(struct wait_queue *queue, bool all); /* use the two below */

/* Each returns how many tasks it woke. Spinlocks of rank below RANK_WAIT_QUEUE may be held. */
static inline unsigned wake_up_one(struct wait_queue *queue)
{
    return wait_queue_active(queue) ? wait_queue_wake(queue, false) : 0;
}
static inline unsigned wake_up_all(struct wait_queue *queue)
{
    return wait_queue_active(queue) ? wait_queue_wake(queue, true) : 0;
}

/* With a waiter of the caller's: the task's own (`waiter`), which a waker finds in the object that
 * it touches anyway, serves conditions that cannot themselves wait. */
#define wait_event_by(waiter_, queue, kind, object, mode, deadline_ns, is_exclusive, condition)    \
    ({                                                                                             \
        int wait_result = 0;                                                                       \
        if (!(condition)) {                                                                        \
            struct waiter *wait_self = (waiter_);                                                  \
            waiter_init(wait_self);                                                                \
            for (;;) {                                                                             \
                wait_prepare(queue, wait_self, is_exclusive);                                      \
                if (condition)                                                                     \
                    break;                                                                         \
                wait_result = wait_block(kind, object, mode, deadline_ns);                         \
                if (condition) { /* mostly so after a wake-up, which has taken us off the queue */ \
                    wait_result = 0;                                                               \
                    break;                                                                         \
                }                                                                                  \
                if (wait_result)                                                                   \
                    break;                                                                         \
            }                                                                                      \
            wait_finish(wait_self);                                                                \
        }                                                                                          \
        wait_result;                                                                               \
    })
#define wait_event_mode(queue, kind, object, mode, deadline_ns, is_exclusive, condition)           \
    ({                                                                                             \
        struct waiter wait_own;                                                                    \
        wait_event_by(&wait_own, queue, kind, object, mode, deadline_ns, is_exclusive, condition); \
    })
#define wait_event(queue, kind, object, mode, deadline_ns, condition)                              \
    wait_event_mode(queue, kind, object, mode, deadline_ns, false, condition)

#endif
