/* vmm/audit/layout.c - see layout.h. */
#include "vmm/audit/layout.h"

#include <stdio.h>

#include "vmm/inspect/tables.h"

/* "type.field.field": fields that are structs lead on to their own type. */
static struct vt_error *find_path(const struct vt_guest *guest, const char *path,
                                  struct audit_field *ret)
{
    char copy[128];
    char *rest = copy;
    uint32_t offset = 0;

    snprintf(copy, sizeof(copy), "%s", path);
    const struct glass_type *type = guest_type_find(guest, strsep(&rest, "."));
    const struct glass_field *field = NULL;
    while (type && rest) {
        field = guest_field_find(guest, type, rest); /* "key.space" may be one field's name */
        if (field)
            rest = NULL;
        else
            field = guest_field_find(guest, type, strsep(&rest, "."));
        if (!field)
            break;
        offset += field->offset;
        type = rest ? guest_type_find(guest, field->target) : NULL;
    }
    if (!field || rest)
        return vt_error_create(
            VT_ERROR_FORMAT,
            "the guest's kernel does not publish '%s', which an audit reads: use "
            "a kernel and a vitrine of the same build",
            path);
    uint32_t size = field->size > 8 ? 8 : field->size;
    const struct glass_type *outer = guest_type_find(guest, copy);
    if (!outer || size > outer->size || offset > outer->size - size)
        return vt_error_create(VT_ERROR_CORRUPT, "field '%s' of the guest lies outside its type",
                               path);
    *ret = (struct audit_field){
        .offset = offset, .size = (uint8_t)size, .is_signed = field->kind == GLASS_SIGNED};
    return NULL;
}

static struct vt_error *find_size(const struct vt_guest *guest, const char *name, uint32_t *ret)
{
    const struct glass_type *type = guest_type_find(guest, name);

    if (!type)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the guest's kernel does not publish its type '%s', which an audit "
                               "reads: use a kernel and a vitrine of the same build",
                               name);
    *ret = type->size;
    return NULL;
}

struct vt_error *audit_layout_load(const struct vt_guest *guest, struct audit_layout *ret)
{
    struct vt_error *error = NULL;

#define L(name, path)                                                                              \
    if (!error)                                                                                    \
        error = find_path(guest, path, &ret->name);
#define S(name)                                                                                    \
    if (!error)                                                                                    \
        error = find_size(guest, #name, &ret->name##_bytes);
#define R(name, type)                                                                              \
    if (!error)                                                                                    \
        error = guest_root_require(guest, #name, type, &ret->name);
#include "vmm/audit/layout.def"
#undef L
#undef S
#undef R
    return error;
}
