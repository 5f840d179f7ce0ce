/* kernel/observe/trace.c - writing a record: into this CPU's ring, and past the stop filters. */
#include "kernel/observe/trace.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "kernel/observe/control.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/stop.h"
#include "kernel/observe/trace_slot.h"
#include "kernel/sched/task.h"
#include "kernel/time/clock.h"

/*
 * Type and CPU stand next to each other in the record, and the task's two ids both there and in the
 * task: they are written as words.
 */
_Static_assert(offsetof(struct trace_record, cpu) == offsetof(struct trace_record, type) + 2,
               "one word");
_Static_assert(offsetof(struct trace_record, tgid) == offsetof(struct trace_record, tid) + 4,
               "one word");
_Static_assert(offsetof(struct task, tgid) == offsetof(struct task, tid) + 4, "one word");

static uint64_t half_ring(const struct cpu *cpu)
{
    return cpu->glass->trace_records / 2;
}

/*
 * The short way is open up to the half's end unless a filter is set. The fence stands between this
 * store and the look at the filters; trace_close_short_ways() has the reverse: one of the two sees
 * the other.
 */
static void open_short_way(struct cpu *cpu)
{
    WRITE_ONCE(cpu->trace_short_end, cpu->trace_half_end);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (READ_ONCE(observe_control.filtered))
        WRITE_ONCE(cpu->trace_short_end, NULL);
}

void trace_close_short_ways(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < cpu_count(); i++)
        WRITE_ONCE(cpu_at(i)->trace_short_end, NULL);
}

void trace_ring_attach(struct cpu *cpu)
{
    cpu->trace_next = (struct trace_record *)cpu->glass->trace_ring;
    cpu->trace_half_end = cpu->trace_next + half_ring(cpu);
    open_short_way(cpu);
}

/*
 * Every half ring the host hears the bell. In lossless mode this CPU then also makes sure that the
 * reader has taken what the next half ring will overwrite, and waits for it if not, serving others.
 */
static void ring_pause(struct cpu *cpu)
{
    uint64_t half = half_ring(cpu), head = cpu->glass->trace_head;
    const uint64_t *tail = &glass.control.trace_tail[cpu->index];
    doorbell(HYPERCALL_TRACE);
    while (observe_control.lossless && (int64_t)(head - READ_ONCE(*tail)) > (int64_t)half)
        cpu_serve_requests();
}

/* What was served meanwhile may have written records itself, and begun the half before us. */
static void begin_next_half(struct cpu *cpu)
{
    ring_pause(cpu);
    if (cpu->trace_next != cpu->trace_half_end)
        return;
    struct trace_record *ring = (struct trace_record *)cpu->glass->trace_ring;
    if (cpu->trace_half_end == ring + cpu->glass->trace_records)
        cpu->trace_next = ring;
    cpu->trace_half_end = cpu->trace_next + half_ring(cpu);
}

void trace_write_record(struct trace_record *record)
{
    struct cpu *cpu = this_cpu();
    if (observe_control.traced & (1ull << record->type)) {
        if (cpu->trace_next == cpu->trace_half_end)
            begin_next_half(cpu);
        open_short_way(cpu);
        *cpu->trace_next = *record;
        trace_slot_done(cpu);
    }
    if (observe_control.filtered & (1ull << record->type)) {
        record->cpu = (uint16_t)cpu->index;
        stop_if_matching(record);
    }
}

static inline void fill(struct trace_record *record, enum trace_type type, uint64_t a0, uint64_t a1,
                        uint64_t a2, uint64_t a3)
{
    trace_slot_head(record, clock_tsc(), type, current, 0);
    record->arg[0] = a0;
    record->arg[1] = a1;
    record->arg[2] = a2;
    record->arg[3] = a3;
}

static COLD void write_slowly(enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2,
                              uint64_t a3)
{
    struct trace_record record = {0};
    fill(&record, type, a0, a1, a2, a3);
    trace_write_record(&record);
}

void trace_write(enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    struct cpu *cpu = this_cpu();
    if (!trace_slot_open(cpu)) {
        write_slowly(type, a0, a1, a2, a3);
        return;
    }
    fill(cpu->trace_next, type, a0, a1, a2, a3);
    trace_slot_done(cpu);
}
