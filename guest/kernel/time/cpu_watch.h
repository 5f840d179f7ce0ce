/*
 * kernel/time/cpu_watch.h - what a process has whose CPU time somebody watches, for cpu_timer.c and for
 * whoever describes it to the host. Lock: signal_lock of the process.
 */
#ifndef KERNEL_TIME_CPU_WATCH_H
#define KERNEL_TIME_CPU_WATCH_H

#include "kernel/time/cpu_timer.h"
#include "kernel/time/timer.h"

enum interval_index { INTERVAL_VIRTUAL, INTERVAL_PROF, INTERVALS };

struct interval {
    struct cpu_alarm alarm;
    uint64_t period_ns; /* 0: once */
};

/* One per process that is watched; process->cpu_watch until it ends. */
struct cpu_watch {
    struct timer timer;
    struct process *process;
    struct list alarms; /* active ones, in no order */
    struct cpu_alarm *firing;
    uint32_t firing_cpu;
    bool closed;
    uint64_t seen_ns; /* what the process had used at the last look ... */
    uint64_t gap_ns;  /* ... and how long it may stay unlooked at while it uses nothing */
    struct cpu_alarm limit;
    struct interval intervals[INTERVALS];
};

#endif
