/*
 * kernel/observe/trace.h - writing events. A record goes into the CPU's ring if its type is traced,
 * and stops the world if a filter matches. With neither, an event costs one load, one test and one
 * branch.
 *
 * Callable anywhere, any lock held, any context with interrupts off (all of the kernel).
 */
#ifndef KERNEL_OBSERVE_TRACE_H
#define KERNEL_OBSERVE_TRACE_H

#include "kernel/lib/types.h"
#include "shared/trace.h"

struct cpu;
/* The CPU's ring is in its glass_cpu: from now on it may write events. */
void trace_ring_attach(struct cpu *cpu);
/* Some stop filter is set from now on: every CPU looks at them before each record. */
void trace_close_short_ways(void);

#define TRACE_ACTIVE_TRACEES 1ull /* TRACE_NONE's bit: some task is traced by a program */
extern uint64_t trace_active;     /* types that are recorded or that some filter watches */

/* The type is wanted: by the host's reader, by a stop filter, or by both. */
void trace_write(enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* An ordinary read, so that the test is one instruction: which of two looks sees news is no matter.
 */
static inline bool trace_wanted(enum trace_type type)
{
    return unlikely(trace_active & (1ull << type));
}

static inline void trace_event(enum trace_type type, uint64_t a0, uint64_t a1, uint64_t a2,
                               uint64_t a3)
{
    if (trace_wanted(type))
        trace_write(type, a0, a1, a2, a3);
}

static inline uint64_t trace_pair(int32_t low, int32_t high)
{
    return (uint32_t)low | (uint64_t)(uint32_t)high << 32;
}

#endif
