/*
 * vmm/audit/kernel_map.c - the kernel's own half of every address space.
 *
 * Reads: every leaf of the kernel's page table (the upper halves of the others are compared with it
 * by page_tables.c). Proves: no page there is a user's, but the one that soft hosts need for
 * `syscall`; none is writable and executable; only the kernel's code is executable, and neither it
 * nor its constants are writable, wherever they are shown; a kernel stack has no page below it.
 * Cost: a few comparisons per leaf, some thousands of them.
 */
#include "vmm/audit/audit.h"

static void leaf(struct vt_audit *audit, const struct audit_world *world,
                 const struct audit_leaf *leaf)
{
    const struct vt_guest *guest = world->guest;
    struct audit_finding where = {.address = leaf->address, .phys = leaf->phys};

    if (leaf->space || !leaf->present)
        return;
    /* Soft hosts: its one instruction is there for programs to run (docs/hosts.md). */
    bool soft_page = leaf->address == AUDIT_ROOT(world, roots_soft_syscall_page);
    /* The leaf's own bit counts, even where an upper level takes the right away again. */
    if ((leaf->user || leaf->entry & 4) && !soft_page)
        audit_report(audit, where, "kernel address %#lx is marked as a user's",
                     (unsigned long)leaf->address);
    if (leaf->writable && leaf->executable)
        audit_report(audit, where, "kernel address %#lx is writable and executable",
                     (unsigned long)leaf->address);
    uint64_t text = guest->image_phys;
    uint64_t text_end = text + (AUDIT_ROOT(world, roots_text_end) - guest->image_virtual);
    uint64_t constant_end = text + (AUDIT_ROOT(world, roots_rodata_end) - guest->image_virtual);
    if (leaf->executable && !soft_page &&
        (leaf->phys < text || leaf->phys + leaf->bytes > text_end))
        audit_report(audit, where, "kernel address %#lx is executable and not the kernel's code",
                     (unsigned long)leaf->address);
    if (leaf->writable && leaf->phys < constant_end && leaf->phys + leaf->bytes > text)
        audit_report(audit, where, "kernel code or constants at frame %#lx are writable at %#lx",
                     (unsigned long)leaf->phys, (unsigned long)leaf->address);
}

const struct audit_invariant invariant_kernel_map = {
    .name = "kernel_map",
    .proves =
        "the kernel's half has no user page, nothing writable and executable, and no writable "
        "code or constants",
    .leaf = leaf,
};
