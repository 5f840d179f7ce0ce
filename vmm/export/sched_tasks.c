/*
 * vmm/export/sched_tasks.c - see sched_tasks.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/export/record.h"
#include "vmm/export/sched_tasks.h"

void sched_tasks_init(struct sched_tasks *tasks, struct vt_guest *guest)
{
    *tasks = (struct sched_tasks){.guest = guest};
}

void sched_tasks_deinit(struct sched_tasks *tasks)
{
    free(tasks->tasks);
    free(tasks->slots);
    *tasks = (struct sched_tasks){0};
}

static uint32_t *slot_of(const struct sched_tasks *tasks, int32_t tid)
{
    uint32_t mask = tasks->slot_room - 1;

    for (uint32_t i = (uint32_t)tid * 2654435761u & mask;; i = (i + 1) & mask)
        if (!tasks->slots[i] || tasks->tasks[tasks->slots[i] - 1].tid == tid)
            return &tasks->slots[i];
}

struct sched_task *sched_task_find(const struct sched_tasks *tasks, int32_t tid)
{
    uint32_t found = tid && tasks->slot_room ? *slot_of(tasks, tid) : 0;

    return found ? &tasks->tasks[found - 1] : NULL;
}

static bool grow(struct sched_tasks *tasks)
{
    if (tasks->count < tasks->room)
        return true;
    size_t room = tasks->room ? tasks->room * 2 : 64;
    if (room > SCHED_TASKS_MAX)
        return false;
    uint32_t *slots = calloc(room * 2, sizeof(*slots));
    struct sched_task *larger = slots ? realloc(tasks->tasks, room * sizeof(*larger)) : NULL;
    if (!larger) {
        free(slots);
        return false;
    }
    free(tasks->slots);
    tasks->tasks = larger;
    tasks->room = room;
    tasks->slots = slots;
    tasks->slot_room = (uint32_t)room * 2;
    for (size_t i = 0; i < tasks->count; i++) /* the latest of a number stays */
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): there are as many as were counted */
        *slot_of(tasks, larger[i].tid) = (uint32_t)i + 1;
    return true;
}

static struct sched_task *add(struct sched_tasks *tasks, int32_t tid)
{
    if (!grow(tasks)) {
        tasks->dropped++;
        return NULL;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there was room, so there is an array */
    tasks->tasks[tasks->count] = (struct sched_task){.tid = tid, .comm = "?"};
    *slot_of(tasks, tid) = (uint32_t)++tasks->count;
    return &tasks->tasks[tasks->count - 1];
}

static struct sched_task *task_of(struct sched_tasks *tasks, const struct vt_trace *trace,
                                  int32_t tid)
{
    if (!tid)
        return NULL;
    struct sched_task *task = sched_task_find(tasks, tid);
    if (!task)
        task = add(tasks, tid);
    if (task)
        snprintf(task->comm, sizeof(task->comm), "%.15s", vt_trace_comm(trace, tid));
    return task;
}

static uint64_t since(uint64_t now, uint64_t then)
{
    return then && now > then ? now - then : 0;
}

static void leaves_cpu(struct sched_task *task, const struct trace_record *record, uint64_t now)
{
    enum switch_reason reason = switch_reason_of(record);
    enum task_state state = switch_state(record);

    task->run_ns += since(now, task->in_ns);
    task->running = false;
    if (reason == SWITCH_SLICE_OVER || reason == SWITCH_PREEMPTED)
        task->forced++;
    else
        task->own++;
    task->woken = false;
    task->ready_ns = state == TASK_READY ? now : 0;
    task->blocked_ns = state == TASK_READY || state == TASK_ZOMBIE || state == TASK_DEAD ? 0 : now;
}

static void gets_cpu(struct sched_task *task, uint64_t now)
{
    uint64_t waited = since(now, task->ready_ns);

    task->queue_ns += waited;
    task->last_delay_ns = 0;
    if (task->woken) {
        task->last_delay_ns = waited;
        task->delays++;
        task->delay_sum_ns += waited;
        if (waited >= task->delay_max_ns) {
            task->delay_max_ns = waited;
            task->delay_max_at_ns = now;
        }
    } else {
        task->slept_ns = 0;
    }
    task->running = true;
    task->in_ns = now;
    task->ready_ns = task->blocked_ns = 0;
    task->woken = false;
}

static void becomes_ready(struct sched_task *task, uint64_t now)
{
    if (task->running)
        return; /* woken before it had left */
    task->slept_ns = since(now, task->blocked_ns);
    task->blocked_ns = 0;
    task->ready_ns = now;
    task->woken = true;
}

void sched_tasks_take(struct sched_tasks *tasks, const struct vt_trace *trace,
                      const struct trace_record *record)
{
    uint64_t now = vt_guest_tsc_to_ns(tasks->guest, record->tsc);
    struct sched_task *task = task_of(tasks, trace, record->tid);

    if (!tasks->first_ns)
        tasks->first_ns = now;
    tasks->last_ns = now > tasks->last_ns ? now : tasks->last_ns;
    if (task)
        task->tgid = record->tgid;
    switch (record->type) {
    case TRACE_SWITCH:
        tasks->switches++;
        task = task_of(tasks, trace, switch_previous(record));
        if (task)
            leaves_cpu(task, record, now);
        task = task_of(tasks, trace, switch_next(record));
        if (task)
            gets_cpu(task, now);
        break;
    case TRACE_WAKEUP:
        tasks->wakeups++;
        task = task_of(tasks, trace, record_low(record, 0));
        if (task)
            becomes_ready(task, now);
        break;
    case TRACE_FORK:
        task = record_low(record, 0) ? add(tasks, record_low(record, 0)) : NULL;
        if (task) {
            task->tgid = record_high(record, 0);
            snprintf(task->comm, sizeof(task->comm), "%.15s", vt_trace_comm(trace, task->tid));
            becomes_ready(task, now);
        }
        break;
    default:
        break;
    }
}
