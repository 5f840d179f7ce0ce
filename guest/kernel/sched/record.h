/*
 * kernel/sched/record.h - a switch or a wake-up as the host's record, from what core.c has in
 * registers at that moment. Included by core.c alone. Not wanted, each costs a test and a branch
 * that is not taken; wanted, about 25 instructions (docs/performance.md). The queue is locked.
 */
#ifndef KERNEL_SCHED_RECORD_H
#define KERNEL_SCHED_RECORD_H

#include "kernel/observe/trace_slot.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/task.h"

/* What `prev` waits for, and in which state it left, is read from the task: it was written a moment
 * ago, and a register less is needed until here. */
static inline void fill_switch(struct trace_record *record, const struct run_queue *queue,
                               const struct task *prev, const struct task *next, uint64_t now,
                               enum switch_reason reason)
{
    uint8_t *bytes = (uint8_t *)&record->arg[1];
    trace_slot_head(record, now, TRACE_SWITCH, prev, queue->fair.total_weight);
    trace_slot_pair(&record->arg[0], record->tid, next->tid);
    record->arg[1] = (uint64_t)reason << 8;
    WRITE_ONCE(bytes[0], prev->state);
    WRITE_ONCE(bytes[2], prev->wait_kind);
    WRITE_ONCE(bytes[3], queue->mixed);
    record->arg[2] = prev->wait_object;
    record->arg[3] = now - prev->switched_in_tsc;
}

static COLD void record_switch_slowly(const struct run_queue *queue, const struct task *prev,
                                      const struct task *next, uint64_t now,
                                      enum switch_reason reason)
{
    struct trace_record record = {0};
    fill_switch(&record, queue, prev, next, now, reason);
    trace_write_record(&record);
}

/* `prev` is still the current task, and has left `queue` or waits in it; `next` is out of it. */
static inline void record_switch(struct cpu *cpu, const struct run_queue *queue,
                                 const struct task *prev, const struct task *next, uint64_t now,
                                 enum switch_reason reason)
{
    if (!trace_wanted(TRACE_SWITCH))
        return;
    if (trace_slot_open(cpu)) {
        fill_switch(cpu->trace_next, queue, prev, next, now, reason);
        trace_slot_done(cpu);
    } else {
        record_switch_slowly(queue, prev, next, now, reason);
    }
}

static inline void fill_wakeup(struct trace_record *record, const struct run_queue *target,
                               const struct task *task, uint64_t now)
{
    trace_slot_head(record, now, TRACE_WAKEUP, current, target->fair.total_weight);
    trace_slot_pair(&record->arg[0], task->tid, (int32_t)target->cpu);
    record->arg[1] = task->wait_kind;
    record->arg[2] = record->arg[3] = 0;
}

static COLD void record_wakeup_slowly(const struct run_queue *target, const struct task *task,
                                      uint64_t now)
{
    struct trace_record record = {0};
    fill_wakeup(&record, target, task, now);
    trace_write_record(&record);
}

/* `task` waits in `target` from now on. */
static inline void record_wakeup(const struct run_queue *target, const struct task *task,
                                 uint64_t now)
{
    if (!trace_wanted(TRACE_WAKEUP))
        return;
    struct cpu *cpu = this_cpu();
    if (trace_slot_open(cpu)) {
        fill_wakeup(cpu->trace_next, target, task, now);
        trace_slot_done(cpu);
    } else {
        record_wakeup_slowly(target, task, now);
    }
}

#endif
