/*
 * vmm/export/loss.c - gaps in the sequence numbers of a trace.
 */
#include "vmm/export/loss.h"
#include "vmm/inspect/trace_reader.h"

/* Records between `last` and `next`, both taken; a corrupt ring may count backwards. */
static uint64_t gap(uint64_t last, uint64_t next)
{
    return next > last + 1 ? next - last - 1 : 0;
}

uint64_t trace_loss_before(struct trace_loss *loss, const struct vt_trace *trace,
                           const struct trace_record *record)
{
    unsigned cpu = record->cpu;
    uint64_t last = loss->seen[cpu] ? loss->last[cpu] : trace->first[cpu] - 1;
    uint64_t lost = gap(last, record->sequence);

    loss->seen[cpu] = true;
    loss->last[cpu] = record->sequence;
    loss->lost[cpu] += lost;
    return lost;
}

void trace_loss_finish(struct trace_loss *loss, const struct vt_trace *trace)
{
    for (unsigned cpu = 0; trace && cpu < BOOT_CPUS_MAX; cpu++) {
        if (!trace->started[cpu])
            continue;
        uint64_t last = loss->seen[cpu] ? loss->last[cpu] : trace->first[cpu] - 1;
        /* A record still held was not given to anybody: a stopped export has not lost it. */
        uint64_t next = trace->next[cpu] - (trace->held[cpu] ? 1 : 0);
        uint64_t lost = gap(last, next);

        loss->seen[cpu] = loss->seen[cpu] || lost;
        loss->lost[cpu] += lost;
    }
}
