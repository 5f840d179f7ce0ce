/*
 * kernel/time/clock_set.c - setting CLOCK_REALTIME (clock_settime(2), settimeofday(2), adjtimex(2)).
 *
 * Deadlines are kept in monotonic time. When the clock is set, timers that were given a time of that
 * clock are moved, and sleepers are woken to look again. Waits of futexes, queues and semaphores keep
 * the deadline that they began with.
 *
 * Lock: clock_mutex, so that two settings are seen by everybody in the same order.
 */
#include "kernel/time/clock_set.h"
#include "kernel/lib/errno.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/time/clock.h"

static struct mutex clock_mutex = {.rank = RANK_CLOCK_SET,
                                   .waiters = WAIT_QUEUE_INIT(clock_mutex.waiters)};
static struct wait_queue sleepers = WAIT_QUEUE_INIT(sleepers);
static uint32_t times_set; /* changed under clock_mutex */

static void move_locked(int64_t by_ns)
{
    WRITE_ONCE(clock_realtime_offset_ns, clock_realtime_offset_ns + by_ns);
    posix_timers_follow_clock(by_ns);
    timer_files_follow_clock(by_ns);
    __atomic_fetch_add(&times_set, 1, __ATOMIC_SEQ_CST);
    wake_up_all(&sleepers);
}

void clock_set_offset(int64_t offset_ns)
{
    mutex_lock(&clock_mutex);
    move_locked((int64_t)((uint64_t)offset_ns - (uint64_t)clock_realtime_offset_ns));
    mutex_unlock(&clock_mutex);
}

void clock_move_offset(int64_t by_ns)
{
    mutex_lock(&clock_mutex);
    move_locked(by_ns);
    mutex_unlock(&clock_mutex);
}

int clock_sleep_until(uint64_t until_ns)
{
    for (;;) {
        uint32_t seen = __atomic_load_n(&times_set, __ATOMIC_SEQ_CST);
        uint64_t now = clock_realtime_ns();
        if (until_ns <= now)
            return 0;
        uint64_t deadline = clock_monotonic_ns() + (until_ns - now);
        int error = wait_event(&sleepers, WAIT_SLEEP, 0, WAIT_INTERRUPTIBLE, deadline,
                               __atomic_load_n(&times_set, __ATOMIC_SEQ_CST) != seen);
        if (error && error != -ETIMEDOUT)
            return error;
    }
}
