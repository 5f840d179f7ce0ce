/*
 * kernel/time/clock.h - time from the TSC and the boot page; nothing is calibrated.
 * Durations are nanoseconds or TSC cycles, as the names say.
 */
#ifndef KERNEL_TIME_CLOCK_H
#define KERNEL_TIME_CLOCK_H

#include "kernel/lib/types.h"

struct linux_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

static inline uint64_t clock_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

extern uint64_t clock_ns_per_tsc_fixed; /* nanoseconds per cycle, 32.32; set once at boot */

static inline uint64_t clock_tsc_to_ns(uint64_t cycles)
{
    return (uint64_t)((unsigned __int128)cycles * clock_ns_per_tsc_fixed >> 32);
}
uint64_t clock_ns_to_tsc(uint64_t nanoseconds); /* saturates */
uint64_t clock_monotonic_ns(void);              /* since kernel entry, never 0 */
uint64_t clock_realtime_ns(void);
/* CLOCK_REALTIME = monotonic + this; settable by clock_settime. */
extern int64_t clock_realtime_offset_ns;

#endif
