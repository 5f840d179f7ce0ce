/*
 * tests/guest/same_events.c - event files and timers (eventfd, timerfd, timer_create), as a list of
 * lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

static void counters(void)
{
    uint64_t value = 5;

    show("eventfd flags", eventfd(0, 2));
    int fd = (int)show_good("eventfd", eventfd(3, EFD_NONBLOCK));
    show("read", read(fd, &value, 8));
    say("value %lu", value);
    show("read again", read(fd, &value, 8));
    show("short", read(fd, &value, 4));
    value = ~0ull;
    show("too much", write(fd, &value, 8));
    value = ~0ull - 1;
    show("most", write(fd, &value, 8));
    value = 1;
    show("full", write(fd, &value, 8));
    close(fd);
    fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    for (int i = 0; i < 3; i++) {
        show("semaphore", read(fd, &value, 8));
        say("value %lu", value);
    }
    close(fd);
}

static bool within(const struct timespec *time, long least_ms, long most_ms)
{
    long ms = time->tv_sec * 1000 + time->tv_nsec / 1000000;

    return ms >= least_ms && ms <= most_ms;
}

static void timer_files(void)
{
    struct itimerspec setting = {.it_value = {0, 20000000}}, old;
    uint64_t count = 0;

    show("timerfd clock", timerfd_create(2, 0));
    show("timerfd flags", timerfd_create(CLOCK_MONOTONIC, 1));
    int fd = (int)show_good("timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    show("unarmed", read(fd, &count, 8));
    show("settime flags", timerfd_settime(fd, 8, &setting, NULL));
    show("settime no timer", timerfd_settime(0, 0, &setting, NULL));
    show("settime no file", timerfd_settime(999, 0, &setting, NULL));
    setting.it_value.tv_nsec = 1000000000;
    show("settime bad time", timerfd_settime(fd, 0, &setting, NULL));
    setting.it_value.tv_nsec = 20000000;
    show("settime", timerfd_settime(fd, 0, &setting, NULL));
    show("short", read(fd, &count, 4));
    show("poll", poll(&entry, 1, 10000));
    show("gettime once", timerfd_gettime(fd, &old));
    say("left %ld", old.it_value.tv_nsec);
    show("read", read(fd, &count, 8));
    say("count %lu", count);
    show("read again", read(fd, &count, 8));

    setting.it_interval.tv_nsec = 10000000;
    timerfd_settime(fd, 0, &setting, NULL);
    usleep(70000);
    show("read intervals", read(fd, &count, 8));
    say("several: %d", count >= 3 && count < 2000);
    timerfd_gettime(fd, &old);
    say("left within an interval: %d, interval %ld",
        old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 10000000, old.it_interval.tv_nsec);
    setting = (struct itimerspec){.it_value = {100, 0}};
    timerfd_settime(fd, 0, &setting, NULL);
    timerfd_gettime(fd, &old);
    say("far: %d", within(&old.it_value, 90000, 100000));
    show("not yet", read(fd, &count, 8));
    setting = (struct itimerspec){.it_value = {0, 1}};
    show("in the past", timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, &old));
    say("old: %d", within(&old.it_value, 90000, 100000));
    poll(&entry, 1, 10000);
    show("at once", read(fd, &count, 8));
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    show("epoll", epoll_wait(epoll, &event, 1, 0));
    setting = (struct itimerspec){.it_value = {0, 10000000}};
    timerfd_settime(fd, 0, &setting, NULL);
    show("epoll", epoll_wait(epoll, &event, 1, 10000));
    close(epoll);
    close(fd);

    fd = timerfd_create(CLOCK_REALTIME, 0);
    clock_gettime(CLOCK_REALTIME, &setting.it_value);
    setting.it_value.tv_sec++;
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL);
    timerfd_gettime(fd, &old);
    say("a real second: %d", within(&old.it_value, 500, 1000));
    setting = (struct itimerspec){.it_value = {0, 10000000}};
    timerfd_settime(fd, 0, &setting, NULL);
    show("blocking read", read(fd, &count, 8));
    close(fd);
}

/* ---- timers with signals ---- */

static volatile sig_atomic_t caught, code, value, overruns;

static void note(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    caught++;
    code = info->si_code;
    value = info->si_value.sival_int;
    if (info->si_overrun > overruns)
        overruns = info->si_overrun;
}

static void signal_timers(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    struct itimerspec setting = {.it_value = {0, 10000000}}, old;
    int id = -1, other = -1;
    sigset_t set, before;

    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    event.sigev_signo = 65;
    show("bad signal", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    event.sigev_signo = SIGUSR1;
    event.sigev_notify = 9;
    show("bad notice", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    event.sigev_notify = SIGEV_THREAD_ID;
    event._sigev_un._tid = 1;
    show("another's thread", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    event.sigev_notify = SIGEV_SIGNAL;
    show("bad clock", syscall(SYS_timer_create, 77, &event, &id));
    show("timer_create", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    show("bad id", syscall(SYS_timer_settime, 55, 0, &setting, NULL));
    show("no setting", syscall(SYS_timer_settime, id, 0, NULL, NULL));
    setting.it_value.tv_nsec = -1;
    show("bad time", syscall(SYS_timer_settime, id, 0, &setting, NULL));
    setting.it_value.tv_nsec = 10000000;
    show("settime", syscall(SYS_timer_settime, id, 0, &setting, NULL));
    UNTIL(caught);
    say("signal: code %d value %d", code, value);
    show("overruns", syscall(SYS_timer_getoverrun, id));
    show("gettime", syscall(SYS_timer_gettime, id, &old));
    say("left %ld", old.it_value.tv_nsec);

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &before);
    caught = 0;
    setting.it_interval.tv_nsec = 5000000;
    syscall(SYS_timer_settime, id, 0, &setting, NULL);
    usleep(80000);
    sigprocmask(SIG_SETMASK, &before, NULL);
    say("one signal for several: %d, overruns %d", caught >= 1, overruns > 3);
    setting = (struct itimerspec){0};
    show("disarm", syscall(SYS_timer_settime, id, 0, &setting, &old));
    say("interval %ld", old.it_interval.tv_nsec);
    show("delete", syscall(SYS_timer_delete, id));
    show("delete again", syscall(SYS_timer_delete, id));

    caught = 0;
    show("default event", syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &other));
    setting.it_value.tv_nsec = 5000000;
    syscall(SYS_timer_settime, other, 0, &setting, NULL);
    UNTIL(caught);
    say("its value is its id: %d", value == other);
    pid_t child = fork();
    if (!child) {
        show("not inherited", syscall(SYS_timer_gettime, other, &old));
        _exit(0);
    }
    show_end("child", child);
    event.sigev_notify = SIGEV_NONE;
    show("silent", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    setting.it_value.tv_sec = 50;
    syscall(SYS_timer_settime, id, 0, &setting, NULL);
    syscall(SYS_timer_gettime, id, &old);
    say("counts: %d", within(&old.it_value, 45000, 51000));
}

static void *own_nice(void *unused)
{
    (void)unused;
    setpriority(PRIO_PROCESS, 0, 7);
    say("the thread's nice: %d", getpriority(PRIO_PROCESS, 0));
    return NULL;
}

int main(void)
{
    pthread_t thread;

    counters();
    timer_files();
    signal_timers();
    int before = getpriority(PRIO_PROCESS, 0); /* whoever runs this on a host may have been nice */
    pthread_create(&thread, NULL, own_nice, NULL);
    pthread_join(thread, NULL);
    say("ours is as it was: %d", getpriority(PRIO_PROCESS, 0) == before);
    say("done");
    return 0;
}
