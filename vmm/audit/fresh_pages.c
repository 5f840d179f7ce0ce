/*
 * vmm/audit/fresh_pages.c - fresh memory says nothing of who had it before.
 *
 * Reads: at the event of a page fault that was answered with a fresh page, before the program goes
 * on, that page. Proves: it is all zero. Where other tasks use the same memory one of them may have
 * written already, and nothing is judged; at any other event it has nothing to say. Cost: one page.
 */
#include "vmm/audit/audit.h"

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_task *task = audit_event_task(world, TRACE_FAULT);
    uint64_t address = world->event.arg[0] & ~0xfffull, result = world->event.arg[3];
    const struct audit_space *space = task ? audit_space_at(world, task->space) : NULL;

    if (!space || (result != TRACE_FAULT_ZERO && result != TRACE_FAULT_STACK))
        return;
    for (size_t i = 0; i < world->task_count; i++)
        if (&world->tasks[i] != task && world->tasks[i].space == task->space)
            return;
    const uint64_t *page = guest_translate_by(world->guest, space->root, address, 4096);
    for (unsigned i = 0; page && i < 512; i++)
        if (page[i]) {
            audit_report(audit,
                         (struct audit_finding){.tid = task->tid,
                                                .pid = task->tgid,
                                                .object = space->address,
                                                .address = address},
                         "the fresh page %#lx of task %d is not zero: it holds %#lx at %#x",
                         (unsigned long)address, task->tid, (unsigned long)page[i], i * 8);
            return;
        }
}

const struct audit_invariant invariant_fresh_pages = {
    .name = "fresh_pages",
    .proves = "a fresh page reads as zero, whatever its frame held before",
    .check = check,
};
