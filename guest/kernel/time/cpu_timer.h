/*
 * kernel/time/cpu_timer.h - clocks that only go on while a process or thread runs, and what happens
 * at a certain time of one: timers, sleeping, ITIMER_VIRTUAL and ITIMER_PROF, RLIMIT_CPU.
 *
 * Nothing is counted for it on any switch. A process that somebody watches has a `cpu_watch`, whose
 * timer looks at its times again when, at the earliest, enough of them can have passed. What is due
 * is noticed at most WATCH_GAP_MAX_NS of real time late.
 *
 * Lock: signal_lock of the watched process.
 */
#ifndef KERNEL_TIME_CPU_TIMER_H
#define KERNEL_TIME_CPU_TIMER_H

#include "kernel/lib/list.h"
#include "kernel/lib/types.h"

struct process;
struct task;

struct cpu_clock {
    struct process *process; /* counted */
    struct task *task;       /* counted; NULL: the process as a whole */
    bool user_only;          /* not the time in the kernel */
};

/*
 * The clock of a number of Linux's ABI: CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, or a
 * negative one that names a process or a thread of the caller's own. 0, or -EINVAL: it is no
 * CPU-time clock, or its process is not there. On success, cpu_clock_put() when done.
 */
int cpu_clock_get(int number, struct cpu_clock *ret);
void cpu_clock_put(struct cpu_clock *clock);
uint64_t cpu_clock_read(const struct cpu_clock *clock); /* nanoseconds */

/* Something to do once at a time of a clock; embedded in what it is for. */
struct cpu_alarm {
    struct list link;
    struct cpu_clock clock; /* set by the owner before the first start; his reference */
    uint64_t deadline_ns;
    /* From an interrupt, without locks; may start the alarm again. */
    void (*fired)(struct cpu_alarm *alarm);
    bool active;
};

/* Makes the process ready for alarms: 0 or -ENOMEM. */
int cpu_watch_need(struct process *process);
/* Starts or moves it. The process must be ready for alarms; one that has ended never fires. */
void cpu_alarm_start(struct cpu_alarm *alarm, uint64_t deadline_ns);
/* True if it was still to come. After return `fired` is not running and will not run. */
bool cpu_alarm_cancel(struct cpu_alarm *alarm);

/* Sleeps to that time of the clock: 0, -ENOMEM, or -ERESTARTSYS when a signal came. */
int cpu_clock_sleep(const struct cpu_clock *clock, uint64_t deadline_ns);

/*
 * ITIMER_VIRTUAL (`user_only`) and ITIMER_PROF of the current process, in nanoseconds; 0 = off. The
 * setting: 0 or -ENOMEM.
 */
void cpu_interval_get(bool user_only, uint64_t *ret_left_ns, uint64_t *ret_interval_ns);
int cpu_interval_set(bool user_only, uint64_t value_ns, uint64_t interval_ns, uint64_t *ret_left_ns,
                     uint64_t *ret_interval_ns);

/* RLIMIT_CPU of the process is new, and finite: 0 or -ENOMEM. */
int cpu_limit_watch(struct process *process);
/* No thread is left, or the process was never published: nothing fires any more. */
void cpu_watch_end(struct process *process);

#endif
