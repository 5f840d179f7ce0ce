/*
 * vitrine/queues.h - each CPU's run queue and timers.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_QUEUES_H
#define VITRINE_QUEUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "version.h"

VITRINE_BEGIN

/* A normal task, as the fair policy sees it (under another one virtual times say nothing). Virtual times are TSC cycles of a task of nice 0. */
struct vt_queued {
    uint64_t id; /* of the task */
    int32_t tid;
    char comm[16];
    uint32_t weight;
    uint64_t vruntime, deadline;
    int64_t lag;       /* virtual_time - vruntime: what the CPU owes it; negative: not eligible */
    uint64_t slice_ns; /* how long one request is */
};
struct vt_run_queue {
    unsigned cpu;
    bool idle;                /* nothing runs; `running` is the idle task */
    bool need_reschedule;     /* the running task is to be looked at before it goes on */
    struct vt_queued running; /* of the idle task only names */
    uint32_t length;          /* tasks that wait, as the kernel counts them */
    uint64_t total_weight;    /* of waiting and running */
    uint64_t virtual_time;    /* where a perfectly fair CPU would be */
    uint64_t slice_end_ns;    /* when the running one's turn ends; UINT64_MAX: nobody waits */
    const struct vt_queued
        *queued; /* who waits, earliest deadline first, or in the policy's order */
    size_t queued_count;
};
/* One CPU's run queue. free() it. VT_ERROR_NOT_FOUND: no such CPU. */
struct vt_error *vt_guest_run_queue(struct vt_guest *guest, unsigned cpu,
                                    struct vt_run_queue **ret);

/* A task of a class above the normal one: it goes before all of struct vt_run_queue's. */
struct vt_special {
    uint64_t id; /* of the task */
    int32_t tid;
    char comm[16];
    uint32_t sched_class; /* enum sched_class (shared/objects.h): 1 real time, 2 deadline, 3 stop */
    uint32_t priority;    /* real time: 1..99, else 0 */
    bool running;         /* on this CPU; else it waits */
    bool throttled;       /* deadline: its time is used up until `replenish_ns` */
    bool inherited;       /* somebody who waits for a lock of its lends it this place */
    uint64_t deadline_ns; /* deadline: absolute, since boot */
    int64_t budget_ns;    /* deadline: what is left to it until then */
    uint64_t replenish_ns; /* throttled: when it gets more, since boot */
};
/* One CPU's tasks of those classes: the running one, who waits, best first, and who is throttled.
 * free() them. VT_ERROR_NOT_FOUND: no such CPU. */
struct vt_error *vt_guest_special_tasks(struct vt_guest *guest, unsigned cpu,
                                        struct vt_special **ret, size_t *ret_count);

enum vt_timer_use {
    VT_TIMER_OTHER = 0,
    VT_TIMER_SLEEP = 1, /* ends a sleep, or a wait with a deadline, of task `tid` */
    VT_TIMER_ALARM = 2, /* sends SIGALRM to process `pid` */
};
struct vt_timer {
    uint64_t deadline_ns; /* CLOCK_MONOTONIC, so since boot */
    enum vt_timer_use use;
    int32_t tid, pid;   /* whose; 0 = unknown */
    uint64_t object_id; /* of that task or process; 0 = unknown */
    uint64_t address;   /* of the kernel's struct timer */
    uint64_t callback;  /* kernel address of the function that it calls */
};
/* One CPU's timers, earliest first. */
struct vt_error *vt_guest_timers(struct vt_guest *guest, unsigned cpu, struct vt_timer **ret_timers,
                                 size_t *ret_count);

VITRINE_END

#endif
