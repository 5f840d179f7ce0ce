/*
 * kernel/time/timer.h - one-shot timers on the CPU that started them, programmed into the LAPIC
 * only when they are the next thing to happen. Callbacks run in interrupt context with no locks
 * held; they may take spinlocks, wake tasks, and restart their own timer.
 */
#ifndef KERNEL_TIME_TIMER_H
#define KERNEL_TIME_TIMER_H

#include "kernel/lib/rbtree.h"

struct timer {
    struct rb_node node;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC */
    void (*callback)(struct timer *timer);
    uint32_t cpu; /* whose tree it is in */
    bool active;
};

void timer_init(struct timer *timer, void (*callback)(struct timer *timer));
/* Starts or moves it; waits for nobody, so locks that its callback takes may be held. Starts of one
 * timer are for the caller to bring in order. */
void timer_start(struct timer *timer, uint64_t deadline_ns);
/* True if it was still to come. After return the callback is not running and will not run: no lock
 * that it takes may be held. */
bool timer_cancel(struct timer *timer);

/* The interrupt: runs what is due on this CPU, then lets the scheduler look. */
void timer_interrupt(void);
/* Arms this CPU's LAPIC for whatever comes first, a timer or the end of a slice, if it is not armed
 * early enough. */
void timer_program(void);

#endif
