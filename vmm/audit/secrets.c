/*
 * vmm/audit/secrets.c - no kernel address gets into a program's memory.
 *
 * Reads: every anonymous frame that a program can read, word by word. Proves: no aligned word in it
 * is an address of the kernel's own memory in its direct map, or of a kernel stack - so no
 * uninitialised word of a stack or slab was copied out with a pointer in it. A word that only looks
 * like one (0xffffffc0 is -64, and common in code and data) leads to no such memory. Other leaks (of data) it cannot see. Cost: the
 * largest of all: 512 comparisons per frame, about a millisecond per thousand pages. Each frame is
 * read once.
 */
#include "vmm/audit/audit.h"

/* Not just of the right size: there is kernel memory. */
static bool is_kernel_address(const struct audit_world *world, uint64_t word)
{
    uint64_t offset = word - world->guest->direct_virtual, number = offset / 4096;

    if (offset < world->guest->direct_bytes)
        return number < world->frame_count &&
               (world->frames[number].kind == AUDIT_FRAME_KERNEL ||
                world->frames[number].kind == AUDIT_FRAME_PAGE_TABLE);
    return word - AUDIT_ROOT(world, roots_kernel_stacks) < 1ull << 32 &&
           audit_at(world, word & ~7ull, 8);
}

static void leaf(struct vt_audit *audit, const struct audit_world *world,
                 const struct audit_leaf *leaf)
{
    uint64_t number = leaf->phys / 4096;

    if (!leaf->space || number >= world->frame_count ||
        world->frames[number].kind != AUDIT_FRAME_ANONYMOUS || world->frames[number].found != 1)
        return;
    const uint64_t *words = guest_memory_at(&world->guest->memory, leaf->phys, 4096);

    for (unsigned i = 0; words && i < 512; i++) {
        /* One comparison for nearly all words: both regions lie in the upper half. */
        if ((int64_t)words[i] >= 0 || !is_kernel_address(world, words[i]))
            continue;
        audit_report(audit,
                     (struct audit_finding){.object = leaf->space->address,
                                            .address = leaf->address,
                                            .phys = leaf->phys},
                     "the word at %#lx of a program is %#lx, an address of the kernel",
                     (unsigned long)(leaf->address + i * sizeof(*words)), (unsigned long)words[i]);
        return;
    }
}

const struct audit_invariant invariant_secrets = {
    .name = "secrets",
    .proves = "no kernel address lies in the memory of a program",
    .needs = AUDIT_NEEDS_MEMORY,
    .leaf = leaf,
};
