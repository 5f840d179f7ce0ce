/*
 * vmm/audit/mappings.c - page tables show no more than what programs asked for.
 *
 * Reads: the VMA tree of every address space and every leaf of its user half. Proves: mappings are
 * ordered, apart and within the user half; every leaf lies in one and gives no right that it lacks
 * - so nothing is writable and executable at once unless the program said both; every leaf is a
 * user's; the space's own counters of mapped pages, anonymous and file leaves and tables are true.
 * Cost: a few comparisons per leaf and per mapping.
 */
#include "vmm/audit/audit.h"

#define USER_END 0x7ffffffff000ul

static void leaf(struct vt_audit *audit, const struct audit_world *world,
                 const struct audit_leaf *leaf)
{
    (void)world;
    if (!leaf->space || !leaf->space->vmas_whole)
        return;
    struct audit_finding where = {
        .object = leaf->space->address, .address = leaf->address, .phys = leaf->phys};
    if (!leaf->vma) {
        audit_report(audit, where,
                     "address space %lu has a page at %#lx (frame %#lx) where nothing is mapped",
                     (unsigned long)leaf->space->id, (unsigned long)leaf->address,
                     (unsigned long)leaf->phys);
        return;
    }
    uint32_t may = leaf->vma->flags;
    if (!leaf->present) {
        if (!(leaf->entry & LEAF_HELD) || may & AUDIT_VMA_PROTECTION)
            audit_report(audit, where, "the leaf of %#lx is not present, but the mapping allows %s",
                         (unsigned long)leaf->address,
                         may & AUDIT_VMA_PROTECTION ? "access" : "nothing and it holds no frame");
        return;
    }
    if (leaf->writable && !(may & AUDIT_VMA_WRITE))
        audit_report(audit, where, "page %#lx is writable, its mapping %#lx-%#lx is not",
                     (unsigned long)leaf->address, (unsigned long)leaf->vma->start,
                     (unsigned long)leaf->vma->end);
    if (leaf->executable && !(may & AUDIT_VMA_EXECUTE))
        audit_report(audit, where, "page %#lx is executable, its mapping %#lx-%#lx is not",
                     (unsigned long)leaf->address, (unsigned long)leaf->vma->start,
                     (unsigned long)leaf->vma->end);
    if (!(may & AUDIT_VMA_PROTECTION))
        audit_report(audit, where, "page %#lx is readable, its mapping allows nothing",
                     (unsigned long)leaf->address);
    if (!leaf->user || leaf->bytes != 4096)
        audit_report(audit, where, "page %#lx of a program is %s", (unsigned long)leaf->address,
                     leaf->user ? "not 4 KiB" : "not a user's");
}

static void check_order(struct vt_audit *audit, const struct audit_space *space)
{
    struct audit_finding where = {.object = space->address};
    uint64_t end = 0;

    if (!space->vmas_whole)
        audit_report(audit, where, "the mappings of address space %lu are no tree",
                     (unsigned long)space->id);
    for (size_t i = 0; i < space->vma_count; i++) {
        const struct audit_vma *vma = &space->vmas[i];

        where.address = vma->start;
        if (vma->start < end || vma->start >= vma->end || vma->end > USER_END ||
            (vma->start | vma->end) & 0xfff)
            audit_report(audit, where,
                         "mapping %#lx-%#lx overlaps the one that ends at %#lx, or has impossible "
                         "bounds",
                         (unsigned long)vma->start, (unsigned long)vma->end, (unsigned long)end);
        end = vma->end;
        if (vma->flags & AUDIT_VMA_PROTECTION & ~vma->max_protection)
            audit_report(audit, where, "mapping %#lx-%#lx allows more than it ever may",
                         (unsigned long)vma->start, (unsigned long)vma->end);
    }
}

static void check_counter(struct vt_audit *audit, const struct audit_space *space, const char *what,
                          uint64_t counter, uint64_t found)
{
    if (counter != found)
        audit_report(audit, (struct audit_finding){.object = space->address},
                     "address space %lu counts %lu %s, %lu were found", (unsigned long)space->id,
                     (unsigned long)counter, what, (unsigned long)found);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (size_t i = 0; i < world->space_count; i++) {
        const struct audit_space *space = &world->spaces[i];
        uint64_t pages = 0;

        check_order(audit, space);
        for (size_t j = 0; j < space->vma_count; j++)
            pages += (space->vmas[j].end - space->vmas[j].start) / 4096;
        check_counter(audit, space, "mapped pages",
                      AUDIT_GET(world, space->raw, space_mapped_pages), pages);
        check_counter(audit, space, "anonymous pages",
                      AUDIT_GET(world, space->raw, space_anonymous_pages), space->anonymous);
        check_counter(audit, space, "file pages", AUDIT_GET(world, space->raw, space_file_pages),
                      space->file_pages);
        check_counter(audit, space, "page tables", AUDIT_GET(world, space->raw, space_table_pages),
                      space->tables);
    }
}

const struct audit_invariant invariant_mappings = {
    .name = "mappings",
    .proves = "every page lies in a mapping and has no right that the mapping lacks (W^X as asked "
              "for), and mappings are apart",
    .needs = AUDIT_NEEDS_MEMORY,
    .leaf = leaf,
    .check = check,
};
