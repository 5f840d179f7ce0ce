/*
 * kernel/observe/trace_slot.h - the short way into this CPU's ring, for the two events that happen
 * all the time (a switch, a wake-up): the caller writes the record where it stands, from registers
 * that it has anyway. Everything else goes through trace.h.
 *
 * The next place is kept as a pointer, so that nothing is computed from the head; it is also the
 * only thing that is tested: `trace_short_end` is NULL while a stop filter is set anywhere, and
 * else where the reader must be looked at (trace.c).
 *
 * Interrupts off from trace_slot_open() to trace_slot_done(), and no other event in between.
 */
#ifndef KERNEL_OBSERVE_TRACE_SLOT_H
#define KERNEL_OBSERVE_TRACE_SLOT_H

#include "arch/cpu.h"
#include "kernel/observe/trace.h"
#include "kernel/sched/task.h"

/* The record may be written to cpu->trace_next now; else trace_write_record() has more to do. */
static inline bool trace_slot_open(const struct cpu *cpu)
{
    return likely(cpu->trace_next < cpu->trace_short_end);
}

/* What every record says. Number and CPU are the reader's to fill in. */
static inline void trace_slot_head(struct trace_record *slot, uint64_t now, enum trace_type type,
                                   const struct task *task, uint64_t load)
{
    uint32_t word = type;
    slot->tsc = now;
    __builtin_memcpy(&slot->type, &word, sizeof(word));
    __builtin_memcpy(&slot->tid, &task->tid, 2 * sizeof(int32_t));
    slot->load = (uint32_t)load;
}

/* Two halves of an argument, as trace_pair() has them; each stored as it comes, not put together.
 */
static inline void trace_slot_pair(uint64_t *argument, int32_t low, int32_t high)
{
    int32_t *halves = (int32_t *)argument;
    WRITE_ONCE(halves[0], low);
    WRITE_ONCE(halves[1], high);
}

/*
 * The record is complete. Readers believe the head: the place behind it may be half written, and
 * they check again after a copy that the head has not come round to theirs.
 */
static inline void trace_slot_done(struct cpu *cpu)
{
    struct glass_cpu *ring = cpu->glass;
    cpu->trace_next++;
    compiler_barrier(); /* stores are seen in their order, if the compiler leaves it */
    ring->trace_head++;
}

/* The long way for a record that stands elsewhere, all of it set but number and CPU. */
void trace_write_record(struct trace_record *record);

#endif
