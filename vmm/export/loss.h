/*
 * vmm/export/loss.h - where in a trace records are missing, per CPU.
 *
 * The reader counts what was lost; the gaps in the records' sequence numbers say on which CPU and
 * in front of which record, which is how the trace formats want it.
 */
#ifndef VITRINE_EXPORT_LOSS_H
#define VITRINE_EXPORT_LOSS_H

#include "vmm/include/vitrine.h"

struct trace_loss {
    bool seen[BOOT_CPUS_MAX];     /* the CPU has records, or lost some */
    uint64_t last[BOOT_CPUS_MAX]; /* sequence of the last record; valid where seen */
    uint64_t lost[BOOT_CPUS_MAX];
};

/* How many records of the same CPU were lost directly before this one. Call once per record;
 * record->cpu < BOOT_CPUS_MAX, which the reader guarantees. */
uint64_t trace_loss_before(struct trace_loss *loss, const struct vt_trace *trace,
                           const struct trace_record *record);

/* Adds what was lost after the last record of each CPU. trace may be NULL: nothing was read. */
void trace_loss_finish(struct trace_loss *loss, const struct vt_trace *trace);

#endif
