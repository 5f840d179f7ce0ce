/*
 * vmm/audit/copy_on_write.c - private memory is private.
 *
 * Reads: every leaf, its mapping and the kernel's count of its frame. Proves: a page of a private
 * mapping is writable only if its frame is anonymous and nobody else has it; a page marked as
 * copy-on-write is not writable and its mapping is a private writable one; the mark "anonymous"
 * agrees with the frame's kind. Cost: a few comparisons per leaf.
 */
#include "vmm/audit/audit.h"

static void leaf(struct vt_audit *audit, const struct audit_world *world,
                 const struct audit_leaf *leaf)
{
    uint64_t number = leaf->phys / 4096;

    if (!leaf->space || !leaf->vma || number >= world->frame_count)
        return;
    const struct audit_frame *frame = &world->frames[number];
    struct audit_finding where = {
        .object = leaf->space->address, .address = leaf->address, .phys = leaf->phys};
    bool private = !(leaf->vma->flags & AUDIT_VMA_SHARED);
    bool anonymous = leaf->entry & LEAF_ANONYMOUS;
    if (anonymous != (frame->kind == AUDIT_FRAME_ANONYMOUS))
        audit_report(audit, where, "page %#lx is marked %s, but frame %#lx is of kind '%s'",
                     (unsigned long)leaf->address, anonymous ? "anonymous" : "as a file's",
                     (unsigned long)leaf->phys, vt_frame_kind_name(frame->kind));
    if (leaf->present && leaf->writable && private && !anonymous)
        audit_report(audit, where,
                     "private page %#lx is writable and shows a file's own frame %#lx",
                     (unsigned long)leaf->address, (unsigned long)leaf->phys);
    /* Also where the table is shared and not writable now: who takes it over does not look. */
    if (leaf->present && leaf->entry & LEAF_WRITABLE && private && frame->references != 1)
        audit_report(audit, where,
                     "private page %#lx is writable although its frame %#lx has %u references",
                     (unsigned long)leaf->address, (unsigned long)leaf->phys, frame->references);
    if (leaf->entry & LEAF_SOFT_COW &&
        (leaf->writable || !private || !(leaf->vma->flags & AUDIT_VMA_WRITE)))
        audit_report(audit, where, "page %#lx is marked copy-on-write, but %s",
                     (unsigned long)leaf->address,
                     leaf->writable ? "writable" : "its mapping is shared or read-only");
}

const struct audit_invariant invariant_copy_on_write = {
    .name = "copy_on_write",
    .proves = "a private page is writable only while nobody else has its frame",
    .needs = AUDIT_NEEDS_MEMORY,
    .leaf = leaf,
};
