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

struct vt_error *guest_tables_create(const struct vt_guest *guest, uint64_t types,
                                     uint32_t type_count, uint64_t fields, uint32_t field_count,
                                     struct guest_tables **ret)
{
    if (type_count > GUEST_TYPES_MAX || field_count > GUEST_FIELDS_MAX)
        return vt_error_create(
            VT_ERROR_CORRUPT,
            "the guest's glass counts %u types and %u fields: at most %u and %u can be", type_count,
            field_count, GUEST_TYPES_MAX, GUEST_FIELDS_MAX);
    uint64_t types_bytes = type_count * sizeof(struct glass_type);
    uint64_t fields_bytes = field_count * sizeof(struct glass_field);
    const void *guest_types = guest_translate(guest, types, types_bytes, 4);
    const void *guest_fields = guest_translate(guest, fields, fields_bytes, 4);

    if ((type_count && !guest_types) || (field_count && !guest_fields))
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the guest's type tables lie outside kernel memory");
    struct guest_tables *tables = calloc(1, sizeof(*tables));
    if (!tables)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's type tables");
    tables->types = malloc(types_bytes + 1);
    tables->fields = malloc(fields_bytes + 1);
    if (!tables->types || !tables->fields) {
        guest_tables_destroy(tables);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's type tables");
    }
    tables->type_count = type_count;
    tables->field_count = field_count;
    if (type_count)
        memcpy(tables->types, guest_types, types_bytes);
    if (field_count)
        memcpy(tables->fields, guest_fields, fields_bytes);

    /* Checked in our copy: the guest cannot change it between the check and its use. */
    struct vt_error *error = check(tables);
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
