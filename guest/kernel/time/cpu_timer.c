/* kernel/time/cpu_timer.c - see cpu_timer.h. */
#include "kernel/time/cpu_timer.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/time/clock.h"
#include "kernel/time/cpu_watch.h"

#define NS_PER_SECOND            1000000000ull
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_KIND               3u /* of a negative number: 0 all time, 1 in user mode, 2 all, 3 a file */
#define CLOCK_OF_USER_MODE       1u
#define CLOCK_OF_FILE            3u
#define CLOCK_OF_THREAD          4u
#define WATCH_GAP_MIN_NS         1000000u
#define WATCH_GAP_MAX_NS         16000000u
#define INTERVAL_MIN_NS          1000000u /* between two signals */

/* ---- clocks ---- */

static int find_thread(int32_t tid, struct cpu_clock *ret)
{
    struct task *task = tid ? task_find_get(pid_meant(tid)) : current;
    if (!tid)
        task_get(task);
    if (!task)
        return -EINVAL;
    if (task->process != current->process) {
        task_put(task);
        return -EINVAL;
    }
    ret->task = task;
    ret->process = task->process;
    process_get(ret->process);
    return 0;
}

static int find_process(int32_t pid, struct cpu_clock *ret)
{
    ret->task = NULL;
    if (!pid || pid == current->seen_tid) {
        ret->process = current->process;
        process_get(ret->process);
        return 0;
    }
    ret->process = process_find_get(pid_meant(pid));
    return ret->process ? 0 : -EINVAL;
}

int cpu_clock_get(int number, struct cpu_clock *ret)
{
    uint32_t bits = (uint32_t)number;
    ret->user_only = false;
    if (number == CLOCK_PROCESS_CPUTIME_ID)
        return find_process(0, ret);
    if (number == CLOCK_THREAD_CPUTIME_ID)
        return find_thread(0, ret);
    if (number >= 0 || (bits & CLOCK_KIND) == CLOCK_OF_FILE)
        return -EINVAL;
    ret->user_only = (bits & CLOCK_KIND) == CLOCK_OF_USER_MODE;
    int32_t id = (int32_t)(~(uint32_t)number >> 3);
    return bits & CLOCK_OF_THREAD ? find_thread(id, ret) : find_process(id, ret);
}

void cpu_clock_put(struct cpu_clock *clock)
{
    if (clock->task)
        task_put(clock->task);
    process_put(clock->process);
}

static uint64_t read_signal_locked(const struct cpu_clock *clock)
{
    uint64_t user, system;
    if (clock->task)
        task_times(clock->task, &user, &system);
    else
        process_times(clock->process, &user, &system);
    return clock->user_only ? user : user + system;
}

uint64_t cpu_clock_read(const struct cpu_clock *clock)
{
    spin_lock(&clock->process->signal_lock);
    uint64_t now = read_signal_locked(clock);
    spin_unlock(&clock->process->signal_lock);
    return now;
}

/* ---- watching ---- */

static void look(struct timer *timer);

int cpu_watch_need(struct process *process)
{
    if (READ_ONCE(process->cpu_watch))
        return 0;
    struct cpu_watch *watch = kzalloc(sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    timer_init(&watch->timer, look);
    watch->process = process;
    watch->gap_ns = WATCH_GAP_MIN_NS;
    list_init(&watch->alarms);
    spin_lock(&process->signal_lock);
    if (!process->cpu_watch && !process->signals_closed) {
        WRITE_ONCE(process->cpu_watch, watch);
        watch = NULL;
    }
    spin_unlock(&process->signal_lock);
    kfree(watch);
    return 0;
}

/* How much real time must pass before the alarm can be due: its threads may run on all CPUs. */
static uint64_t earliest(const struct cpu_alarm *alarm)
{
    uint64_t now = read_signal_locked(&alarm->clock);
    if (now >= alarm->deadline_ns)
        return 0;
    uint64_t left = alarm->deadline_ns - now;
    return alarm->clock.task ? left
                             : left / min(max(alarm->clock.process->task_count, 1u), cpu_count());
}

/* Sees to the timer. signal_lock held. */
static void plan(struct cpu_watch *watch)
{
    const struct cpu_clock whole = {.process = watch->process};
    uint64_t delay = UINT64_MAX, used = read_signal_locked(&whole);
    const struct cpu_alarm *alarm;
    if (watch->closed || list_empty(&watch->alarms))
        return;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the list is a ring */
    list_for_each(alarm, &watch->alarms, link) delay = min(delay, earliest(alarm));
    if (delay) {
        watch->gap_ns = used == watch->seen_ns ? min(watch->gap_ns * 2, (uint64_t)WATCH_GAP_MAX_NS)
                                               : WATCH_GAP_MIN_NS;
        delay = max(delay, watch->gap_ns);
    }
    watch->seen_ns = used;
    if (MUTANT_EVERY(CPU_WATCH_ASLEEP, 10))
        return;
    uint64_t now = clock_monotonic_ns(), deadline = now + delay < now ? UINT64_MAX : now + delay;
    /* A look that is planned is not put off: alarms that are set again and again would do so for
     * ever. */
    if (!READ_ONCE(watch->timer.active) || watch->timer.deadline_ns > deadline)
        timer_start(&watch->timer, deadline);
}

static void take_out(struct cpu_alarm *alarm)
{
    list_remove(&alarm->link);
    alarm->active = false;
}

static struct cpu_alarm *due(struct cpu_watch *watch)
{
    struct cpu_alarm *alarm;
    list_for_each(alarm, &watch->alarms, link)
    {
        if (read_signal_locked(&alarm->clock) >= alarm->deadline_ns)
            return alarm;
    }
    return NULL;
}

static void look(struct timer *timer)
{
    struct cpu_watch *watch = container_of(timer, struct cpu_watch, timer);
    struct process *process = watch->process;
    struct cpu_alarm *alarm;
    spin_lock(&process->signal_lock);
    while ((alarm = due(watch))) {
        take_out(alarm);
        watch->firing = alarm;
        watch->firing_cpu = this_cpu()->index;
        spin_unlock(&process->signal_lock);
        alarm->fired(alarm);
        spin_lock(&process->signal_lock);
        watch->firing = NULL;
    }
    plan(watch);
    spin_unlock(&process->signal_lock);
}

void cpu_alarm_start(struct cpu_alarm *alarm, uint64_t deadline_ns)
{
    struct process *process = alarm->clock.process;
    spin_lock(&process->signal_lock);
    struct cpu_watch *watch = process->cpu_watch;
    if (watch && !watch->closed) {
        if (alarm->active)
            take_out(alarm);
        alarm->deadline_ns = deadline_ns;
        alarm->active = true;
        list_push_back(&watch->alarms, &alarm->link);
        watch->gap_ns = WATCH_GAP_MIN_NS / 2;
        plan(watch);
    }
    spin_unlock(&process->signal_lock);
}

bool cpu_alarm_cancel(struct cpu_alarm *alarm)
{
    struct process *process = alarm->clock.process;
    bool was_active = false;
    spin_check_none();
    for (;;) {
        spin_lock(&process->signal_lock);
        const struct cpu_watch *watch = process->cpu_watch;
        if (alarm->active) {
            take_out(alarm);
            was_active = true;
        }
        /* On this very CPU the one that fires is our caller. */
        bool wait = watch && watch->firing == alarm && watch->firing_cpu != this_cpu()->index;
        spin_unlock(&process->signal_lock);
        if (!wait)
            return was_active;
        cpu_serve_requests();
    }
}

void cpu_watch_end(struct process *process)
{
    spin_lock(&process->signal_lock);
    struct cpu_watch *watch = process->cpu_watch;
    struct cpu_alarm *alarm, *following;
    if (watch) {
        watch->closed = true;
        list_for_each_safe(alarm, following, &watch->alarms, link) take_out(alarm);
    }
    spin_unlock(&process->signal_lock);
    if (!watch)
        return;
    timer_cancel(&watch->timer);
    spin_lock(&process->signal_lock);
    process->cpu_watch = NULL;
    spin_unlock(&process->signal_lock);
    kfree(watch);
}

/* ---- sleeping ---- */

struct sleeper {
    struct cpu_alarm alarm;
    struct wait_queue queue;
    bool over;
};

static void sleep_over(struct cpu_alarm *alarm)
{
    struct sleeper *sleeper = container_of(alarm, struct sleeper, alarm);
    WRITE_ONCE(sleeper->over, true);
    wake_up_all(&sleeper->queue);
}

int cpu_clock_sleep(const struct cpu_clock *clock, uint64_t deadline_ns)
{
    struct sleeper sleeper = {.alarm = {.clock = *clock, .fired = sleep_over}};
    if (cpu_watch_need(clock->process))
        return -ENOMEM;
    wait_queue_init(&sleeper.queue);
    cpu_alarm_start(&sleeper.alarm, deadline_ns);
    int error =
        wait_event(&sleeper.queue, WAIT_SLEEP, 0, WAIT_INTERRUPTIBLE, 0, READ_ONCE(sleeper.over));
    cpu_alarm_cancel(&sleeper.alarm);
    return sleeper.over ? 0 : error;
}

/* ---- ITIMER_VIRTUAL and ITIMER_PROF ---- */

static void interval_over(struct cpu_alarm *alarm)
{
    struct interval *interval = container_of(alarm, struct interval, alarm);
    struct process *process = alarm->clock.process;
    signal_send_process(process, alarm->clock.user_only ? SIGVTALRM : SIGPROF, NULL);
    uint64_t period = READ_ONCE(interval->period_ns);
    if (period)
        cpu_alarm_start(alarm, max(alarm->deadline_ns + period,
                                   cpu_clock_read(&alarm->clock) + INTERVAL_MIN_NS));
}

static struct interval *interval_of(struct process *process, bool user_only)
{
    struct cpu_watch *watch = READ_ONCE(process->cpu_watch);
    return watch ? &watch->intervals[user_only ? INTERVAL_VIRTUAL : INTERVAL_PROF] : NULL;
}

void cpu_interval_get(bool user_only, uint64_t *ret_left_ns, uint64_t *ret_interval_ns)
{
    const struct interval *interval = interval_of(current->process, user_only);
    *ret_left_ns = *ret_interval_ns = 0;
    if (!interval || !READ_ONCE(interval->alarm.active))
        return;
    uint64_t now = cpu_clock_read(&interval->alarm.clock),
             deadline = READ_ONCE(interval->alarm.deadline_ns);
    *ret_left_ns = deadline > now ? deadline - now : 1; /* about to ring */
    *ret_interval_ns = interval->period_ns;
}

int cpu_interval_set(bool user_only, uint64_t value_ns, uint64_t interval_ns, uint64_t *ret_left_ns,
                     uint64_t *ret_interval_ns)
{
    struct process *process = current->process;
    cpu_interval_get(user_only, ret_left_ns, ret_interval_ns);
    if (!value_ns && !process->cpu_watch)
        return 0;
    if (cpu_watch_need(process))
        return -ENOMEM;
    struct interval *interval = interval_of(process, user_only);
    interval->alarm.clock = (struct cpu_clock){.process = process, .user_only = user_only};
    interval->alarm.fired = interval_over;
    /* First, so that one that rings just now does not start itself again. */
    WRITE_ONCE(interval->period_ns, 0);
    cpu_alarm_cancel(&interval->alarm);
    if (!value_ns)
        return 0;
    WRITE_ONCE(interval->period_ns, interval_ns);
    cpu_alarm_start(&interval->alarm, cpu_clock_read(&interval->alarm.clock) + value_ns);
    return 0;
}

/* ---- RLIMIT_CPU ---- */

static uint64_t limit_ns(uint64_t seconds)
{
    return seconds >= UINT64_MAX / NS_PER_SECOND ? UINT64_MAX : seconds * NS_PER_SECOND;
}

/* SIGXCPU at the soft limit, which moves on by a second each time; the end at the hard one. */
static void limit_reached(struct cpu_alarm *alarm)
{
    struct process *process = alarm->clock.process;
    struct rlimit *limit = &process->rlimits[RLIMIT_CPU];
    int signal = 0;
    spin_lock(&process->signal_lock);
    uint64_t now = read_signal_locked(&alarm->clock);
    if (now >= limit_ns(limit->hard)) {
        signal = SIGKILL;
    } else if (now >= limit_ns(limit->soft)) {
        signal = SIGXCPU;
        limit->soft++;
    }
    uint64_t next = limit_ns(min(limit->soft, limit->hard));
    spin_unlock(&process->signal_lock);
    if (signal)
        signal_send_process(process, signal, NULL);
    if (signal != SIGKILL && next != UINT64_MAX)
        cpu_alarm_start(alarm, next);
}

int cpu_limit_watch(struct process *process)
{
    if (cpu_watch_need(process))
        return -ENOMEM;
    spin_lock(&process->signal_lock);
    struct cpu_watch *watch = process->cpu_watch;
    uint64_t next = limit_ns(process->rlimits[RLIMIT_CPU].soft);
    if (watch && !watch->closed && next != UINT64_MAX) {
        struct cpu_alarm *alarm = &watch->limit;
        alarm->clock.process = process;
        alarm->fired = limit_reached;
        if (alarm->active)
            take_out(alarm);
        alarm->deadline_ns = next;
        alarm->active = true;
        list_push_back(&watch->alarms, &alarm->link);
        plan(watch);
    }
    spin_unlock(&process->signal_lock);
    return 0;
}
