/*
 * vmm/base/clock.h - monotonic time in nanoseconds, and deadlines for condition variables.
 *
 * Waits use CLOCK_MONOTONIC, so that setting the host's clock neither ends nor prolongs them.
 */
#ifndef VITRINE_BASE_CLOCK_H
#define VITRINE_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define NANOSECONDS_PER_SECOND 1000000000ull

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* The absolute CLOCK_MONOTONIC time `milliseconds` from now. */
static inline struct timespec clock_deadline(unsigned milliseconds)
{
    uint64_t at = clock_monotonic_ns() + (uint64_t)milliseconds * 1000000u;

    return (struct timespec){.tv_sec = (time_t)(at / NANOSECONDS_PER_SECOND),
                             .tv_nsec = (long)(at % NANOSECONDS_PER_SECOND)};
}

/* pthread_cond_clockwait(CLOCK_MONOTONIC): 0 or ETIMEDOUT. */
static inline int clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                             const struct timespec *deadline)
{
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, deadline);
}

#endif
