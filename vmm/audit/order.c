/*
 * vmm/audit/order.c - the records themselves are whole: per CPU numbered without a gap, and in
 * time.
 *
 * Reads: sequence, time, type and CPU of every record. Proves: none was lost, time does not run
 * backwards on a CPU. Everything else that is judged on records rests on this. Cost: none.
 */
#include "vmm/audit/stream.h"

struct order {
    uint64_t sequence[BOOT_CPUS_MAX], tsc[BOOT_CPUS_MAX];
};

static void *create(void)
{
    return calloc(1, sizeof(struct order));
}

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    struct order *order = audit_state(audit);
    struct audit_finding where = {.tid = record->tid, .pid = record->tgid};

    if (record->type == TRACE_NONE || record->type >= TRACE_TYPES || record->cpu >= BOOT_CPUS_MAX) {
        audit_report(audit, where, "a record has type %u and CPU %u", record->type, record->cpu);
        return;
    }
    uint64_t before = order->sequence[record->cpu];
    if (before && record->sequence != before + 1)
        audit_report(audit, where, "the records of CPU %u jump from number %lu to %lu", record->cpu,
                     (unsigned long)before, (unsigned long)record->sequence);
    if (record->tsc < order->tsc[record->cpu])
        audit_report(audit, where, "time of CPU %u runs backwards at record %lu", record->cpu,
                     (unsigned long)record->sequence);
    order->sequence[record->cpu] = record->sequence;
    /* Written by a CPU that waits for the reader in the middle of writing another one. */
    if (record->type != TRACE_AUDIT_FLUSH)
        order->tsc[record->cpu] = record->tsc;
}

const struct audit_invariant invariant_order = {
    .name = "order",
    .proves = "records have no gap and their time does not run backwards",
    .record = record,
    .state_create = create,
    .state_destroy = free,
};
