/*
 * vmm/inspect/objects.c - walking slot tables, copying objects consistently.
 */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "vmm/inspect/objects.h"

/*
 * A writer holds an object for well under a microsecond; a CPU thread that the host does not run
 * holds it for a scheduling period. An object that stays odd all the while is still under
 * construction: no one may see it yet, so it counts as free. One that keeps changing for longer
 * than any writer could is garbage.
 */
#define FAST_TRIES      200
#define CONSTRUCTION_US 20000
#define SLOTS_MAX       (1u << 20)

static uint32_t object_offset_of(const struct vt_guest *guest, const struct glass_type *type)
{
    const struct glass_field *field = guest_field_find(guest, type, "object");

    return field ? field->offset : 0;
}

static struct vt_error *copy_object(struct vt_guest *guest, const struct glass_type *type,
                                    const uint8_t *from, uint32_t object_offset, void *buffer,
                                    uint64_t *ret_id)
{
    const struct glass_object *header = (const struct glass_object *)(from + object_offset);
    int64_t first_wait = 0;
    uint32_t first_version = 0;

    for (unsigned tries = 0;; tries++) {
        bool still = guest_stands_still(guest);
        uint32_t before = GUEST_LOAD(&header->version);
        uint64_t id = GUEST_LOAD(&header->id);

        if (!(before & 1) || still) {
            if (id)
                memcpy(buffer, from, type->size);
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            if ((still && guest_stands_still(guest)) ||
                (GUEST_LOAD(&header->version) == before && GUEST_LOAD(&header->id) == id)) {
                *ret_id = id;
                return NULL;
            }
        }
        if (tries < FAST_TRIES) {
            __builtin_ia32_pause();
            continue;
        }
        int64_t now = guest_clock_us();
        if (!first_wait) {
            first_wait = now;
            first_version = before;
        } else if (before == first_version && (before & 1) && now - first_wait > CONSTRUCTION_US) {
            *ret_id = 0;
            return NULL;
        }
        usleep(50);
        /* All waits of one call together: a guest of nothing but odd versions must not hold us up.
         */
        if (__atomic_sub_fetch(&guest->patience_us, guest_clock_us() - now, __ATOMIC_RELAXED) < 0)
            return vt_error_create(VT_ERROR_CORRUPT,
                                   "a '%s' of the guest never held still long enough to be copied",
                                   type->name);
    }
}

struct vt_error *guest_slots_open(struct vt_guest *guest, uint64_t address, const char *type_name,
                                  struct guest_slots *ret)
{
    const struct glass_type *type = guest_type_find(guest, type_name);
    const struct glass_slots *table = guest_translate(guest, address, sizeof(*table), 8);

    if (!type)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the guest's kernel does not describe its type '%s'", type_name);
    if (!table)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the guest's table of '%s' lies outside kernel memory", type_name);
    struct guest_slots slots = {
        .type = type,
        .table = table,
        .stride = GUEST_LOAD(&table->stride),
        .slots_per_chunk = GUEST_LOAD(&table->slots_per_chunk),
        .high_water = GUEST_LOAD(&table->high_water),
        .object_offset = object_offset_of(guest, type),
    };
    if (slots.stride < type->size || slots.stride > GUEST_TYPE_BYTES_MAX || slots.stride % 8 ||
        slots.object_offset % 8 || type->size < sizeof(struct glass_object) ||
        slots.object_offset > type->size - sizeof(struct glass_object) ||
        slots.slots_per_chunk == 0 || slots.high_water > SLOTS_MAX ||
        slots.high_water > (uint64_t)slots.slots_per_chunk * SLOT_CHUNKS_MAX)
        return vt_error_create(
            VT_ERROR_CORRUPT,
            "the guest's table of '%s' is not sane (stride %u, %u per chunk, %u used)", type_name,
            slots.stride, slots.slots_per_chunk, slots.high_water);
    *ret = slots;
    return NULL;
}

uint64_t guest_slots_address(const struct guest_slots *slots, uint32_t index)
{
    uint64_t chunk = GUEST_LOAD(&slots->table->chunks[index / slots->slots_per_chunk]);

    return chunk + (uint64_t)(index % slots->slots_per_chunk) * slots->stride;
}

uint32_t guest_slots_find(const struct guest_slots *slots, uint64_t address)
{
    uint64_t bytes = (uint64_t)slots->stride * slots->slots_per_chunk;

    for (uint64_t first = 0; first < slots->high_water; first += slots->slots_per_chunk) {
        uint64_t inside = address - guest_slots_address(slots, (uint32_t)first);
        uint64_t index = first + inside / slots->stride;

        if (inside < bytes && inside % slots->stride == 0 && index < slots->high_water)
            return (uint32_t)index;
    }
    return UINT32_MAX;
}

struct vt_error *guest_slots_read(struct vt_guest *guest, const struct guest_slots *slots,
                                  uint32_t index, void *buffer, uint64_t *ret_id)
{
    const uint8_t *from =
        guest_translate(guest, guest_slots_address(slots, index), slots->stride, 8);

    if (!from)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "slot %u of the guest's '%s' lies outside kernel memory", index,
                               slots->type->name);
    return copy_object(guest, slots->type, from, slots->object_offset, buffer, ret_id);
}

struct vt_error *guest_object_read(struct vt_guest *guest, const struct glass_type *type,
                                   uint64_t address, void *buffer, uint64_t *ret_id)
{
    uint32_t offset = object_offset_of(guest, type);
    const uint8_t *from = guest_translate(guest, address, type->size, 8);

    if (!from || offset % 8 || type->size < sizeof(struct glass_object) ||
        offset > type->size - sizeof(struct glass_object))
        return vt_error_create(VT_ERROR_CORRUPT, "no '%s' of the guest can lie at %#lx", type->name,
                               (unsigned long)address);
    return copy_object(guest, type, from, offset, buffer, ret_id);
}

struct glass_object guest_object_header(const struct vt_guest *guest, const struct glass_type *type,
                                        const void *copy)
{
    struct glass_object header = {0};
    uint32_t offset = object_offset_of(guest, type);

    if (type->size >= sizeof(header) && offset <= type->size - sizeof(header))
        memcpy(&header, (const uint8_t *)copy + offset, sizeof(header));
    return header;
}
