/*
 * vmm/audit/frames.c - the kernel's count of each frame's references is what a walk finds.
 *
 * Reads: the frame table, by the rules in guest/kernel/mm/frame.h, and what the walk of all page
 * tables counted. Proves, in a world whose memory is at rest: an anonymous frame has as many
 * references as leaves show it; a file's frame one more, its file's, or none more if the file let
 * it go; an image frame one more, its owner's; a page-table frame has as many as there are places
 * that lead to it, which are several only for a leaf table that is writable through none of them;
 * a free frame is shown nowhere and reached as no table. Cost: one pass over the frame table,
 * about 1 ms per GiB of guest memory.
 */
#include "vmm/audit/audit.h"

static void wrong(struct vt_audit *audit, uint64_t number, const struct audit_frame *frame,
                  const char *kind, uint64_t expected)
{
    audit_report(audit, (struct audit_finding){.phys = number * 4096},
                 "%s frame %#lx has %u references, but %lu were found (%u page-table leaves)", kind,
                 (unsigned long)(number * 4096), frame->references, (unsigned long)expected,
                 frame->found);
}

static void check_one(struct vt_audit *audit, uint64_t number, const struct audit_frame *frame)
{
    struct audit_finding where = {.phys = number * 4096};

    if (frame->tables && frame->kind != AUDIT_FRAME_PAGE_TABLE && frame->kind != AUDIT_FRAME_KERNEL)
        audit_report(audit, where, "frame %#lx is used as a page table, but its kind is '%s'",
                     (unsigned long)where.phys, vt_frame_kind_name(frame->kind));
    switch (frame->kind) {
    case AUDIT_FRAME_FREE:
        if (frame->found)
            audit_report(audit, where, "free frame %#lx is mapped by %u page-table leaves",
                         (unsigned long)where.phys, frame->found);
        if (frame->references)
            audit_report(audit, where, "free frame %#lx has %u references",
                         (unsigned long)where.phys, frame->references);
        break;
    case AUDIT_FRAME_KERNEL:
        if (frame->head && frame->references != 1 && !frame->fixed)
            wrong(audit, number, frame, "kernel", 1);
        break;
    case AUDIT_FRAME_PAGE_TABLE:
        if (!frame->tables)
            audit_report(audit, where, "page-table frame %#lx belongs to no tree: it is leaked",
                         (unsigned long)where.phys);
        else if (frame->references != frame->tables)
            audit_report(audit, where,
                         "page-table frame %#lx has %u references, but is used in %u places",
                         (unsigned long)where.phys, frame->references, frame->tables);
        if (frame->tables > 1 && (frame->table_writable || frame->table_inner))
            audit_report(audit, where, "page-table frame %#lx is used in %u places, but is %s",
                         (unsigned long)where.phys, frame->tables,
                         frame->table_inner ? "no leaf table" : "writable through one of them");
        break;
    case AUDIT_FRAME_ANONYMOUS:
        if (frame->references != frame->found)
            wrong(audit, number, frame, "anonymous", frame->found);
        break;
    case AUDIT_FRAME_FILE:
        if (frame->references != frame->found && frame->references != frame->found + 1)
            wrong(audit, number, frame, "file", frame->found + 1ul);
        break;
    case AUDIT_FRAME_IMAGE:
        if (frame->references ? frame->references != frame->found + 1 : frame->found != 0)
            wrong(audit, number, frame, "image", frame->found + 1ul);
        break;
    default:
        if (frame->found)
            audit_report(audit, where, "frame %#lx, which is not the kernel's, is mapped",
                         (unsigned long)where.phys);
        break;
    }
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (uint64_t number = 0; number < world->frame_count; number++)
        check_one(audit, number, &world->frames[number]);
}

const struct audit_invariant invariant_frames = {
    .name = "frames",
    .proves =
        "every frame has exactly the references that a walk of all page tables finds, and free "
        "frames have none",
    .needs = AUDIT_NEEDS_MEMORY,
    .check = check,
};
