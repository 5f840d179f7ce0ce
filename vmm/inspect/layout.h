/*
 * vmm/inspect/layout.h - where the fields of a published type lie, looked up once per reading; and
 * single loads from an object by such a field.
 *
 * A layout is a struct made by LAYOUT() from a list of the fields that a reader uses. A field that
 * this kernel does not publish is NULL and reads as zero, except the first `required` ones, without
 * which the reader cannot do its work.
 */
#ifndef VITRINE_INSPECT_LAYOUT_H
#define VITRINE_INSPECT_LAYOUT_H

#include "vmm/inspect/tables.h"

/* FIELDS(F) calls F(member of the layout, "published name") for each field. */
#define LAYOUT_MEMBER(member, name) const struct glass_field *member;
#define LAYOUT_NAME(member, name)   name,
#define LAYOUT(layout_name, FIELDS)                                                                \
    struct layout_name {                                                                           \
        const struct glass_type *type;                                                             \
        union {                                                                                    \
            struct {                                                                               \
                FIELDS(LAYOUT_MEMBER)                                                              \
            };                                                                                     \
            const struct glass_field *all[1];                                                      \
        };                                                                                         \
    }

/* VT_ERROR_FORMAT names what the kernel does not publish. */
#define LAYOUT_FIND(guest, layout, type_name, required, FIELDS)                                    \
    guest_layout_find(guest, type_name, (const char *const[]){FIELDS(LAYOUT_NAME) NULL}, required, \
                      &(layout)->type, (layout)->all)

struct vt_error *guest_layout_find(const struct vt_guest *guest, const char *type_name,
                                   const char *const *names, size_t required,
                                   const struct glass_type **ret_type,
                                   const struct glass_field **ret_fields);

/*
 * Loads of single fields, each read once and translated by itself, so that nothing is assumed about
 * the object around it. The first address that is no kernel memory is kept in `bad`; loads from
 * there give 0. So a reader may load several fields and then ask once.
 */
struct guest_loads {
    const struct vt_guest *guest;
    bool failed;
    uint64_t bad;
};

uint64_t guest_load(struct guest_loads *loads, uint64_t object, const struct glass_field *field);
/* Address of an embedded struct; 0 and failed if the field is not published. */
uint64_t guest_part(struct guest_loads *loads, uint64_t object, const struct glass_field *field);
/* Bytes at a kernel address, for strings and arrays. False and failed if they are no memory. */
bool guest_load_bytes(struct guest_loads *loads, uint64_t address, void *buffer, size_t bytes);
/* An array of `count` words of 64 bits; true only if all of it is memory. */
bool guest_loadable(struct guest_loads *loads, uint64_t address, uint64_t bytes);
/* VT_ERROR_CORRUPT about `what`, if a load failed; else NULL. */
struct vt_error *guest_loads_error(const struct guest_loads *loads, const char *what);

/* ---- roots ---- */

/* The root of that name, or NULL. */
const struct glass_root *guest_root_find(const struct vt_guest *guest, const char *name);
/* The same, and it must lead to objects of that published type: VT_ERROR_FORMAT otherwise. */
struct vt_error *guest_root_require(const struct vt_guest *guest, const char *name,
                                    const char *target, const struct glass_root **ret);

#endif
