/*
 * kernel/time/calls.c - clocks and sleeping (clock_gettime(2), clock_nanosleep(2), getitimer(2),
 * alarm(2)). What depends on CPU time is cpu_timer.c.
 */
#include "arch/cpu.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock_set.h"
#include "kernel/time/cpu_timer.h"
#include "kernel/time/program_clock.h"
#include "kernel/time/timespec.h"

#define TIMER_ABSTIME  1
#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2

struct linux_timeval {
    int64_t seconds, microseconds;
};
struct linux_itimerval {
    struct linux_timeval interval, value;
};

static int cpu_clock_read_number(int clock, uint64_t *ret)
{
    struct cpu_clock cpu_clock;
    int error = cpu_clock_get(clock, &cpu_clock);
    if (error)
        return error;
    *ret = cpu_clock_read(&cpu_clock);
    cpu_clock_put(&cpu_clock);
    return 0;
}

static int clock_read(int clock, uint64_t *ret)
{
    uint64_t user, system;
    enum clock_base base = clock_base_of(clock);
    if (likely(base != CLOCK_BASE_NONE)) {
        *ret = clock_monotonic_ns() + (uint64_t)clock_base_offset_ns(base);
        return 0;
    }
    if (clock == CLOCK_THREAD_CPUTIME_ID) {
        task_times(current, &user, &system);
        *ret = user + system;
        return 0;
    }
    return cpu_clock_read_number(clock, ret);
}

SYSCALL2(clock_gettime, int, clock, uint64_t, result)
{
    uint64_t ns;
    int error = clock_read(clock, &ns);
    if (error)
        return error;
    struct linux_timespec time = timespec_of(ns);
    return put_user(time, result);
}

SYSCALL2(clock_getres, int, clock, uint64_t, result)
{
    uint64_t ns;
    int error = clock_read(clock, &ns);
    if (error || !result)
        return error;
    struct linux_timespec resolution = {0, 1};
    return put_user(resolution, result);
}

SYSCALL2(clock_settime, int, clock, uint64_t, value)
{
    struct linux_timespec time;
    if (clock != CLOCK_REALTIME)
        return clock < 0 && !cpu_clock_read_number(clock, &(uint64_t){0}) ? -EPERM : -EINVAL;
    if (get_user(time, value))
        return -EFAULT;
    if (!timespec_valid(&time))
        return -EINVAL;
    if (!process_has_capability(current->process, CAP_SYS_TIME))
        return -EPERM;
    clock_set_offset((int64_t)(timespec_ns(&time) - clock_monotonic_ns()));
    return 0;
}

SYSCALL2(gettimeofday, uint64_t, result, uint64_t, zone)
{
    if (result) {
        uint64_t ns = clock_realtime_ns();
        struct linux_timeval time = {(int64_t)(ns / NS_PER_SECOND),
                                     (int64_t)(ns % NS_PER_SECOND / 1000)};
        if (put_user(time, result))
            return -EFAULT;
    }
    if (zone) {
        int32_t utc[2] = {0, 0};
        if (put_user(utc, zone))
            return -EFAULT;
    }
    return 0;
}

SYSCALL1(time, uint64_t, result)
{
    int64_t seconds = (int64_t)(clock_realtime_ns() / NS_PER_SECOND);
    if (result && put_user(seconds, result))
        return -EFAULT;
    return seconds;
}

/* ---- sleeping ---- */

/* Until a CLOCK_MONOTONIC time: 0, or -ERESTARTSYS when a signal came. */
static int sleep_until(uint64_t deadline_ns)
{
    for (;;) {
        wait_prepare_alone();
        int error = wait_block(WAIT_SLEEP, 0, WAIT_INTERRUPTIBLE, deadline_ns);
        if (error == -ETIMEDOUT)
            return 0;
        if (error)
            return error;
    }
}

/* restart_argument: 0 = deadline, 1 = user address for the rest, or 0. */
static int64_t sleep_continue(struct task *task)
{
    uint64_t deadline = task->restart_argument[0], rest_address = task->restart_argument[1];
    if (!sleep_until(deadline))
        return 0;
    if (rest_address) {
        uint64_t now = clock_monotonic_ns();
        struct linux_timespec rest = timespec_of(deadline > now ? deadline - now : 0);
        if (put_user(rest, rest_address))
            return -EFAULT;
    }
    task->restart = sleep_continue;
    return -ERESTART_RESTARTBLOCK;
}

static int64_t sleep_for(uint64_t ns, uint64_t rest_address)
{
    uint64_t now = clock_monotonic_ns();
    current->restart_argument[0] = now + ns < now ? UINT64_MAX : now + ns;
    current->restart_argument[1] = rest_address;
    return sleep_continue(current);
}

/* The same on a clock of CPU time; restart_argument 2 is its number. */
static int64_t cpu_sleep_continue(struct task *task)
{
    uint64_t deadline = task->restart_argument[0], rest_address = task->restart_argument[1];
    struct cpu_clock clock;
    int error = cpu_clock_get((int)task->restart_argument[2], &clock);
    if (error)
        return error;
    error = cpu_clock_sleep(&clock, deadline);
    uint64_t now = cpu_clock_read(&clock);
    cpu_clock_put(&clock);
    if (error != -ERESTARTSYS)
        return error;
    struct linux_timespec rest = timespec_of(deadline > now ? deadline - now : 0);
    if (rest_address && put_user(rest, rest_address))
        return -EFAULT;
    task->restart = cpu_sleep_continue;
    return -ERESTART_RESTARTBLOCK;
}

/* A clock number that is none of the machine's clocks. */
static int64_t cpu_sleep(int number, bool absolute, uint64_t request, uint64_t rest_address)
{
    struct task *task = current;
    struct linux_timespec time;
    struct cpu_clock clock;
    int64_t error = cpu_clock_get(number, &clock);
    if (error)
        return error;
    bool own = clock.task == task;
    uint64_t now = cpu_clock_read(&clock);
    cpu_clock_put(&clock);
    if (number == CLOCK_THREAD_CPUTIME_ID)
        return -EOPNOTSUPP;
    if (get_user(time, request))
        return -EFAULT;
    /* It would never wake up. */
    if (!timespec_valid(&time) || own)
        return -EINVAL;
    uint64_t until = timespec_ns(&time);
    task->restart_argument[0] = absolute ? until : until + now;
    task->restart_argument[1] = absolute ? 0 : rest_address;
    task->restart_argument[2] = (uint64_t)number;
    error = cpu_sleep_continue(task);
    return absolute && error == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : error;
}

SYSCALL2(nanosleep, uint64_t, request, uint64_t, rest)
{
    struct linux_timespec time;
    if (get_user(time, request))
        return -EFAULT;
    if (!timespec_valid(&time))
        return -EINVAL;
    return sleep_for(timespec_ns(&time), rest);
}

SYSCALL4(clock_nanosleep, int, clock, int, flags, uint64_t, request, uint64_t, rest)
{
    struct linux_timespec time;
    uint64_t now;
    if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
        return cpu_sleep(clock, flags & TIMER_ABSTIME, request, rest);
    if (clock_read(clock, &now))
        return -EINVAL;
    if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE ||
        clock == CLOCK_MONOTONIC_COARSE)
        return -EOPNOTSUPP;
    if (get_user(time, request))
        return -EFAULT;
    if (!timespec_valid(&time))
        return -EINVAL;
    if (!(flags & TIMER_ABSTIME))
        return sleep_for(timespec_ns(&time), rest);
    uint64_t until = timespec_ns(&time);
    if (until <= now)
        return 0;
    int error;
    if (clock_base_of(clock) == CLOCK_BASE_REALTIME)
        error = clock_sleep_until(until);
    else
        error = sleep_until(clock_monotonic_ns() + (until - now));
    return error ? -ERESTARTNOHAND : 0;
}

/* ---- the interval timers of a process: ITIMER_REAL here, the others in cpu_timer.c ---- */

static void alarm_fired(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, alarm);
    signal_send_process(process, SIGALRM, NULL);
    uint64_t interval = READ_ONCE(process->alarm_interval_ns);
    if (interval)
        timer_start(timer, timer->deadline_ns + interval);
}

static uint64_t alarm_set(struct process *process, uint64_t value_ns, uint64_t interval_ns,
                          uint64_t *ret_interval)
{
    uint64_t left = 0, now = clock_monotonic_ns();
    if (!process->alarm.callback)
        timer_init(&process->alarm, alarm_fired);
    *ret_interval = process->alarm_interval_ns;
    uint64_t deadline = process->alarm.deadline_ns;
    if (timer_cancel(&process->alarm))
        left = deadline > now ? deadline - now : 1;
    process->alarm_interval_ns = interval_ns;
    if (value_ns)
        timer_start(&process->alarm, now + value_ns);
    return left;
}

static struct linux_timeval timeval_of(uint64_t ns)
{
    uint64_t us = (ns + 999) / 1000;
    return (struct linux_timeval){(int64_t)(us / 1000000), (int64_t)(us % 1000000)};
}

static bool timeval_valid(const struct linux_timeval *time)
{
    return time->seconds >= 0 && (uint64_t)time->microseconds < 1000000;
}

static uint64_t timeval_ns(const struct linux_timeval *time)
{
    struct linux_timespec spec = {time->seconds, time->microseconds * 1000};
    return timespec_ns(&spec);
}

SYSCALL1(alarm, uint32_t, seconds)
{
    uint64_t interval, left = alarm_set(current->process, seconds * NS_PER_SECOND, 0, &interval);
    return (int64_t)((left + NS_PER_SECOND - 1) / NS_PER_SECOND);
}

SYSCALL2(getitimer, int, which, uint64_t, result)
{
    struct process *process = current->process;
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    struct linux_itimerval value = {0};
    if (which == ITIMER_REAL && process->alarm.active) {
        uint64_t now = clock_monotonic_ns(), deadline = process->alarm.deadline_ns;
        value.value = timeval_of(deadline > now ? deadline - now : 1);
        value.interval = timeval_of(process->alarm_interval_ns);
    } else if (which != ITIMER_REAL) {
        uint64_t left, interval;
        cpu_interval_get(which == ITIMER_VIRTUAL, &left, &interval);
        value.value = timeval_of(left);
        value.interval = timeval_of(interval);
    }
    return put_user(value, result);
}

SYSCALL3(setitimer, int, which, uint64_t, value_address, uint64_t, old_address)
{
    struct linux_itimerval value = {0}, old = {0};
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    if (value_address && get_user(value, value_address))
        return -EFAULT;
    if (!timeval_valid(&value.value) || !timeval_valid(&value.interval))
        return -EINVAL;
    uint64_t left, interval, value_ns = timeval_ns(&value.value),
                             interval_ns = timeval_ns(&value.interval);
    if (which == ITIMER_REAL)
        left = alarm_set(current->process, value_ns, interval_ns, &interval);
    else if (cpu_interval_set(which == ITIMER_VIRTUAL, value_ns, interval_ns, &left, &interval))
        return -ENOMEM;
    old.value = timeval_of(left);
    old.interval = timeval_of(interval);
    return old_address ? put_user(old, old_address) : 0;
}
