/*
 * vmm/audit/restoration.c - a task finds its registers as it left them.
 *
 * Reads: the records that a debug kernel with the option `audit` writes at each switch: hashes of
 * the user's registers, of the floating-point and vector registers and of the thread pointers, and
 * CR3, read back from the processor; and, at the first return from a system call after a switch, of
 * the registers that C functions preserve. Proves: what a task had when it was switched away it has
 * when it is switched in; and nothing that the kernel did in between lost a register that the short
 * way back does not load. Without those records it proves nothing. Cost: none.
 */
#include "vmm/audit/stream.h"

struct context {
    bool known;
    uint64_t values[4];
};

static void *create(void)
{
    return calloc(AUDIT_TIDS, sizeof(struct context));
}

static void compare(struct vt_audit *audit, const struct context *left,
                    const struct trace_record *record)
{
    static const char *const what[4] = {"user registers", "floating-point registers",
                                        "thread pointers", "page tables (CR3)"};

    for (unsigned i = 0; i < 4; i++)
        if (left->values[i] != record->arg[i])
            audit_report(
                audit,
                (struct audit_finding){.tid = record->tid, .pid = record->tgid, .object = i + 1},
                "the %s of task %d are not what they were when it was switched away from "
                "(now on CPU %u)",
                what[i], record->tid, record->cpu);
}

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    struct context *contexts = audit_state(audit);

    if (record->type == TRACE_FORK && stream_tid_ok(low_half(record->arg[0])))
        contexts[low_half(record->arg[0])].known = false;
    if (record->type == TRACE_AUDIT_RETURN && record->arg[0] != record->arg[1])
        audit_report(
            audit, (struct audit_finding){.tid = record->tid, .pid = record->tgid, .object = 5},
            "registers that functions preserve are not what task %d had in them", record->tid);
    if (!stream_tid_ok(record->tid))
        return;
    struct context *context = &contexts[record->tid];
    if (record->type == TRACE_AUDIT_OUT) {
        context->known = true;
        memcpy(context->values, record->arg, sizeof(context->values));
    } else if (record->type == TRACE_AUDIT_IN) {
        if (context->known)
            compare(audit, context, record);
        context->known = false;
    }
}

const struct audit_invariant invariant_restoration = {
    .name = "restoration",
    .proves =
        "a task's registers, floating-point state, thread pointers and page tables are the same "
        "after a switch",
    .record = record,
    .state_create = create,
    .state_destroy = free,
};
