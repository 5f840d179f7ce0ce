/* kernel/fs/poll_time.h - the timeouts of poll, select and epoll, as deadlines in CLOCK_MONOTONIC
 * time. */
#ifndef KERNEL_FS_POLL_TIME_H
#define KERNEL_FS_POLL_TIME_H

#include "arch/user_access.h"
#include "kernel/lib/errno.h"
#include "kernel/time/clock.h"

#define POLL_FOR_EVER    0ull
#define POLL_NO_WAIT     1ull /* the clock never shows so early a time when a program can ask */
#define POLL_SECONDS_MAX 4000000000ll /* longer is for ever */

/* From seconds and nanoseconds that were checked. */
static inline uint64_t poll_deadline(int64_t seconds, int64_t nanoseconds)
{
    if (!seconds && !nanoseconds)
        return POLL_NO_WAIT;
    if (seconds > POLL_SECONDS_MAX)
        return POLL_FOR_EVER;
    return clock_monotonic_ns() + (uint64_t)seconds * 1000000000u + (uint64_t)nanoseconds;
}

static inline uint64_t poll_deadline_ms(int32_t milliseconds)
{
    if (milliseconds < 0)
        return POLL_FOR_EVER;
    return poll_deadline(milliseconds / 1000, milliseconds % 1000 * 1000000ll);
}

/* A user's struct timespec; address 0 = for ever. 0, -EFAULT or -EINVAL. */
static inline int poll_deadline_timespec(uint64_t address, uint64_t *ret)
{
    struct linux_timespec time;

    *ret = POLL_FOR_EVER;
    if (!address)
        return 0;
    if (get_user(time, address))
        return -EFAULT;
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= 1000000000)
        return -EINVAL;
    *ret = poll_deadline(time.seconds, time.nanoseconds);
    return 0;
}

/*
 * Writes the time that is left back to the user's timeout (a timeval if `micro`). Where that cannot
 * be done, a call to be restarted ends instead: it would run on with the full time. Returns what
 * the call returns.
 */
static inline int64_t poll_report_rest(uint64_t address, uint64_t deadline_ns, bool micro,
                                       int64_t result)
{
    struct linux_timespec time = {0, 0};

    if (!address || deadline_ns == POLL_FOR_EVER)
        return result;
    uint64_t now = clock_monotonic_ns();
    if (deadline_ns > now) {
        time.seconds = (int64_t)((deadline_ns - now) / 1000000000u);
        time.nanoseconds = (int64_t)((deadline_ns - now) % 1000000000u) / (micro ? 1000 : 1);
    }
    if (put_user(time, address) && result == -ERESTARTNOHAND)
        return -EINTR;
    return result;
}

#endif
