/* kernel/time/timespec.h - struct timespec and itimerspec of the Linux ABI, checked and in
 * nanoseconds. */
#ifndef KERNEL_TIME_TIMESPEC_H
#define KERNEL_TIME_TIMESPEC_H

#include "kernel/time/clock.h"

#define NS_PER_SECOND 1000000000ull

struct linux_itimerspec {
    struct linux_timespec interval, value;
};

static inline struct linux_timespec timespec_of(uint64_t ns)
{
    return (struct linux_timespec){(int64_t)(ns / NS_PER_SECOND), (int64_t)(ns % NS_PER_SECOND)};
}

static inline bool timespec_valid(const struct linux_timespec *time)
{
    return time->seconds >= 0 && (uint64_t)time->nanoseconds < NS_PER_SECOND;
}

/* Saturates at about 292 years. */
static inline uint64_t timespec_ns(const struct linux_timespec *time)
{
    if ((uint64_t)time->seconds >= INT64_MAX / NS_PER_SECOND)
        return INT64_MAX;
    return (uint64_t)time->seconds * NS_PER_SECOND + (uint64_t)time->nanoseconds;
}

#endif
