/* kernel/observe/trace.c - writing a record: into this CPU's ring, and past the stop filters. */
#include "kernel/observe/trace.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "kernel/observe/control.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/stop.h"
#include "kernel/sched/task.h"
#include "kernel/time/clock.h"

/* Lossless: this CPU waits, serving others, until the reader has taken the record that would be overwritten. */
static void wait_for_reader(struct glass_cpu *cpu, uint64_t head)
{
    const uint64_t *tail = &glass.control.trace_tail[cpu->index];
    if (head - READ_ONCE(*tail) < cpu->trace_records)
        return;
    doorbell(HYPERCALL_TRACE);
    while (head - READ_ONCE(*tail) >= cpu->trace_records)
        cpu_serve_requests();
}

static void ring_put(struct glass_cpu *cpu, const struct trace_record *record)
{
    uint64_t head = cpu->trace_head;
    if (unlikely(observe_control.lossless))
        wait_for_reader(cpu, head);
    struct trace_record *slot = (struct trace_record *)cpu->trace_ring + (head & (cpu->trace_records - 1));
    /* Invalid while it is being written; a reader compares the sequence before and after its copy. */
    WRITE_ONCE(slot->sequence, 0);
    compiler_barrier();
    slot->tsc = record->tsc;
    slot->type = record->type;
    slot->cpu = record->cpu;
    slot->tid = record->tid;
    slot->tgid = record->tgid;
    slot->arg[0] = record->arg[0];
    slot->arg[1] = record->arg[1];
    slot->arg[2] = record->arg[2];
    slot->arg[3] = record->arg[3];
    store_release(&slot->sequence, head + 1);
    store_release(&cpu->trace_head, head + 1);
    if (unlikely(!((head + 1) & (cpu->trace_records / 2 - 1))))
        doorbell(HYPERCALL_TRACE);
}

void trace_write(enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    struct cpu *cpu = this_cpu();
    const struct task *task = cpu->task;
    struct trace_record record = {
        .tsc = clock_tsc(),
        .type = (uint16_t)type,
        .cpu = (uint16_t)cpu->index,
        .tid = task ? task->tid : 0,
        .tgid = task ? task->tgid : 0,
        .arg = {a0, a1, a2, a3},
    };
    if (observe_control.traced & (1ull << type))
        ring_put(cpu->glass, &record);
    if (unlikely(observe_control.filtered & (1ull << type)))
        stop_if_matching(&record);
}
