/*
 * vmm/export/sched_tasks.h - what every task did with the CPUs, added up from the records.
 *
 * A task is a thread; a number that a fork gives again is a new task. Memory grows with the tasks,
 * up to SCHED_TASKS_MAX; later ones are counted only. One thread.
 */
#ifndef VITRINE_EXPORT_SCHED_TASKS_H
#define VITRINE_EXPORT_SCHED_TASKS_H

#include "vmm/include/vitrine.h"

#define SCHED_TASKS_MAX (1u << 20)

struct sched_task {
    int32_t tid, tgid; /* tgid 0 = not seen yet */
    char comm[16];     /* last name */
    uint64_t run_ns;   /* on a CPU */
    uint64_t queue_ns; /* ready, for whatever reason, without a CPU */
    uint64_t own, forced;
    uint64_t delays, delay_sum_ns, delay_max_ns,
        delay_max_at_ns; /* from a wake-up (or fork) to the CPU */
    /* its present or last stay on a CPU */
    bool running;
    uint64_t in_ns;         /* when it got the CPU, 0 = not known */
    uint64_t slept_ns;      /* blocked before that */
    uint64_t last_delay_ns; /* from the wake-up to in_ns */
    /* before it runs */
    uint64_t ready_ns;   /* since when it is ready, 0 = it is not */
    uint64_t blocked_ns; /* since when it is blocked, 0 = it is not */
    bool woken;          /* it became ready by a wake-up or a fork */
};

struct sched_tasks {
    struct vt_guest *guest;
    struct sched_task *tasks; /* in order of appearance */
    size_t count, room;
    uint32_t *slots; /* open addressing by tid: index + 1 of the latest with that tid */
    uint32_t slot_room;
    uint64_t first_ns, last_ns, switches, wakeups, dropped;
};

void sched_tasks_init(struct sched_tasks *tasks, struct vt_guest *guest);
void sched_tasks_deinit(struct sched_tasks *tasks);
/* After it the task that a switch takes from its CPU still has the figures of that stay. */
void sched_tasks_take(struct sched_tasks *tasks, const struct vt_trace *trace,
                      const struct trace_record *record);
/* The latest task with this number, or NULL. Valid until the next take. */
struct sched_task *sched_task_find(const struct sched_tasks *tasks, int32_t tid);

#endif
