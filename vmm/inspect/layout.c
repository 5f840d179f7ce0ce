/*
 * vmm/inspect/layout.c - finding fields and roots by name, loading by them.
 */
#include <string.h>

#include "vmm/inspect/layout.h"

struct vt_error *guest_layout_find(const struct vt_guest *guest, const char *type_name,
                                   const char *const *names, size_t required,
                                   const struct glass_type **ret_type,
                                   const struct glass_field **ret_fields)
{
    const struct glass_type *type = guest_type_find(guest, type_name);

    if (!type)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the guest's kernel does not describe its type '%s': it is older "
                               "than this program, use those of one build",
                               type_name);
    for (size_t i = 0; names[i]; i++) {
        ret_fields[i] = guest_field_find(guest, type, names[i]);
        if (i < required && !ret_fields[i])
            return vt_error_create(
                VT_ERROR_FORMAT, "the guest's kernel does not publish field '%s' of its type '%s'",
                names[i], type_name);
    }
    *ret_type = type;
    return NULL;
}

static const void *find(struct guest_loads *loads, uint64_t address, uint64_t bytes)
{
    const void *at = NULL;

    if (!loads->failed)
        at = guest_translate(loads->guest, address, bytes, 1);
    if (!loads->failed && !at)
        at = guest_translate_mapped(loads->guest, address, bytes);
    if (!at && !loads->failed) {
        loads->failed = true;
        loads->bad = address;
    }
    return at;
}

uint64_t guest_load(struct guest_loads *loads, uint64_t object, const struct glass_field *field)
{
    if (!field)
        return 0;
    const void *at = find(loads, object + field->offset, field->size);
    if (!at)
        return 0;
    struct glass_field here = {.kind = field->kind, .size = field->size};
    return guest_field_value(&here, at);
}

uint64_t guest_part(struct guest_loads *loads, uint64_t object, const struct glass_field *field)
{
    if (!field) {
        find(loads, 0, 1);
        return 0;
    }
    return object + field->offset;
}

bool guest_load_bytes(struct guest_loads *loads, uint64_t address, void *buffer, size_t bytes)
{
    const void *at = find(loads, address, bytes);

    if (at)
        memcpy(buffer, at, bytes);
    return at != NULL;
}

bool guest_loadable(struct guest_loads *loads, uint64_t address, uint64_t bytes)
{
    return find(loads, address, bytes) != NULL;
}

struct vt_error *guest_loads_error(const struct guest_loads *loads, const char *what)
{
    if (!loads->failed)
        return NULL;
    return vt_error_create(VT_ERROR_CORRUPT,
                           "%s of the guest leads to %#lx, which is no kernel memory", what,
                           (unsigned long)loads->bad);
}

const struct glass_root *guest_root_find(const struct vt_guest *guest, const char *name)
{
    for (uint32_t i = 0; i < guest->tables->root_count; i++)
        if (strcmp(guest->tables->roots[i].name, name) == 0)
            return &guest->tables->roots[i];
    return NULL;
}

struct vt_error *guest_root_require(const struct vt_guest *guest, const char *name,
                                    const char *target, const struct glass_root **ret)
{
    const struct glass_root *root = guest_root_find(guest, name);
    const struct glass_type *type = guest_type_find(guest, target);

    if (!root || !type || strcmp(root->target, target) != 0 || root->stride < type->size)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the guest's kernel does not publish '%s' as objects of type '%s'",
                               name, target);
    *ret = root;
    return NULL;
}
