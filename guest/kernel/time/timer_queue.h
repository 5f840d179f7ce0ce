/*
 * kernel/time/timer_queue.h - the inside of a CPU's timers, for timer.c and for whoever describes
 * it to the host. Locks: timer.c.
 */
#ifndef KERNEL_TIME_TIMER_QUEUE_H
#define KERNEL_TIME_TIMER_QUEUE_H

#include "arch/per_cpu.h"
#include "kernel/sync/spinlock.h"
#include "kernel/time/timer.h"

struct timer_queue {
    struct spinlock lock;

    struct rb_tree tree;
    struct timer *running; /* its callback is being called */
    uint64_t next_tsc;     /* deadline of the first timer, as TSC */
};

extern PER_CPU(struct timer_queue, timer_queue); /* any CPU, under its lock */

#endif
