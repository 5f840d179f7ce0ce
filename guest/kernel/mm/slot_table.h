/*
 * kernel/mm/slot_table.h - where observable objects live (struct glass_slots in shared/glass.h):
 * type-stable slots that the host can walk while the guest runs. The object's first member is
 * struct glass_object.
 */
#ifndef KERNEL_MM_SLOT_TABLE_H
#define KERNEL_MM_SLOT_TABLE_H

#include "kernel/sync/spinlock.h"
#include "shared/glass.h"

struct slot_table {
    struct glass_slots glass; /* first: this is what the host reads */
    struct spinlock lock;     /* RANK_SLOT_TABLE */
    void *free;               /* list through the words after the slots' headers */
    uint64_t next_id;
};

#define SLOT_CHUNK_ORDER 2 /* 16 KiB: no object may be larger */

#define SLOT_TABLE_INIT(type_name, c_type)                                                         \
    {                                                                                              \
        .glass = {.type = (type_name),                                                             \
                  .stride = (sizeof(c_type) + 63) & ~63u,                                          \
                  .slots_per_chunk =                                                               \
                      (PAGE_SIZE << SLOT_CHUNK_ORDER) / ((sizeof(c_type) + 63) & ~63ul)},          \
        .lock = SPINLOCK_INIT(RANK_SLOT_TABLE), .next_id = 1                                       \
    }

/*
 * A slot, all zero except its header: references = 1, id = a new one, version odd ("under
 * construction": a reader skips it until object_publish()). NULL when out of memory.
 */
void *slot_allocate(struct slot_table *table);
/* The object is complete. */
static inline void object_publish(struct glass_object *object)
{
    store_release(&object->version, object->version + 1);
}
/* Id becomes 0, version moves on; the slot may be given out again at once. */
void slot_free(struct slot_table *table, void *object);

/* A compound change by the one writer that the object's lock allows at a time. */
static inline void object_write_begin(struct glass_object *object)
{
    WRITE_ONCE(object->version, object->version + 1);
    compiler_barrier();
}
static inline void object_write_end(struct glass_object *object)
{
    compiler_barrier();
    WRITE_ONCE(object->version, object->version + 1);
}

#endif
