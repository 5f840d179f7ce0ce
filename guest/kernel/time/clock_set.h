/*
 * kernel/time/clock_set.h - setting CLOCK_REALTIME, and who hears of it: what waits for an absolute
 * time of that clock ends sooner or later when the clock is set.
 */
#ifndef KERNEL_TIME_CLOCK_SET_H
#define KERNEL_TIME_CLOCK_SET_H

#include "kernel/lib/types.h"

/* The clock shows clock_monotonic_ns() + offset_ns from now on. May sleep; no locks held. */
void clock_set_offset(int64_t offset_ns);
/* The same, relative to what it showed. */
void clock_move_offset(int64_t by_ns);

/*
 * Sleeps until the clock shows until_ns, however it is set meanwhile: 0, or -ERESTARTSYS when a signal
 * came.
 */
int clock_sleep_until(uint64_t until_ns);

/* A deadline of the monotonic clock, moved because the clock was set forward by by_ns; never 0. */
static inline uint64_t clock_moved_deadline(uint64_t deadline_ns, int64_t by_ns)
{
    int64_t moved;
    if (__builtin_sub_overflow((int64_t)deadline_ns, by_ns, &moved))
        return by_ns > 0 ? 1 : INT64_MAX;
    return moved > 0 ? (uint64_t)moved : 1;
}

/* posix_timer.c, timerfd.c: moves their timers that stand for a time of the clock. */
void posix_timers_follow_clock(int64_t by_ns);
void timer_files_follow_clock(int64_t by_ns);

#endif
