/*
 * vmm/inspect/objects.h - slot tables and consistent copies of the kernel's objects.
 *
 * A copy is consistent when the object's version was even and the same before and after it was
 * taken (a sequence lock whose writer is the guest). In a world that stands still an odd version is
 * fine: the writer was stopped in the middle and nothing moves.
 */
#ifndef VITRINE_INSPECT_OBJECTS_H
#define VITRINE_INSPECT_OBJECTS_H

#include "vmm/inspect/guest.h"
#include "vmm/inspect/tables.h"

struct guest_slots {
    const struct glass_type *type;
    const struct glass_slots *table; /* in guest memory */
    uint32_t stride, slots_per_chunk, high_water;
    uint32_t object_offset; /* of struct glass_object in the slot */
};

/* Opens the slot table at a kernel address; `type` is the type its slots are described by. */
struct vt_error *guest_slots_open(struct vt_guest *guest, uint64_t address, const char *type,
                                  struct guest_slots *ret);

/* Kernel address of slot `index` < high_water, as the table says; not checked. */
uint64_t guest_slots_address(const struct guest_slots *slots, uint32_t index);

/* Copies slot `index` (type->size bytes) to buffer. *ret_id = 0 for a free slot: then nothing was
 * copied. */
struct vt_error *guest_slots_read(struct vt_guest *guest, const struct guest_slots *slots,
                                  uint32_t index, void *buffer, uint64_t *ret_id);

/* The same for the object at a kernel address. */
struct vt_error *guest_object_read(struct vt_guest *guest, const struct glass_type *type,
                                   uint64_t address, void *buffer, uint64_t *ret_id);

/* The header in a copy of an object of a type that a slot table holds. */
struct glass_object guest_object_header(const struct vt_guest *guest, const struct glass_type *type,
                                        const void *copy);

/* Index of the slot at this address, UINT32_MAX if none begins there. */
uint32_t guest_slots_find(const struct guest_slots *slots, uint64_t address);

/* ---- decoding that several readers need (tasks.c) ---- */

/* The name of a task in a copy of it, or read from it: NUL-terminated, safe to print. */
void guest_copy_comm(char comm[16], const struct glass_field *field, const uint8_t *object);
/* TSC cycles as nanoseconds; 0 if the guest's clock is unknown. */
uint64_t guest_tsc_span_to_ns(const struct vt_guest *guest, uint64_t cycles);

#endif
