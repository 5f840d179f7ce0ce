/*
 * kernel/time/posix_timer_state.h - the inside of a timer of timer_create(2), for posix_timer.c and for
 * whoever describes it to the host. Locks: posix_timer.c.
 */
#ifndef KERNEL_TIME_POSIX_TIMER_STATE_H
#define KERNEL_TIME_POSIX_TIMER_STATE_H

#include "kernel/time/cpu_timer.h"
#include "kernel/time/program_clock.h"
#include "kernel/time/timer.h"

#define SIGEV_NONE 1 /* nobody is told: it is never started */

struct posix_timer {
    struct posix_timer *next; /* process->timers */
    struct process *process;
    struct timer timer;
    struct cpu_alarm cpu_alarm; /* if on_cpu_clock, which has its clock */
    bool on_cpu_clock;
    int32_t id;
    uint32_t uid;          /* for whom it counts */
    enum clock_base clock; /* else */
    bool at_clock_time;    /* was given an absolute time of CLOCK_REALTIME */
    int32_t notify, signal, tid;
    uint64_t value;
    uint64_t interval_ns, deadline_ns; /* 0 = unarmed; the interrupt changes deadline_ns */
    uint32_t overruns, last_overruns;  /* of the latest signal, and of the one before */
};

#endif
