/*
 * vmm/audit/isolation.c - no program reaches what is not its own.
 *
 * Reads: every leaf of every address space's user half, and the kind of the frame it shows. Proves:
 * no frame of the kernel, of a page table, or none at all is shown to a program; the image's frames
 * are never writable; a frame that two address spaces can write is one that both mapped as shared.
 * Cost: a few comparisons per leaf.
 */
#include "vmm/audit/audit.h"

static void leaf(struct vt_audit *audit, const struct audit_world *world,
                 const struct audit_leaf *leaf)
{
    uint64_t number = leaf->phys / 4096;
    struct audit_finding where = {.address = leaf->address, .phys = leaf->phys};

    if (!leaf->space)
        return;
    where.object = leaf->space->address;
    if (number >= world->frame_count) {
        audit_report(audit, where, "user address %#lx shows %#lx, which is no memory",
                     (unsigned long)leaf->address, (unsigned long)leaf->phys);
        return;
    }
    const struct audit_frame *frame = &world->frames[number];
    if (frame->kind == AUDIT_FRAME_KERNEL || frame->kind == AUDIT_FRAME_PAGE_TABLE ||
        frame->kind == AUDIT_FRAME_RESERVED || (frame->kind == AUDIT_FRAME_FREE && leaf->present))
        audit_report(audit, where, "user address %#lx shows frame %#lx, whose kind is '%s'",
                     (unsigned long)leaf->address, (unsigned long)leaf->phys,
                     vt_frame_kind_name(frame->kind));
    if (!leaf->present || !leaf->writable)
        return;
    if (frame->kind == AUDIT_FRAME_IMAGE)
        audit_report(audit, where, "image frame %#lx is writable at user address %#lx",
                     (unsigned long)leaf->phys, (unsigned long)leaf->address);
    uint32_t self = (uint32_t)(leaf->space - world->spaces) + 1;
    bool shared = leaf->vma && leaf->vma->flags & AUDIT_VMA_SHARED;
    if (frame->writer && frame->writer != self && !(shared && frame->writer_shared))
        audit_report(audit, where,
                     "frame %#lx is writable in two address spaces that do not both share it: ids "
                     "%lu and %lu, here at %#lx",
                     (unsigned long)leaf->phys, (unsigned long)world->spaces[frame->writer - 1].id,
                     (unsigned long)leaf->space->id, (unsigned long)leaf->address);
}

const struct audit_invariant invariant_isolation = {
    .name = "isolation",
    .proves = "no kernel or page-table frame is mapped for users, and no frame is writable in two "
              "address spaces unless both share it",
    .needs = AUDIT_NEEDS_MEMORY,
    .leaf = leaf,
};
