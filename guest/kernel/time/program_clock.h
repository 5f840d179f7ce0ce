/*
 * kernel/time/program_clock.h - the clocks that programs name (clock_gettime(2)), and what the running
 * one sees on them: the kernel's monotonic time plus something. CPU-time clocks are cpu_timer.h's.
 */
#ifndef KERNEL_TIME_PROGRAM_CLOCK_H
#define KERNEL_TIME_PROGRAM_CLOCK_H

#include "kernel/lib/errno.h"
#include "kernel/namespace/time_namespace.h"
#include "kernel/time/clock.h"

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI                11

enum clock_base {
    CLOCK_BASE_REALTIME,  /* the wall clock */
    CLOCK_BASE_MONOTONIC, /* since the boot; with the offset of the time namespace, as the next */
    CLOCK_BASE_BOOTTIME,
    CLOCK_BASE_NONE, /* not one of these clocks */
};

static inline enum clock_base clock_base_of(int clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        return CLOCK_BASE_REALTIME;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
        return CLOCK_BASE_MONOTONIC;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        return CLOCK_BASE_BOOTTIME;
    default:
        return CLOCK_BASE_NONE;
    }
}

/* What the running program's clock shows more than clock_monotonic_ns(). */
static inline int64_t clock_base_offset_ns(enum clock_base base)
{
    switch (base) {
    case CLOCK_BASE_REALTIME:
        return clock_realtime_offset_ns;
    case CLOCK_BASE_MONOTONIC:
        return time_namespace_own()->monotonic_ns;
    default:
        return time_namespace_own()->boottime_ns;
    }
}

/* How long the machine has been up, as the running program sees it. */
static inline uint64_t program_uptime_ns(void)
{
    return clock_monotonic_ns() + (uint64_t)clock_base_offset_ns(CLOCK_BASE_BOOTTIME);
}

/* A first time of the running program as a deadline of clock_monotonic_ns(), never 0. */
static inline uint64_t timer_deadline(uint64_t value_ns, bool absolute, enum clock_base base)
{
    int64_t deadline = (int64_t)min(value_ns, (uint64_t)INT64_MAX);
    int64_t shown = absolute ? clock_base_offset_ns(base) : -(int64_t)clock_monotonic_ns();
    if (__builtin_sub_overflow(deadline, shown, &deadline))
        deadline = INT64_MAX;
    return deadline > 0 ? (uint64_t)deadline : 1;
}

#endif
