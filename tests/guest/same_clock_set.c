/*
 * tests/guest/same_clock_set.c - clocks, sleeping and timers, and what becomes of them when the wall
 * clock is set, as a list of lines that must be the same on Linux. The clock is set for real only in
 * the machine: on another system the lines that it would give are printed.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <poll.h>
#include <pthread.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>

#define T(call) show(#call, (long)(call))
#define BAD     ((void *)-4096l)
#define HOUR    3600

static bool vitrine;

static void set_clock(long by)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += by;
    if (clock_settime(CLOCK_REALTIME, &now))
        fail("clock_settime");
}

/* ---- what is refused ---- */

static void refused(void)
{
    struct timespec time = {0, 0}, bad = {0, 1000000000}, negative = {-1, 0};
    struct itimerspec wanted = {.it_value = {0, 1}}, wrong = {.it_value = {0, -1}};
    struct itimerval interval = {.it_value = {0, 1000000}}, now;
    struct sigevent event = {.sigev_notify = SIGEV_NONE}, strange = {.sigev_notify = 99};
    timer_t timer;

    T(clock_gettime(99, &time));
    T(syscall(SYS_clock_gettime, CLOCK_REALTIME, BAD));
    T(syscall(SYS_clock_getres, 99, &time));
    T(clock_getres(CLOCK_MONOTONIC, NULL));
    T(clock_settime(CLOCK_MONOTONIC, &time));
    T(clock_settime(CLOCK_BOOTTIME, &time));
    T(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &time));
    T(clock_settime(99, &time));
    T(clock_settime(CLOCK_REALTIME, &bad));
    T(clock_settime(CLOCK_REALTIME, &negative));
    T(syscall(SYS_clock_settime, CLOCK_REALTIME, BAD));
    T(nanosleep(&bad, NULL));
    T(nanosleep(&negative, NULL));
    T(syscall(SYS_nanosleep, BAD, NULL));
    T(syscall(SYS_nanosleep, &time, BAD));
    T(clock_nanosleep(99, 0, &time, NULL) == EINVAL);
    T(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL) == EINVAL);
    T(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &time, NULL) == EOPNOTSUPP);
    T(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL) == EINVAL);
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, NULL));
    T(clock_nanosleep(CLOCK_MONOTONIC, 99, &time, NULL));
    T(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL));
    T(setitimer(9, &interval, NULL));
    T(setitimer(ITIMER_REAL, &interval, NULL));
    T(syscall(SYS_setitimer, ITIMER_REAL, BAD, NULL));
    T(setitimer(ITIMER_REAL, NULL, &now));
    T(getitimer(9, &now));
    T(getitimer(-1, &now));
    T(syscall(SYS_getitimer, ITIMER_REAL, BAD));
    T(timer_create(99, &event, &timer));
    T(timer_create(CLOCK_REALTIME, &strange, &timer));
    T(timer_create(CLOCK_MONOTONIC_COARSE, &event, &timer));
    T(timer_create(CLOCK_REALTIME, &event, &timer));
    T(timer_settime(timer, 0, NULL, NULL));
    T(timer_settime(timer, 0, &wrong, NULL));
    T(syscall(SYS_timer_settime, timer, 0, &wanted, BAD));
    T(syscall(SYS_timer_settime, 99, 0, &wanted, NULL));
    T(syscall(SYS_timer_gettime, 99, &wanted));
    T(syscall(SYS_timer_getoverrun, 99));
    T(syscall(SYS_timer_delete, 99));
    T(timer_delete(timer));
    T(timer_delete(timer));
    T(timerfd_create(99, 0));
    T(timerfd_create(CLOCK_MONOTONIC, 0x10));
    T(timerfd_create(CLOCK_TAI, 0));
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    char bytes[8];
    T(read(fd, bytes, 7));
    T(read(fd, bytes, 8));
    T(write(fd, bytes, 8));
    T(timerfd_settime(fd, 4, &wanted, NULL));
    T(timerfd_settime(fd, 0, &wrong, NULL));
    T(syscall(SYS_timerfd_settime, fd, 0, BAD, NULL));
    T(timerfd_settime(0, 0, &wanted, NULL));
    T(timerfd_settime(-1, 0, &wanted, NULL));
    T(syscall(SYS_timerfd_gettime, fd, BAD));
    T(timerfd_gettime(0, &wanted));
    close(fd);
    T(syscall(SYS_gettimeofday, BAD, NULL));
    T(syscall(SYS_settimeofday, BAD, NULL));
    T(alarm(100));
    T(alarm(0) > 0);
    T(alarm(0));
    T(ualarm(0, 0));
}

/* ---- when the clock is set ---- */

static volatile sig_atomic_t signals;

static void count(int signal)
{
    (void)signal;
    signals++;
}

/* Seconds from now on the clock. */
static struct timespec in(long seconds)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += seconds;
    return time;
}

static void *sleeper(void *context)
{
    const struct timespec *until = context;
    return (void *)(long)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, until, NULL);
}

static void set(void)
{
    struct itimerspec now, wanted = {.it_value = in(HOUR)}, later = {.it_value = {2 * HOUR, 0}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer, relative;
    pthread_t thread;
    void *result;
    uint64_t times;

    signal(SIGUSR1, count);
    T(timer_create(CLOCK_REALTIME, &event, &timer));
    event.sigev_signo = SIGUSR2;
    T(timer_create(CLOCK_REALTIME, &event, &relative));
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int watching = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int other = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    T(timer_settime(timer, TIMER_ABSTIME, &wanted, NULL));
    T(timer_settime(relative, 0, &later, NULL));
    T(timerfd_settime(fd, TFD_TIMER_ABSTIME, &wanted, NULL));
    T(timerfd_settime(watching, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &wanted, NULL));
    T(timerfd_settime(other, 0, &later, NULL));
    if (vitrine)
        set_clock(-HOUR);
    timer_gettime(timer, &now);
    say("absolute: two hours %d", !vitrine || now.it_value.tv_sec / 60 > 115);
    timer_gettime(relative, &now);
    say("relative: two hours %d", now.it_value.tv_sec / 60 > 115);
    timerfd_gettime(fd, &now);
    say("file: two hours %d", !vitrine || now.it_value.tv_sec / 60 > 115);
    say("canceled: %d", !vitrine || (read(watching, &times, 8) == -1 && errno == ECANCELED));
    say("once: %d", read(watching, &times, 8) == -1 && errno == EAGAIN);
    say("not that clock: %d", read(other, &times, 8) == -1 && errno == EAGAIN);
    struct timespec until = in(3 * HOUR);
    if (pthread_create(&thread, NULL, sleeper, &until))
        fail("pthread_create");
    if (vitrine)
        set_clock(4 * HOUR);
    if (vitrine)
        UNTIL(signals == 1);
    say("file expired: %d", !vitrine || (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 10000) == 1 &&
                                         read(fd, &times, 8) == 8 && times == 1));
    if (vitrine)
        pthread_join(thread, &result);
    say("sleeper: %ld", vitrine ? (long)result : 0);
    timer_gettime(relative, &now);
    say("relative: two hours %d", now.it_value.tv_sec / 60 > 115);
}

int main(void)
{
    struct utsname names;

    uname(&names);
    vitrine = strstr(names.version, "Vitrine") != NULL;
    refused();
    set();
    return 0;
}
