/*
 * kernel/mm/slot_table.c - type-stable slots. Chunks are 2^SLOT_CHUNK_ORDER frames and never given
 * back: what once was a slot of a type stays one, so a reader outside can follow a stale address
 * without harm.
 */
#include "kernel/mm/slot_table.h"

#include "arch/layout.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/mm/failing.h"
#include "kernel/mm/frame.h"

/* What lies at the start of every slot. The link overlays the object's first bytes while the slot
 * is free. */
struct slot {
    struct glass_object object;
    void *next_free;
};

/* The next slot that was never used; its memory is zero. NULL when out of memory or table space. */
static struct slot *slot_extend(struct slot_table *table)
{
    struct glass_slots *glass = &table->glass;
    uint32_t chunk = glass->high_water / glass->slots_per_chunk;
    uint32_t place = glass->high_water % glass->slots_per_chunk;

    if (place == 0) {
        if (chunk == SLOT_CHUNKS_MAX)
            return NULL;
        phys_t phys =
            frame_allocate(FRAME_KERNEL, SLOT_CHUNK_ORDER, FRAME_WANT_ZERO | FRAME_MAY_USE_RESERVE);
        if (!phys)
            return NULL;
        glass->chunks[chunk] = (uint64_t)phys_to_virt(phys);
    }
    return (struct slot *)(glass->chunks[chunk] + (uint64_t)place * glass->stride);
}

void *slot_allocate(struct slot_table *table)
{
    bool extended = false;

    if (allocation_fails(GLASS_FAIL_OBJECTS))
        return NULL;
    spin_lock(&table->lock);
    struct slot *slot = table->free;
    if (slot) {
        table->free = slot->next_free;
    } else {
        slot = slot_extend(table);
        if (!slot) {
            spin_unlock(&table->lock);
            return NULL;
        }
        extended = true;
    }
    uint64_t id = table->next_id++;
    WRITE_ONCE(slot->object.version, slot->object.version + 1); /* odd: readers skip it */
    compiler_barrier();
    if (extended)
        store_release(&table->glass.high_water, table->glass.high_water + 1);
    WRITE_ONCE(table->glass.live, table->glass.live + 1);
    spin_unlock(&table->lock);

    if (!extended)
        memset((char *)slot + sizeof(slot->object), 0, table->glass.stride - sizeof(slot->object));
    slot->object.references = 1;
    WRITE_ONCE(slot->object.id, id);
    return slot;
}

void slot_free(struct slot_table *table, void *object)
{
    struct slot *slot = object;

    kernel_assert(slot->object.id != 0);
    spin_lock(&table->lock);
    /* It may be freed while under construction (odd) or as a complete object (even). */
    uint32_t version = slot->object.version | 1;
    WRITE_ONCE(slot->object.version, version);
    compiler_barrier();
    WRITE_ONCE(slot->object.id, 0);
    WRITE_ONCE(slot->object.references, 0);
    slot->next_free = table->free;
    table->free = slot;
    compiler_barrier();
    WRITE_ONCE(slot->object.version, version + 1);
    WRITE_ONCE(table->glass.live, table->glass.live - 1);
    spin_unlock(&table->lock);
}
