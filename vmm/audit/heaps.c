/*
 * vmm/audit/heaps.c - a heap that shrinks gives its pages back.
 *
 * Reads: the records that a debug kernel with the option `audit` writes when brk has moved a heap's
 * end: where it was, where it is, and where the first mapping from there on starts, all while the
 * address space is locked. Proves: after a heap has shrunk nothing is mapped between its new end
 * and the old one. That the mappings are in order, and that no page lies outside one, mappings.c
 * proves. Without those records it proves nothing. Cost: none.
 */
#include "vmm/audit/stream.h"

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    uint64_t old_end = (record->arg[0] + 0xfff) & ~0xfffull;
    uint64_t new_end = (record->arg[1] + 0xfff) & ~0xfffull;

    if (record->type != TRACE_AUDIT_BREAK || new_end >= old_end || record->arg[2] >= old_end)
        return;
    audit_report(
        audit,
        (struct audit_finding){.tid = record->tid, .pid = record->tgid, .address = record->arg[2]},
        "the heap of task %d shrank from %#lx to %#lx, and %#lx is still mapped", record->tid,
        (unsigned long)old_end, (unsigned long)new_end, (unsigned long)record->arg[2]);
}

const struct audit_invariant invariant_heaps = {
    .name = "heaps",
    .proves = "a heap that shrinks leaves nothing mapped between its new end and the old one",
    .record = record,
};
