/*
 * vmm/audit/world_frames.c - what the kernel says of each frame: its table, and the fixed ranges
 * that lie over it (guest/kernel/mm/frame.h).
 */
#include <stdlib.h>

#include "vmm/audit/audit.h"

struct vt_error *audit_read_frames(struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    uint64_t count = world->guest->frame_count;
    const uint8_t *table =
        count > 1ull << 32 ? NULL : audit_at(world, world->guest->frames, count * l->frame_bytes);
    uint32_t ranges = l->fixed_ranges->count;
    const uint8_t *range = ranges > 1024 ? NULL
                                         : audit_at(world, l->fixed_ranges->address,
                                                    (uint64_t)ranges * l->fixed_ranges->stride);

    if (!table || !range)
        return vt_error_create(VT_ERROR_CORRUPT, "the guest's frame table lies outside its memory");
    world->frames = calloc(count, sizeof(*world->frames));
    if (!world->frames)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for %lu frames",
                               (unsigned long)count);
    world->frame_count = count;
    for (uint64_t n = 0; n < count; n++)
        if (!guest_memory_at(&world->guest->memory, n * 4096, 4096))
            world->frames[n].kind = AUDIT_FRAME_RESERVED, world->frames[n].fixed = 1;
    for (uint32_t i = 0; i < ranges; i++, range += l->fixed_ranges->stride) {
        uint64_t end = audit_get(range, l->range_end);

        for (uint64_t n = audit_get(range, l->range_start); n < end && n < count; n++) {
            world->frames[n].kind = (uint8_t)audit_get(range, l->range_kind);
            world->frames[n].fixed = 1;
        }
    }
    /* The three rules of frame.h. */
    for (uint64_t n = 0; n < count;) {
        struct audit_frame *frame = &world->frames[n];
        const uint8_t *entry = table + n * l->frame_bytes;
        uint64_t words[2] = {0};

        frame->head = true;
        memcpy(words, entry, l->frame_bytes < 16 ? l->frame_bytes : 16);
        if (!words[0] && !words[1]) {
            world->free_frames += !frame->fixed;
            n++;
            continue;
        }
        frame->references = (uint32_t)audit_get(entry, l->frame_references);
        if (frame->fixed) {
            n++;
            continue;
        }
        frame->kind = (uint8_t)audit_get(entry, l->frame_kind);
        frame->table_used = (uint32_t)audit_get(entry, l->frame_next);
        uint64_t order = audit_get(entry, l->frame_order);
        uint64_t size = order > 10 ? 1 : 1ull << order;
        for (uint64_t i = 1; i < size && n + i < count; i++)
            world->frames[n + i].kind = frame->kind;
        if (frame->kind == AUDIT_FRAME_FREE)
            world->free_frames += size;
        n += size;
    }
    return NULL;
}
