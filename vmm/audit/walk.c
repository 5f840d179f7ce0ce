/*
 * vmm/audit/walk.c - one walk through the page tables of every address space and of the kernel,
 * which counts for each frame the leaves that show it, and hands each leaf to whoever judges it.
 *
 * A leaf table that several spaces share is one table with one set of leaves: those count once in
 * their frames, and are handed out once for each space, with the rights that they give there.
 *
 * The tables are read as the processor reads them (Intel SDM vol. 3, 4.5), except that leaves which
 * the kernel made not present for a while (PROT_NONE) count too: they hold their frame.
 */
#include <stdlib.h>

#include "vmm/audit/audit.h"

#define PRESENT    (1ull << 0)
#define WRITABLE   (1ull << 1)
#define USER       (1ull << 2)
#define LARGE      (1ull << 7)
#define NO_EXECUTE (1ull << 63)
#define ADDRESS    0x000ffffffffff000ull
#define TABLES_MAX (1u << 20)

struct walk {
    struct audit_world *world;
    struct audit_space *space; /* NULL: the kernel's half */
    void (*leaf)(void *context, const struct audit_leaf *leaf);
    void *context;
    size_t vma;           /* the first that may cover what comes */
    uint32_t tables_left; /* of all trees */
    uint64_t tables_here; /* in this tree: no tree has more tables than there are frames */
    bool first_visit;     /* of the leaf table at hand: no other space has shown it yet */
};

static const struct audit_vma *covering(struct walk *walk, uint64_t address)
{
    const struct audit_space *space = walk->space;

    while (walk->vma < space->vma_count && space->vmas[walk->vma].end <= address)
        walk->vma++;
    const struct audit_vma *vma = walk->vma < space->vma_count ? &space->vmas[walk->vma] : NULL;
    return vma && vma->start <= address ? vma : NULL;
}

static void visit(struct walk *walk, uint64_t entry, uint64_t rights, uint64_t address,
                  uint64_t bytes)
{
    struct audit_world *world = walk->world;
    struct audit_leaf leaf = {
        .space = walk->space,
        .vma = walk->space ? covering(walk, address) : NULL,
        .address = address,
        .phys = entry & ADDRESS & ~(bytes - 1),
        .bytes = bytes,
        .entry = entry,
        .present = entry & PRESENT,
        .writable = rights & WRITABLE,
        .user = rights & USER,
        .executable = !(rights & NO_EXECUTE),
    };
    uint64_t number = leaf.phys / 4096;

    if (walk->space && number < world->frame_count) {
        struct audit_frame *frame = &world->frames[number];

        frame->found += walk->first_visit;
        if (walk->space && frame->kind == AUDIT_FRAME_ANONYMOUS)
            walk->space->anonymous++;
        else
            walk->space->file_pages++;
    }
    walk->leaf(walk->context, &leaf);
    if (leaf.present && leaf.writable && walk->space && number < world->frame_count) {
        world->frames[number].writer = (uint32_t)(walk->space - world->spaces) + 1;
        world->frames[number].writer_shared = leaf.vma && leaf.vma->flags & AUDIT_VMA_SHARED;
    }
}

static struct vt_error *walk_table(struct walk *walk, uint64_t table, unsigned level, uint64_t base,
                                   uint64_t rights, unsigned first, unsigned end)
{
    struct audit_world *world = walk->world;
    const uint64_t *entries = guest_memory_at(&world->guest->memory, table, 4096);
    uint64_t span = 1ull << (12 + 9 * level);

    if (!entries)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "a page table of level %u would lie at %#lx, which is no memory",
                               level, (unsigned long)table);
    if (table / 4096 >= world->frame_count)
        return vt_error_create(
            VT_ERROR_CORRUPT,
            "a page table of level %u lies at %#lx, behind the end of the frame table", level,
            (unsigned long)table);
    if (walk->tables_left-- == 0 || walk->tables_here++ == world->frame_count)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "page tables without end: they seem to contain themselves");
    struct audit_frame *frame = &world->frames[table / 4096];
    walk->first_visit = frame->tables == 0;
    if (frame->tables < UINT16_MAX)
        frame->tables++;
    frame->table_writable |= (rights & WRITABLE) != 0;
    frame->table_inner |= level > 0;
    if (walk->space)
        walk->space->tables++;
    for (unsigned i = first; i < end; i++) {
        uint64_t entry = entries[i];

        if (!entry || (!walk->space && !(entry & PRESENT)))
            continue;
        uint64_t address = base + i * span;
        uint64_t combined = (rights & entry & (WRITABLE | USER)) | ((rights | entry) & NO_EXECUTE);
        if (level == 0 || (entry & LARGE && level < 3)) {
            visit(walk, entry, combined, address, span);
            continue;
        }
        struct vt_error *error =
            walk_table(walk, entry & ADDRESS, level - 1, address, combined, 0, 512);
        if (error)
            return error;
    }
    return NULL;
}

struct vt_error *audit_walk(struct audit_world *world,
                            void (*leaf)(void *context, const struct audit_leaf *leaf),
                            void *context)
{
    uint64_t kernel = GUEST_LOAD(&world->guest->glass->kernel_page_table) & ADDRESS;
    struct walk walk = {
        .world = world, .leaf = leaf, .context = context, .tables_left = TABLES_MAX};
    struct vt_error *error =
        walk_table(&walk, kernel, 3, 0xffff000000000000ull, WRITABLE | USER, 256, 512);

    for (size_t i = 0; i < world->space_count && !error; i++) {
        struct audit_space *space = &world->spaces[i];

        if (!space->root)
            continue; /* taken and not yet made */
        walk.space = space;
        walk.vma = 0;
        walk.tables_here = 0;
        error = walk_table(&walk, space->root & ADDRESS, 3, 0, WRITABLE | USER, 0, 256);
    }
    return error;
}
