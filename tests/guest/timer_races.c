/*
 * tests/guest/timer_races.c - `timer_races N`: threads of one process each set an alarm on the CPU
 * time of the process, and one of real time, N times, so that it fires about when the next is set.
 * Whoever waits for the callback of a timer while it holds what the callback wants stands still.
 */
#include "tests/guest/guest.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define THREADS 3

static unsigned rounds;

static timer_t timer_on(clockid_t clock)
{
    struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
    timer_t timer;

    if (timer_create(clock, &quiet, &timer) != 0)
        fail("timer_create");
    return timer;
}

static void *sets(void *context)
{
    timer_t timers[] = {timer_on(CLOCK_PROCESS_CPUTIME_ID), timer_on(CLOCK_MONOTONIC),
                        timer_on(CLOCK_THREAD_CPUTIME_ID)};
    uint64_t random = (uintptr_t)&timers | 1;

    for (unsigned i = 0; i < rounds; i++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        struct itimerspec soon = {.it_value.tv_nsec = 1 + (long)(random >> 33) % 200000};

        if (timer_settime(timers[i % 3], 0, &soon, NULL) != 0)
            fail("timer_settime");
    }
    return context;
}

int main(int argument_count, char **arguments)
{
    pthread_t threads[THREADS];

    rounds = argument_count > 1 ? (unsigned)atoi(arguments[1]) : 1000;
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, sets, NULL) != 0)
            fail("pthread_create");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    say("done");
    return 0;
}
