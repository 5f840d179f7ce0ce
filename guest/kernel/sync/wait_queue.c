/*
 * kernel/sync/wait_queue.c - see wait_queue.h.
 *
 * Why no wake-up is lost: the waiter sets its intent, then joins the queue under the queue's lock,
 * then reads the condition. The waker makes the condition true, then takes the same lock. Whichever
 * was first at the lock, either the waker finds the waiter (and withdraws the intent, or wakes), or
 * the waiter sees the condition.
 *
 * A waker unlinks the waiters that it wakes, and touches a waiter for the last time when it clears
 * its queue pointer: from then on the waiter's stack frame may be gone.
 */
#include "kernel/sync/wait_queue.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/block.h"
#include "kernel/sched/task.h"
#include "kernel/time/clock.h"

void wait_queue_init(struct wait_queue *queue)
{
    spin_init(&queue->lock, RANK_WAIT_QUEUE);
    list_init(&queue->waiters);
}

void waiter_init(struct waiter *waiter)
{
    list_init(&waiter->link);
    waiter->task = current;
    waiter->queue = NULL;
    waiter->exclusive = false;
    waiter->woken = false;
    waiter->notify = NULL;
}

/* `inline`, for the link-time optimiser, because every sleep passes here. */
inline void wait_prepare(struct wait_queue *queue, struct waiter *waiter, bool exclusive)
{
    WRITE_ONCE(waiter->task->sleep_intent, 1);
    spin_lock(&queue->lock);
    if (!waiter->queue) {
        waiter->exclusive = exclusive;
        waiter->woken = false;
        waiter->queue = queue;
        /* Shared waiters first, so that waking one exclusive waiter passes all of them. */
        if (exclusive)
            list_push_back(&queue->waiters, &waiter->link);
        else
            list_push_front(&queue->waiters, &waiter->link);
    }
    spin_unlock(&queue->lock);
    __atomic_thread_fence(
        __ATOMIC_SEQ_CST); /* being queued is visible before the condition is read */
}

void wait_prepare_alone(void)
{
    WRITE_ONCE(current->sleep_intent, 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static NO_INLINE void leave_queue(struct waiter *waiter, struct wait_queue *queue)
{
    spin_lock(&queue->lock);
    if (waiter->queue) {
        list_remove(&waiter->link);
        waiter->queue = NULL;
    }
    spin_unlock(&queue->lock);
}

inline void wait_finish(struct waiter *waiter)
{
    waiter->task->sleep_intent = 0;
    struct wait_queue *queue = load_acquire(&waiter->queue);
    if (unlikely(queue))
        leave_queue(waiter, queue);
}

unsigned wait_queue_wake(struct wait_queue *queue, bool all)
{
    unsigned count = 0;
    spin_lock(&queue->lock);
    struct waiter *waiter, *following;
    list_for_each_safe(waiter, following, &queue->waiters, link)
    {
        if (unlikely(waiter->notify)) {
            waiter->notify(waiter); /* stays queued */
            continue;
        }
        struct task *task = waiter->task;
        bool exclusive = waiter->exclusive;
        /* Waiters on stacks left so end the kernel before anybody can look. */
        if (all || !exclusive || waiter != &task->waiter || !MUTANT_EVERY(WAITER_LEFT_LINKED, 5))
            list_remove(&waiter->link);
        waiter->woken = true;
        store_release(&waiter->queue, NULL);
        if (!task_wake(task, WAKE_NORMAL))
            continue; /* it had given up already */
        count++;
        if (exclusive && !all)
            break;
    }
    spin_unlock(&queue->lock);
    return count;
}

/* ---- sleeping ---- */

static void sleep_timer_fired(struct timer *timer)
{
    struct task *task = container_of(timer, struct task, sleep_timer);
    WRITE_ONCE(task->sleep_timed_out, true);
    task_wake(task, WAKE_NORMAL);
}

static uint32_t interrupting_work(enum wait_mode mode)
{
    switch (mode) {
    case WAIT_INTERRUPTIBLE:
        return TASK_WORK_SIGNAL | TASK_WORK_EXIT | TASK_WORK_STOP;
    case WAIT_KILLABLE:
        return TASK_WORK_EXIT;
    default:
        return 0;
    }
}

/* Flat: going to sleep and being switched away is one path, without the entries and exits of three
 * functions. */
__attribute__((flatten)) int wait_block(enum wait_kind kind, uint64_t object, enum wait_mode mode,
                                        uint64_t deadline_ns)
{
    struct task *task = current;
    uint32_t interrupting = interrupting_work(mode);
    if (deadline_ns) {
        if (clock_monotonic_ns() >= deadline_ns) {
            task->sleep_intent = 0;
            return -ETIMEDOUT;
        }
        task->sleep_timed_out = false;
        if (!task->sleep_timer.callback)
            timer_init(&task->sleep_timer, sleep_timer_fired);
        timer_start(&task->sleep_timer, deadline_ns);
    }
    bool slept = schedule_block(mode == WAIT_HARD ? TASK_BLOCKED_HARD : TASK_BLOCKED, kind, object,
                                interrupting);
    if (deadline_ns) {
        timer_cancel(&task->sleep_timer);
        if (task->sleep_timed_out)
            return -ETIMEDOUT;
    }
    if (!slept && (READ_ONCE(task->work) & interrupting))
        return -ERESTARTSYS;
    return 0;
}
