/*
 * vmm/inspect/frames.c - the kernel's table of frames, one entry or all of them.
 *
 * The whole table is translated once and its fields are found once, so that a walk costs a few
 * nanoseconds per frame.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/layout.h"

#define FRAMES_MAX (1ull << 28) /* 1 TiB */
#define ORDER_MAX  20u

#define FRAME_FIELDS(F)                                                                            \
    F(references, "references") F(kind, "kind") F(order, "order") F(flags, "flags")
LAYOUT(frame_layout, FRAME_FIELDS);

#define RANGE_FIELDS(F) F(start, "start") F(end, "end") F(kind, "kind")
LAYOUT(range_layout, RANGE_FIELDS);

#define ENTRY_BYTES_MIN 8u
#define ENTRY_BYTES_MAX 64u
#define RANGES_MAX      64u

struct table {
    struct frame_layout layout;
    const uint8_t *entries;
};

static struct vt_error *open_table(struct vt_guest *guest, struct table *ret)
{
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = LAYOUT_FIND(guest, &ret->layout, "frame", 2, FRAME_FIELDS);
    if (error)
        return error;
    if (ret->layout.type->size > ENTRY_BYTES_MAX || ret->layout.type->size < ENTRY_BYTES_MIN ||
        guest->frame_count > FRAMES_MAX)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the guest's frame table is not sane (%lu entries of %u bytes)",
                               (unsigned long)guest->frame_count, ret->layout.type->size);
    ret->entries =
        guest_translate(guest, guest->frames, guest->frame_count * ret->layout.type->size, 4);
    if (!ret->entries)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the guest's frame table lies outside kernel memory");
    return NULL;
}

static struct vt_frame decode(const struct table *table, uint64_t index)
{
    const struct frame_layout *layout = &table->layout;
    uint8_t copy[ENTRY_BYTES_MAX];

    memcpy(copy, table->entries + index * layout->type->size, layout->type->size);
    struct vt_frame frame = {
        .phys = index * 4096,
        .references = (uint32_t)guest_field_value(layout->references, copy),
        .kind = (uint32_t)guest_field_value(layout->kind, copy),
        .flags = (uint16_t)guest_field_value(layout->flags, copy),
        .order = (uint8_t)guest_field_value(layout->order, copy),
    };
    for (uint32_t i = 0; i < layout->type->size; i++)
        if (copy[i]) {
            frame.state = VT_FRAME_HEAD;
            break;
        }
    return frame;
}

struct vt_error *vt_guest_frame(struct vt_guest *guest, uint64_t phys, struct vt_frame *ret)
{
    struct table table;
    struct vt_error *error = open_table(guest, &table);

    if (error)
        return error;
    if (phys / 4096 >= guest->frame_count)
        return vt_error_create(VT_ERROR_NOT_FOUND,
                               "physical address %#lx is beyond the guest's %lu frames",
                               (unsigned long)phys, (unsigned long)guest->frame_count);
    *ret = decode(&table, phys / 4096);
    return NULL;
}

/* ---- all of them ---- */

/* Gives the untouched frames of a fixed range their kind, and their owner's reference. */
static struct vt_error *apply_ranges(struct vt_guest *guest, struct vt_frame *frames,
                                     uint64_t count)
{
    struct guest_loads loads = {.guest = guest};
    struct range_layout layout;
    const struct glass_root *root;
    struct vt_error *error = guest_root_require(guest, "fixed_ranges", "fixed_range", &root);

    if (!error)
        error = LAYOUT_FIND(guest, &layout, "fixed_range", 3, RANGE_FIELDS);
    if (error)
        return error;
    if (root->count > RANGES_MAX)
        return vt_error_create(VT_ERROR_CORRUPT, "the guest counts %u fixed ranges of frames",
                               root->count);
    for (uint32_t i = 0; i < root->count; i++) {
        uint64_t range = root->address + (uint64_t)i * root->stride;
        uint64_t start = guest_load(&loads, range, layout.start);
        uint64_t end = guest_load(&loads, range, layout.end);
        uint32_t kind = (uint32_t)guest_load(&loads, range, layout.kind);

        for (uint64_t n = start; n < end && n < count; n++) {
            if (frames[n].state != VT_FRAME_UNTOUCHED && frames[n].state != VT_FRAME_INSIDE)
                continue;
            frames[n].state = VT_FRAME_UNTOUCHED;
            frames[n].kind = kind;
            frames[n].references = 1;
        }
    }
    return guest_loads_error(&loads, "a fixed range of frames");
}

/* Outside the fixed ranges an entry that was touched heads a block. */
static void fill_block(struct vt_frame *frames, uint64_t head, uint64_t count)
{
    uint64_t frames_in_block = 1ull << (frames[head].order < ORDER_MAX ? frames[head].order : 0);

    for (uint64_t n = head + 1; n < head + frames_in_block && n < count; n++) {
        uint64_t phys = frames[n].phys;

        frames[n] = frames[head];
        frames[n].phys = phys;
        frames[n].state = VT_FRAME_INSIDE;
    }
}

static void mark_holes(const struct vt_guest *guest, struct vt_frame *frames, uint64_t count)
{
    uint64_t n = 0;

    while (n < count) {
        uint64_t next = count; /* where the next range of RAM begins, or this one ends */
        bool memory = false;

        for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
            uint64_t start = guest->memory.ram[i].phys / 4096;
            uint64_t end = start + guest->memory.ram[i].bytes / 4096;

            if (n >= start && n < end) {
                memory = true;
                next = end;
                break;
            }
            if (start > n && start < next && end > start)
                next = start;
        }
        for (; n < next && n < count; n++)
            if (!memory)
                frames[n] = (struct vt_frame){.phys = n * 4096, .state = VT_FRAME_HOLE};
    }
}

struct vt_error *vt_guest_frames(struct vt_guest *guest, struct vt_frame **ret_frames,
                                 size_t *ret_count)
{
    struct table table;
    struct vt_error *error = open_table(guest, &table);

    if (error)
        return error;
    uint64_t count = guest->frame_count;
    struct vt_frame *frames = malloc((count + !count) * sizeof(*frames));
    if (!frames)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for %lu frames",
                               (unsigned long)count);
    for (uint64_t n = 0; n < count; n++)
        frames[n] = decode(&table, n);
    for (uint64_t n = 0; n < count; n++)
        if (frames[n].state == VT_FRAME_HEAD && frames[n].order)
            fill_block(frames, n, count);
    error = apply_ranges(guest, frames, count);
    if (error) {
        free(frames);
        return error;
    }
    mark_holes(guest, frames, count);
    *ret_frames = frames;
    *ret_count = count;
    return NULL;
}
