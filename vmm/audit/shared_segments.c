/*
 * vmm/audit/shared_segments.c - a segment of System V shared memory knows how often it is attached
 * (shmop(2)).
 *
 * Reads: the segments of all IPC namespaces, the mappings of all address spaces. Proves, in a world at
 * rest: a segment counts as many attachments as mappings of it were found, in whatever process; its
 * object has one reference for the table and one for each file that is mapped; a table counts the
 * objects that it holds, and its namespace their pages. Cost: one pass over segments and mappings.
 */
#include "vmm/audit/ipc_walk.h"

#include "vmm/audit/tally.h"

#define PAGE 4096u

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_tally segments; /* held: mappings; other: files that were mapped */
};

/* Mappings of segments; a file may be mapped in parts, and by several processes. */
static void find_mappings(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    struct audit_tally files = {0};

    for (size_t i = 0; i < world->space_count; i++)
        for (size_t j = 0; j < world->spaces[i].vma_count; j++) {
            uint64_t address = world->spaces[i].vmas[j].file;
            const uint8_t *file = audit_at(world, address, world->layout->file_bytes);

            if (!file ||
                AUDIT_GET(world, file, file_operations) != AUDIT_ROOT(world, roots_shm_operations))
                continue;
            uint64_t segment = AUDIT_GET(world, file, file_private_data);
            audit_tally_hold(&judging->segments, segment);
            struct audit_tallied *seen = audit_tally(&files, address);
            struct audit_tallied *place = audit_tally(&judging->segments, segment);
            if (seen && place && !seen->held++)
                place->other++;
        }
    if (files.out_of_memory)
        judging->segments.out_of_memory = true;
    audit_tally_free(&files);
}

static void visit_table(void *context, const struct audit_ipc_table *table)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    uint64_t pages = 0;

    for (uint32_t i = 0; i < table->found; i++) {
        const uint8_t *raw = audit_at(judging->world, table->objects[i], l->shm_segment_bytes);
        struct audit_tallied *place = audit_tally(&judging->segments, table->objects[i]);

        if (place)
            place->listed++;
        if (raw)
            pages += (audit_get(raw, l->shm_bytes) + PAGE - 1) / PAGE;
    }
    if (table->count != table->found || audit_get(table->space, l->ipc_shm_pages) != pages)
        audit_report(judging->audit, (struct audit_finding){.object = table->namespace},
                     "an IPC namespace counts %lu segments of %lu pages, %u of %lu were found",
                     (unsigned long)table->count,
                     (unsigned long)audit_get(table->space, l->ipc_shm_pages), table->found,
                     (unsigned long)pages);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    struct judging judging = {.audit = audit, .world = world};

    find_mappings(&judging);
    bool whole = audit_each_ipc_table(world, AUDIT_IPC_MEMORY, visit_table, &judging) &&
                 !judging.segments.out_of_memory;
    for (size_t i = 0; whole && i < judging.segments.room; i++) {
        const struct audit_tallied *segment = &judging.segments.places[i];
        const uint8_t *raw =
            segment->address ? audit_at(world, segment->address, l->shm_segment_bytes) : NULL;
        struct audit_finding where = {.object = segment->address};

        if (!raw)
            continue;
        int32_t id = (int32_t)audit_get(raw, l->ipc_id);
        if (audit_get(raw, l->shm_attachments) != segment->held)
            audit_report(audit, where, "segment %d counts %lu attachments, %u mappings were found",
                         id, (unsigned long)audit_get(raw, l->shm_attachments), segment->held);
        if (audit_get(raw, l->ipc_references) != segment->listed + segment->other)
            audit_report(audit, where, "segment %d has %lu references, %u holders were found", id,
                         (unsigned long)audit_get(raw, l->ipc_references),
                         segment->listed + segment->other);
    }
    audit_tally_free(&judging.segments);
}

const struct audit_invariant invariant_shared_segments = {
    .name = "shared_segments",
    .proves = "segments of System V memory are attached as often as they say",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_WAKES,
    .check = check,
};
