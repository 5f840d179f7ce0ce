/*
 * posix_timer.c - the timers of a process that send signals: timer_create(2) and its kin. They are
 * not inherited and end with the program. One on a clock of CPU time has a cpu_alarm instead of a
 * timer.
 *
 * A timer whose signal is still pending does not queue another one: that one's overrun count is
 * raised. Signals of an interval are at least PERIOD_MIN_NS apart, the ones between count as
 * overruns, so that a blocked signal of a short interval does not keep a CPU busy.
 *
 * Locks: timers_mutex for the lists and settings of all processes; the signal_lock of the process
 * for the overrun counts and the pending entry. The interrupt takes only the latter. A process ends
 * its timers before it is a zombie, so the interrupt finds it alive.
 */
#include "kernel/time/posix_timer.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/process/user_count.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock_set.h"
#include "kernel/time/posix_timer_state.h"
#include "kernel/time/timespec.h"

#define CLOCK_OF_FILE   3 /* the lowest bits of a negative number */
#define TIMER_ABSTIME   1
#define SIGEV_SIGNAL    0
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4
#define PERIOD_MIN_NS   100000u

struct linux_sigevent {
    uint64_t value;
    int32_t signal, notify, tid;
    int32_t padding[11];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "sigevent is part of the ABI");

static struct mutex timers_mutex = {.rank = RANK_PIPE,
                                    .waiters = WAIT_QUEUE_INIT(timers_mutex.waiters)};

/* ---- expiry ---- */

/* The timer's signal that nobody has taken yet. signal_lock held. */
static struct pending_signal *pending_of(const struct posix_timer *timer, struct task *target)
{
    struct list *queue = target ? &target->pending_queue : &timer->process->pending_queue;
    struct pending_signal *entry;
    list_for_each(entry, queue, link)
    {
        if (entry->info.signo == timer->signal && entry->info.code == SI_TIMER &&
            entry->info.timer.timer_id == timer->id)
            return entry;
    }
    return NULL;
}

static void send_signal(struct posix_timer *timer, uint32_t missed)
{
    struct process *process = timer->process;
    struct task *target = NULL;
    if (timer->notify == SIGEV_THREAD_ID) {
        target = task_find_get(timer->tid);
        if (!target || target->process != process) {
            if (target)
                task_put(target);
            return; /* the thread has ended: nobody hears it */
        }
    }
    spin_lock(&process->signal_lock);
    struct pending_signal *entry = pending_of(timer, target);
    if (entry) {
        timer->overruns += 1 + missed;
        entry->info.timer.overrun = (int32_t)min(timer->overruns, (uint32_t)INT32_MAX);
    } else {
        timer->last_overruns = timer->overruns;
        timer->overruns = missed;
    }
    spin_unlock(&process->signal_lock);
    if (!entry) {
        struct linux_siginfo info = {.code = SI_TIMER};
        info.timer.timer_id = timer->id;
        info.timer.overrun = (int32_t)missed;
        info.timer.value = timer->value;
        if (target)
            signal_send_task(target, timer->signal, &info);
        else
            signal_send_process(process, timer->signal, &info);
    }
    if (target)
        task_put(target);
}

static uint64_t now_of(const struct posix_timer *timer)
{
    return timer->on_cpu_clock ? cpu_clock_read(&timer->cpu_alarm.clock) : clock_monotonic_ns();
}

static void start(struct posix_timer *timer)
{
    if (timer->on_cpu_clock)
        cpu_alarm_start(&timer->cpu_alarm, timer->deadline_ns);
    else
        timer_start(&timer->timer, timer->deadline_ns);
}

static void cancel(struct posix_timer *timer)
{
    if (timer->on_cpu_clock)
        cpu_alarm_cancel(&timer->cpu_alarm);
    else
        timer_cancel(&timer->timer);
}

static void release(struct posix_timer *timer)
{
    if (timer->on_cpu_clock)
        cpu_clock_put(&timer->cpu_alarm.clock);
    user_count_give(timer->uid);
    kfree(timer);
}

static void expire(struct posix_timer *timer)
{
    uint64_t interval = timer->interval_ns, periods = 1, now = now_of(timer);
    if (interval) {
        uint64_t from = timer->deadline_ns, until = now + PERIOD_MIN_NS;
        if (until > from)
            periods = max((until - from) / interval, (uint64_t)1);
        WRITE_ONCE(timer->deadline_ns, from + periods * interval);
    } else {
        WRITE_ONCE(timer->deadline_ns, 0);
    }
    send_signal(timer, (uint32_t)min(periods - 1, (uint64_t)INT32_MAX));
    if (interval && !MUTANT_EVERY(TIMER_NOT_RESTARTED, 5))
        start(timer);
}

static void fired(struct timer *inner)
{
    expire(container_of(inner, struct posix_timer, timer));
}

static void cpu_fired(struct cpu_alarm *inner)
{
    expire(container_of(inner, struct posix_timer, cpu_alarm));
}

/* ---- the calls ---- */

static struct posix_timer *find(int32_t id)
{
    struct posix_timer *timer = current->process->timers;
    while (timer && timer->id != id)
        timer = timer->next;
    return timer;
}

static int check_event(const struct linux_sigevent *event)
{
    int notify = event->notify;
    if (notify == SIGEV_NONE)
        return 0;
    if (notify != SIGEV_SIGNAL && notify != SIGEV_THREAD &&
        notify != (SIGEV_SIGNAL | SIGEV_THREAD_ID))
        return -EINVAL;
    if (event->signal < 1 || event->signal > SIGNALS)
        return -EINVAL;
    if (notify != SIGEV_THREAD_ID)
        return 0;
    struct task *task = task_find_get(pid_meant(event->tid));
    bool ours = task && task->process == current->process;
    if (task)
        task_put(task);
    return ours ? 0 : -EINVAL;
}

/* Makes the timer one of that clock. */
static int take_clock(struct posix_timer *timer, int clock)
{
    bool coarse = clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE ||
                  clock == CLOCK_MONOTONIC_COARSE;
    if (coarse)
        return -EOPNOTSUPP;
    timer->clock = clock_base_of(clock);
    if (timer->clock != CLOCK_BASE_NONE)
        return 0;
    if (clock < 0 && (clock & CLOCK_OF_FILE) == CLOCK_OF_FILE)
        return -EOPNOTSUPP;
    int error = cpu_clock_get(clock, &timer->cpu_alarm.clock);
    if (error)
        return error;
    timer->on_cpu_clock = true;
    timer->cpu_alarm.fired = cpu_fired;
    return cpu_watch_need(timer->cpu_alarm.clock.process) ? -EAGAIN : 0;
}

SYSCALL3(timer_create, int, clock, uint64_t, event_address, uint64_t, id_address)
{
    struct process *process = current->process;
    struct linux_sigevent event = {.signal = SIGALRM};
    /* It counts as the signal that it will queue. */
    uint32_t uid = process->credentials.uid;
    if (!user_count_take(uid, READ_ONCE(process->rlimits[RLIMIT_SIGPENDING].soft)))
        return -EAGAIN;
    struct posix_timer *timer = kzalloc(sizeof(*timer));
    if (!timer) {
        user_count_give(uid);
        return -EAGAIN;
    }
    timer->uid = uid;
    int error = take_clock(timer, clock);
    if (!error && event_address)
        error = get_user(event, event_address) ? -EFAULT : check_event(&event);
    if (error) {
        release(timer);
        return error;
    }
    timer_init(&timer->timer, fired);
    timer->process = process;
    timer->notify = event.notify;
    timer->signal = event.signal;
    timer->tid = pid_meant(event.tid);
    mutex_lock(&timers_mutex);
    timer->id = process->next_timer_id++;
    timer->value = event_address ? event.value : (uint64_t)timer->id;
    timer->next = process->timers;
    process->timers = timer;
    int32_t id = timer->id;
    mutex_unlock(&timers_mutex);
    return put_user(id, id_address); /* on a fault the program has one that it cannot name */
}

static struct linux_itimerspec setting_of(const struct posix_timer *timer)
{
    uint64_t now = now_of(timer), next = READ_ONCE(timer->deadline_ns), left = 0;
    if (next && timer->notify == SIGEV_NONE && next <= now)
        next = timer->interval_ns
                   ? next + ((now - next) / timer->interval_ns + 1) * timer->interval_ns
                   : 0;
    if (next)
        left = next > now ? next - now : 1;
    return (struct linux_itimerspec){.interval = timespec_of(timer->interval_ns),
                                     .value = timespec_of(left)};
}

/* Never 0. */
static uint64_t deadline_of(const struct posix_timer *timer, uint64_t value_ns, bool absolute)
{
    if (!timer->on_cpu_clock)
        return timer_deadline(value_ns, absolute, timer->clock);
    return absolute ? value_ns : value_ns + now_of(timer);
}

SYSCALL4(timer_settime, int, id, int, flags, uint64_t, new_address, uint64_t, old_address)
{
    struct linux_itimerspec wanted, old;
    if (!new_address)
        return -EINVAL;
    if (get_user(wanted, new_address))
        return -EFAULT;
    if (!timespec_valid(&wanted.value) || !timespec_valid(&wanted.interval))
        return -EINVAL;
    mutex_lock(&timers_mutex);
    struct posix_timer *timer = find(id);
    if (timer) {
        cancel(timer);
        old = setting_of(timer);
        uint64_t value = timespec_ns(&wanted.value);
        timer->interval_ns = value ? timespec_ns(&wanted.interval) : 0;
        timer->deadline_ns = value ? deadline_of(timer, value, flags & TIMER_ABSTIME) : 0;
        timer->at_clock_time =
            !timer->on_cpu_clock && timer->clock == CLOCK_BASE_REALTIME && flags & TIMER_ABSTIME;
        timer->overruns = timer->last_overruns = 0;
        if (value && timer->notify != SIGEV_NONE)
            start(timer);
    }
    mutex_unlock(&timers_mutex);
    if (!timer)
        return -EINVAL;
    return old_address && put_user(old, old_address) ? -EFAULT : 0;
}

SYSCALL2(timer_gettime, int, id, uint64_t, address)
{
    struct linux_itimerspec now;
    mutex_lock(&timers_mutex);
    struct posix_timer *timer = find(id);
    if (timer)
        now = setting_of(timer);
    mutex_unlock(&timers_mutex);
    return timer ? put_user(now, address) : -EINVAL;
}

SYSCALL1(timer_getoverrun, int, id)
{
    int64_t result = -EINVAL;
    mutex_lock(&timers_mutex);
    struct posix_timer *timer = find(id);
    if (timer) {
        struct process *process = timer->process;
        struct task *target = timer->notify == SIGEV_THREAD_ID ? task_find_get(timer->tid) : NULL;
        spin_lock(&process->signal_lock);
        bool pending = (timer->notify != SIGEV_THREAD_ID || target) && pending_of(timer, target);
        uint32_t overruns = pending ? timer->last_overruns : timer->overruns;
        spin_unlock(&process->signal_lock);
        if (target)
            task_put(target);
        result = min(overruns, (uint32_t)INT32_MAX);
    }
    mutex_unlock(&timers_mutex);
    return result;
}

SYSCALL1(timer_delete, int, id)
{
    struct posix_timer **link = &current->process->timers;
    mutex_lock(&timers_mutex);
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    struct posix_timer *timer = *link;
    if (timer) {
        *link = timer->next;
        cancel(timer);
    }
    mutex_unlock(&timers_mutex);
    if (!timer)
        return -EINVAL;
    release(timer);
    return 0;
}

void posix_timers_follow_clock(int64_t by_ns)
{
    struct process *process;

    for (int32_t pid = 1; (process = process_next_get(pid));) {
        pid = process->pid + 1;
        mutex_lock(&timers_mutex);
        for (struct posix_timer *timer = process->timers; timer; timer = timer->next) {
            if (!timer->at_clock_time)
                continue;
            cancel(timer); /* from here on the interrupt changes nothing */
            if (!timer->deadline_ns)
                continue;
            timer->deadline_ns = clock_moved_deadline(timer->deadline_ns, by_ns);
            if (timer->notify != SIGEV_NONE)
                start(timer);
        }
        mutex_unlock(&timers_mutex);
        process_put(process);
        preemption_point();
    }
}

void posix_timers_end(struct process *process)
{
    mutex_lock(&timers_mutex);
    struct posix_timer *timer = process->timers;
    process->timers = NULL;
    process->next_timer_id = 0;
    mutex_unlock(&timers_mutex);
    while (timer) {
        struct posix_timer *next = timer->next;
        cancel(timer);
        release(timer);
        timer = next;
    }
}
