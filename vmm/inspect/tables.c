/*
 * vmm/inspect/tables.c - copying and checking the kernel's type and field tables; typed access by
 * name.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/objects.h"
#include "vmm/inspect/tables.h"

static bool name_is_sane(const char *name, bool may_be_empty)
{
    return memchr(name, '\0', GLASS_NAME_MAX) != NULL && (may_be_empty || name[0] != '\0');
}

static bool scalar(uint32_t kind)
{
    return kind == GLASS_UNSIGNED || kind == GLASS_SIGNED || kind == GLASS_ADDRESS;
}

static bool field_is_sane(const struct glass_field *field, const struct glass_type *type)
{
    if (!name_is_sane(field->name, false) || !name_is_sane(field->target, true))
        return false;
    if (field->kind < GLASS_UNSIGNED || field->kind > GLASS_BYTES)
        return false;
    if (field->size > type->size || field->offset > type->size - field->size)
        return false;
    return !scalar(field->kind) || field->size == 1 || field->size == 2 || field->size == 4 ||
           field->size == 8;
}

static struct vt_error *check(const struct guest_tables *tables)
{
    for (uint32_t i = 0; i < tables->type_count; i++) {
        const struct glass_type *type = &tables->types[i];

        if (!name_is_sane(type->name, false) || type->size == 0 ||
            type->size > GUEST_TYPE_BYTES_MAX || type->field_count > tables->field_count ||
            type->first_field > tables->field_count - type->field_count)
            return vt_error_create(VT_ERROR_CORRUPT,
                                   "entry %u of the guest's type table is not sane", i);
        for (uint32_t j = 0; j < type->field_count; j++)
            if (!field_is_sane(&tables->fields[type->first_field + j], type))
                return vt_error_create(VT_ERROR_CORRUPT,
                                       "field %u of the guest's type '%s' is not sane", j,
                                       type->name);
    }
    return NULL;
}

/* A table of the guest, copied; an empty one is NULL. */
static struct vt_error *copy_table(const struct vt_guest *guest, const char *what, uint64_t address,
                                   uint32_t count, uint32_t limit, size_t entry_bytes, void **ret)
{
    if (count > limit)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the guest's glass counts %u %s: at most %u can be", count, what,
                               limit);
    if (!count)
        return NULL;
    const void *from = guest_translate(guest, address, count * entry_bytes, 4);
    if (!from)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the guest's table of %s lies outside kernel memory", what);
    void *copy = malloc(count * entry_bytes);
    if (!copy)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's table of %s", what);
    memcpy(copy, from, count * entry_bytes);
    *ret = copy;
    return NULL;
}

static struct vt_error *check_roots(const struct vt_guest *guest, const struct guest_tables *tables)
{
    for (uint32_t i = 0; i < tables->root_count; i++) {
        const struct glass_root *root = &tables->roots[i];

        if (!name_is_sane(root->name, false) || !name_is_sane(root->target, false) ||
            root->count > GUEST_ROOT_OBJECTS_MAX || root->stride > GUEST_TYPE_BYTES_MAX ||
            !guest_translate(guest, root->address, (uint64_t)root->count * root->stride, 1))
            return vt_error_create(VT_ERROR_CORRUPT,
                                   "entry %u of the guest's table of roots is not sane", i);
    }
    return NULL;
}

struct vt_error *guest_tables_create(const struct vt_guest *guest, const struct glass *glass,
                                     struct guest_tables **ret)
{
    struct guest_tables *tables = calloc(1, sizeof(*tables));

    if (!tables)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's type tables");
    tables->type_count = GUEST_LOAD(&glass->type_count);
    tables->field_count = GUEST_LOAD(&glass->field_count);
    tables->root_count = GUEST_LOAD(&glass->root_count);
    struct vt_error *error =
        copy_table(guest, "types", GUEST_LOAD(&glass->types), tables->type_count, GUEST_TYPES_MAX,
                   sizeof(*tables->types), (void **)&tables->types);
    if (!error)
        error = copy_table(guest, "fields", GUEST_LOAD(&glass->fields), tables->field_count,
                           GUEST_FIELDS_MAX, sizeof(*tables->fields), (void **)&tables->fields);
    if (!error)
        error = copy_table(guest, "roots", GUEST_LOAD(&glass->roots), tables->root_count,
                           GUEST_ROOTS_MAX, sizeof(*tables->roots), (void **)&tables->roots);
    /* Checked in our copy: the guest cannot change it between the check and its use. */
    if (!error)
        error = check(tables);
    if (!error)
        error = check_roots(guest, tables);
    if (error) {
        guest_tables_destroy(tables);
        return error;
    }
    *ret = tables;
    return NULL;
}

void guest_tables_destroy(struct guest_tables *tables)
{
    if (!tables)
        return;
    free(tables->types);
    free(tables->fields);
    free(tables->roots);
    free(tables);
}

const struct glass_type *guest_type_find(const struct vt_guest *guest, const char *name)
{
    for (uint32_t i = 0; i < guest->tables->type_count; i++)
        if (strcmp(guest->tables->types[i].name, name) == 0)
            return &guest->tables->types[i];
    return NULL;
}

const struct glass_field *guest_field_find(const struct vt_guest *guest,
                                           const struct glass_type *type, const char *name)
{
    if (!type)
        return NULL;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct glass_field *field = &guest->tables->fields[type->first_field + i];

        if (strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

uint64_t guest_field_value(const struct glass_field *field, const void *object)
{
    uint64_t value = 0;

    if (!field || !scalar(field->kind))
        return 0;
    memcpy(&value, (const uint8_t *)object + field->offset, field->size);
    if (field->kind == GLASS_SIGNED && field->size < 8) {
        unsigned shift = 64 - field->size * 8;

        value = (uint64_t)((int64_t)(value << shift) >> shift);
    }
    return value;
}

struct vt_error *vt_guest_field(struct vt_guest *guest, const char *type_name,
                                const char *field_name, struct glass_field *ret)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    const struct glass_type *type = guest_type_find(guest, type_name);
    if (!type)
        return vt_error_create(VT_ERROR_NOT_FOUND, "the guest's kernel publishes no type '%s'",
                               type_name);
    const struct glass_field *field = guest_field_find(guest, type, field_name);
    if (!field)
        return vt_error_create(VT_ERROR_NOT_FOUND, "the guest's type '%s' has no field '%s'",
                               type_name, field_name);
    *ret = *field;
    return NULL;
}

struct vt_error *vt_guest_read_field(struct vt_guest *guest, uint64_t object_address,
                                     const char *type_name, const char *field_name, uint64_t *ret)
{
    struct glass_field field;
    struct vt_error *error = vt_guest_field(guest, type_name, field_name, &field);

    if (error)
        return error;
    if (!scalar(field.kind))
        return vt_error_create(VT_ERROR_ARGUMENT, "field '%s' of type '%s' is no number or address",
                               field_name, type_name);
    const void *at = guest_translate(guest, object_address + field.offset, field.size, 1);
    if (!at)
        return vt_error_create(VT_ERROR_NOT_FOUND,
                               "no '%s' can lie at %#lx: no kernel memory there", type_name,
                               (unsigned long)object_address);
    field.offset = 0;
    *ret = guest_field_value(&field, at);
    return NULL;
}
