/* kernel/observe/trace.c - writing a record: into this CPU's ring, and past the stop filters. */
#include "kernel/observe/trace.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "kernel/observe/control.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/stop.h"
#include "kernel/sched/task.h"
#include "kernel/time/clock.h"

/*
 * Type, CPU and the task's two ids stand next to each other in the record, and the ids in the task:
 * they are written as words.
 */
_Static_assert(offsetof(struct trace_record, cpu) == offsetof(struct trace_record, type) + 2,
               "one word");
_Static_assert(offsetof(struct trace_record, tgid) == offsetof(struct trace_record, tid) + 4,
               "one word");
_Static_assert(offsetof(struct task, tgid) == offsetof(struct task, tid) + 4, "one word");

static inline void fill(struct trace_record *record, const struct cpu *cpu, uint64_t now,
                        enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    uint32_t kind = (uint32_t)type | cpu->trace_cpu_word;
    record->tsc = now;
    __builtin_memcpy(&record->type, &kind, sizeof(kind));
    __builtin_memcpy(&record->tid, &cpu->task->tid, 2 * sizeof(int32_t));
    record->arg[0] = a0;
    record->arg[1] = a1;
    record->arg[2] = a2;
    record->arg[3] = a3;
}

/* The record is invalid while it is written: a reader compares the sequence before and after its
 * copy. */
static inline void ring_put(const struct cpu *cpu, uint64_t now, enum trace_type type, uint64_t a0,
                            uint64_t a1, uint64_t a2, uint64_t a3)
{
    uint64_t head = cpu->glass->trace_head;
    uint64_t offset = head * sizeof(struct trace_record) & cpu->trace_offset_mask;
    struct trace_record *slot = (struct trace_record *)((char *)cpu->trace_ring + offset);
    WRITE_ONCE(slot->sequence, 0);
    compiler_barrier();
    fill(slot, cpu, now, type, a0, a1, a2, a3);
    store_release(&slot->sequence, head + 1);
    store_release(&cpu->glass->trace_head, head + 1);
}

void trace_ring_attach(struct cpu *cpu, unsigned index)
{
    cpu->trace_ring = (struct trace_record *)cpu->glass->trace_ring;
    cpu->trace_cpu_word = index << 16;
    cpu->trace_offset_mask = cpu->glass->trace_records * sizeof(struct trace_record) - 1;
    cpu->trace_pause_at = cpu->glass->trace_records / 2;
}

/*
 * Every half ring the host hears the bell. In lossless mode this CPU then also makes sure that the
 * reader has taken what the next half ring will overwrite, and waits for it if not, serving others.
 */
static void ring_pause(struct cpu *cpu)
{
    const struct glass_cpu *ring = cpu->glass;
    uint64_t half = ring->trace_records / 2, head = ring->trace_head;
    const uint64_t *tail = &glass.control.trace_tail[cpu->index];
    doorbell(HYPERCALL_TRACE);
    while (observe_control.lossless && (int64_t)(head - READ_ONCE(*tail)) > (int64_t)half)
        cpu_serve_requests();
    cpu->trace_pause_at = head + half;
}

/* The half of the ring is full, or a stop filter may match. */
static __attribute__((noinline, cold)) void
write_slowly(uint64_t now, enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    struct cpu *cpu = this_cpu();
    if (observe_control.traced & (1ull << type)) {
        if (cpu->glass->trace_head >= cpu->trace_pause_at)
            ring_pause(cpu);
        ring_put(cpu, now, type, a0, a1, a2, a3);
    }
    if (observe_control.filtered & (1ull << type)) {
        struct trace_record record = {0};
        fill(&record, cpu, now, type, a0, a1, a2, a3);
        stop_if_matching(&record);
    }
}

/* The caller has seen that the type is active: recorded, or watched by a filter, or both. */
void trace_write_at(uint64_t now, enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2,
                    uint64_t a3)
{
    const struct cpu *cpu = this_cpu();
    if (unlikely(cpu->glass->trace_head >= cpu->trace_pause_at ||
                 (observe_control.filtered & (1ull << type))))
        write_slowly(now, type, a0, a1, a2, a3);
    else
        ring_put(cpu, now, type, a0, a1, a2, a3);
}

void trace_write(enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    trace_write_at(clock_tsc(), type, a0, a1, a2, a3);
}
