/*
 * vmm/inspect/tables.h - the kernel's own description of its structures, copied and checked.
 *
 * Made once per guest from the glass; read-only afterwards, so any thread may use it. A field that
 * passed the checks lies inside its struct and a struct is at most GUEST_TYPE_BYTES_MAX long.
 */
#ifndef VITRINE_INSPECT_TABLES_H
#define VITRINE_INSPECT_TABLES_H

#include "vmm/inspect/guest.h"

#define GUEST_TYPES_MAX        512u
#define GUEST_FIELDS_MAX       8192u
#define GUEST_TYPE_BYTES_MAX   65536u
#define GUEST_ROOTS_MAX        1024u
#define GUEST_ROOT_OBJECTS_MAX 65536u /* objects of one root */

struct guest_tables {
    uint32_t type_count, field_count;
    struct glass_type *types;
    struct glass_field *fields;
    uint32_t root_count;
    struct glass_root *roots; /* each lies wholly in kernel memory */
};

/* Copies what the glass points at. */
struct vt_error *guest_tables_create(const struct vt_guest *guest, const struct glass *glass,
                                     struct guest_tables **ret);
void guest_tables_destroy(struct guest_tables *tables);

const struct glass_type *guest_type_find(const struct vt_guest *guest, const char *name);
const struct glass_field *guest_field_find(const struct vt_guest *guest,
                                           const struct glass_type *type, const char *name);

/* Value of an integer or address field in a copy of its struct; NULL field = 0 (a field this kernel
 * lacks). */
uint64_t guest_field_value(const struct glass_field *field, const void *object);

#endif
