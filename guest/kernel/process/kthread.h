/*
 * kernel/process/kthread.h - threads of the kernel's own, for work that nobody should have to wait for.
 *
 * Each is a process of one task below PID 1, with a number like any other: without user memory, files
 * and directories, deaf to signals, in a group and session of its own; `ps` shows its name in brackets, /proc its
 * flag PF_KTHREAD. It runs until its function returns, and PID 1 reaps it.
 *
 * Lifetime: a struct kthread is counted: one for who made it, until kthread_stop(), and one for the thread.
 */
#ifndef KERNEL_PROCESS_KTHREAD_H
#define KERNEL_PROCESS_KTHREAD_H

#include "kernel/sync/wait_queue.h"

#define KTHREAD_ANY_CPU (-1)

struct kthread {
    uint32_t references; /* atomic */
    void (*function)(struct kthread *thread, void *argument);
    void *argument;
    bool stop;  /* it is asked to return */
    bool ended; /* it will not use what it was given any more */
    struct wait_queue wake, done;
};

/*
 * Makes one that runs the function, and starts it. `name`: at most 15 characters count. `cpu`: where it
 * has to stay, or KTHREAD_ANY_CPU. May sleep; no lock held. NULL: out of memory or of numbers.
 */
struct kthread *kthread_create(const char *name, int cpu,
                               void (*function)(struct kthread *thread, void *argument),
                               void *argument);
/* Asks it to return, waits until it has, and gives it up. May sleep; not by the thread itself. */
void kthread_stop(struct kthread *thread);

static inline bool kthread_should_stop(const struct kthread *thread)
{
    return READ_ONCE(thread->stop);
}
/* There may be something to do. Any context; locks of rank below RANK_WAIT_QUEUE may be held. */
static inline void kthread_kick(struct kthread *thread)
{
    wake_up_all(&thread->wake);
}
/* By the thread: sleeps until there is something to do, or it is to return. Whoever makes the condition
 * true calls kthread_kick() afterwards. */
#define kthread_wait(thread, condition)                                                            \
    wait_event(&(thread)->wake, WAIT_KTHREAD, 0, WAIT_HARD, 0,                                     \
               (condition) || kthread_should_stop(thread))

#endif
