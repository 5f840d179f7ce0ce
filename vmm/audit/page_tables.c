/*
 * vmm/audit/page_tables.c - each address space has a root of its own, and the kernel's half.
 *
 * Reads: the root table of every address space and of the kernel, and the count of entries in use
 * that the kernel keeps with each table. Proves: roots are distinct; the upper half of each equals
 * the kernel's own; the counts are true (a table that seems empty is given back). Cost: 256
 * comparisons per address space and 512 loads per table.
 */
#include "vmm/audit/audit.h"

#define LARGE   (1ull << 7)
#define ADDRESS 0x000ffffffffff000ull

static const uint64_t *table_at(const struct audit_world *world, uint64_t phys)
{
    return guest_memory_at(&world->guest->memory, phys & ADDRESS, 4096);
}

static void check_upper_half(struct vt_audit *audit, const struct audit_world *world,
                             const struct audit_space *space, const uint64_t *kernel)
{
    const uint64_t *root = table_at(world, space->root);
    const uint64_t volatile_bits = 1ull << 5; /* ACCESSED: the processor's */

    for (unsigned i = 256; root && kernel && i < 512; i++)
        if ((root[i] ^ kernel[i]) & ~volatile_bits) {
            audit_report(
                audit, (struct audit_finding){.object = space->address, .phys = space->root},
                "entry %u of address space %lu's root is %#lx, the kernel's own is %#lx", i,
                (unsigned long)space->id, (unsigned long)root[i], (unsigned long)kernel[i]);
            return;
        }
}

/*
 * Tables of user halves only: the kernel's own are never given back. The common walk came to its
 * end, so this one does - as long as the memory is still what it was: *left makes it sure.
 */
static void check_used(struct vt_audit *audit, const struct audit_world *world, uint64_t phys,
                       unsigned level, uint64_t *left)
{
    const uint64_t *entries = *left ? table_at(world, phys) : NULL;
    uint32_t used = 0;

    if (!entries)
        return;
    --*left;
    for (unsigned i = 0; i < (level == 3 ? 256u : 512u); i++) {
        uint64_t entry = GUEST_LOAD(&entries[i]);

        if (!entry)
            continue;
        used++;
        if (level == 3 || (level && !(entry & LARGE)))
            check_used(audit, world, entry & ADDRESS, level - 1, left);
    }
    if (phys / 4096 < world->frame_count && world->frames[phys / 4096].table_used != used)
        audit_report(audit, (struct audit_finding){.phys = phys},
                     "page table %#lx has %u entries in use, the kernel counts %u",
                     (unsigned long)phys, used, world->frames[phys / 4096].table_used);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const uint64_t *kernel = table_at(world, GUEST_LOAD(&world->guest->glass->kernel_page_table));

    for (size_t i = 0; i < world->space_count; i++) {
        const struct audit_space *space = &world->spaces[i];
        uint64_t tables_left = world->frame_count;

        for (size_t j = 0; j < i; j++)
            if (world->spaces[j].root == space->root)
                audit_report(audit,
                             (struct audit_finding){.object = space->address, .phys = space->root},
                             "address spaces %lu and %lu have the same root table %#lx",
                             (unsigned long)world->spaces[j].id, (unsigned long)space->id,
                             (unsigned long)space->root);
        if (!space->root)
            continue;
        check_upper_half(audit, world, space, kernel);
        check_used(audit, world, space->root & ADDRESS, 3, &tables_left);
    }
}

const struct audit_invariant invariant_page_tables = {
    .name = "page_tables",
    .proves = "every address space has a root of its own with the kernel's upper half, and tables "
              "count their entries rightly",
    .needs = AUDIT_NEEDS_MEMORY,
    .check = check,
};
