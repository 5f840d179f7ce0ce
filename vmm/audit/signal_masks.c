/*
 * vmm/audit/signal_masks.c - a signal handler gives back the mask it found.
 *
 * Reads: the records that a debug kernel with the option `audit` writes when a handler is entered
 * and left. Proves: after sigreturn the task's mask is the one that its frame holds. Cost: none.
 */
#include "vmm/audit/stream.h"

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    if (record->type != TRACE_AUDIT_MASK || record->arg[0] != 2)
        return;
    if (record->arg[2] != record->arg[3])
        audit_report(
            audit, (struct audit_finding){.tid = record->tid, .pid = record->tgid},
            "task %d left a handler with the signal mask %#lx, its frame at %#lx says %#lx",
            record->tid, (unsigned long)record->arg[3], (unsigned long)record->arg[1],
            (unsigned long)record->arg[2]);
}

const struct audit_invariant invariant_signal_masks = {
    .name = "signal_masks",
    .proves = "after a signal handler the mask is what the frame says",
    .record = record,
};
