/*
 * vmm/audit/layout.h - where the kernel's fields and named objects lie, looked up once per audit by
 * the names in layout.def.
 */
#ifndef VITRINE_AUDIT_LAYOUT_H
#define VITRINE_AUDIT_LAYOUT_H

#include <string.h>

#include "vmm/inspect/layout.h"

struct audit_field {
    uint32_t offset; /* from the start of the path's first type */
    uint8_t size;    /* 1, 2, 4 or 8 */
    bool is_signed;
};

struct audit_layout {
#define L(name, path) struct audit_field name;
#define S(name)       uint32_t name##_bytes;
#define R(name, type) const struct glass_root *name;
#include "vmm/audit/layout.def"
#undef L
#undef S
#undef R
};

/* VT_ERROR_FORMAT if this kernel does not publish one of them. */
struct vt_error *audit_layout_load(const struct vt_guest *guest, struct audit_layout *ret);

/* The field of an object in guest memory, which stands still. */
static inline uint64_t audit_get(const uint8_t *object, struct audit_field field)
{
    uint64_t value = 0;

    memcpy(&value, object + field.offset, field.size);
    if (field.is_signed && field.size < 8) {
        unsigned shift = 64 - field.size * 8u;

        value = (uint64_t)((int64_t)(value << shift) >> shift);
    }
    return value;
}

#endif
