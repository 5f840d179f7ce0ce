#include "kernel/security/acl.h"

#include "kernel/lib/errno.h"
#include "kernel/security/bytes.h"
#include "kernel/security/sid.h"

/* What follows the header of an entry. */
enum ace_layout {
    LAYOUT_UNKNOWN,
    LAYOUT_SID,         /* mask, SID to the end */
    LAYOUT_SID_DATA,    /* mask, SID, data to the end */
    LAYOUT_OBJECT,      /* mask, flags, GUIDs, SID to the end */
    LAYOUT_OBJECT_DATA, /* mask, flags, GUIDs, SID, data to the end */
};

static const struct {
    uint8_t layout, effect;
} types[] = {
    [ACE_ALLOWED] = {LAYOUT_SID, ACE_EFFECT_ALLOW},
    [ACE_DENIED] = {LAYOUT_SID, ACE_EFFECT_DENY},
    [ACE_AUDIT] = {LAYOUT_SID, ACE_EFFECT_AUDIT},
    [ACE_ALARM] = {LAYOUT_SID, ACE_EFFECT_ALARM},
    [ACE_ALLOWED_OBJECT] = {LAYOUT_OBJECT, ACE_EFFECT_ALLOW},
    [ACE_DENIED_OBJECT] = {LAYOUT_OBJECT, ACE_EFFECT_DENY},
    [ACE_AUDIT_OBJECT] = {LAYOUT_OBJECT, ACE_EFFECT_AUDIT},
    [ACE_ALARM_OBJECT] = {LAYOUT_OBJECT, ACE_EFFECT_ALARM},
    [ACE_ALLOWED_CALLBACK] = {LAYOUT_SID_DATA, ACE_EFFECT_ALLOW},
    [ACE_DENIED_CALLBACK] = {LAYOUT_SID_DATA, ACE_EFFECT_DENY},
    [ACE_ALLOWED_CALLBACK_OBJECT] = {LAYOUT_OBJECT_DATA, ACE_EFFECT_ALLOW},
    [ACE_DENIED_CALLBACK_OBJECT] = {LAYOUT_OBJECT_DATA, ACE_EFFECT_DENY},
    [ACE_AUDIT_CALLBACK] = {LAYOUT_SID_DATA, ACE_EFFECT_AUDIT},
    [ACE_ALARM_CALLBACK] = {LAYOUT_SID_DATA, ACE_EFFECT_ALARM},
    [ACE_AUDIT_CALLBACK_OBJECT] = {LAYOUT_OBJECT_DATA, ACE_EFFECT_AUDIT},
    [ACE_ALARM_CALLBACK_OBJECT] = {LAYOUT_OBJECT_DATA, ACE_EFFECT_ALARM},
    [ACE_MANDATORY_LABEL] = {LAYOUT_SID, ACE_EFFECT_NONE},
    [ACE_RESOURCE_ATTRIBUTE] = {LAYOUT_SID_DATA, ACE_EFFECT_NONE},
    [ACE_SCOPED_POLICY] = {LAYOUT_SID, ACE_EFFECT_NONE},
    [ACE_TRUST_LABEL] = {LAYOUT_SID, ACE_EFFECT_NONE},
};

static enum ace_layout layout_of(uint8_t type)
{
    return type < ARRAY_COUNT(types) ? (enum ace_layout)types[type].layout : LAYOUT_UNKNOWN;
}

enum ace_effect ace_effect(uint8_t type)
{
    return type < ARRAY_COUNT(types) ? (enum ace_effect)types[type].effect : ACE_EFFECT_NONE;
}

bool ace_is_conditional(uint8_t type)
{
    return type >= ACE_ALLOWED_CALLBACK && type <= ACE_ALARM_CALLBACK_OBJECT;
}

/* The part after the header, of `size` bytes in all. False: malformed. */
static bool parse_body(const uint8_t *bytes, struct ace *ace, enum ace_layout layout)
{
    uint32_t at = 8;
    if (ace->size < at)
        return false;
    ace->mask = load32(bytes + 4);
    if (layout == LAYOUT_OBJECT || layout == LAYOUT_OBJECT_DATA) {
        if (ace->size < at + 4)
            return false;
        uint32_t present = load32(bytes + at);
        at += 4;
        if (present & ACE_OBJECT_TYPE_PRESENT) {
            if (ace->size < at + GUID_BYTES)
                return false;
            ace->object_type = bytes + at;
            at += GUID_BYTES;
        }
        if (present & ACE_INHERITED_OBJECT_TYPE_PRESENT) {
            if (ace->size < at + GUID_BYTES)
                return false;
            ace->inherited_object_type = bytes + at;
            at += GUID_BYTES;
        }
    }
    ace->sid = sid_at(bytes + at, ace->size - at);
    if (!ace->sid)
        return false;
    at += sid_bytes(ace->sid);
    if (layout == LAYOUT_SID || layout == LAYOUT_OBJECT)
        return at == ace->size;
    ace->data = (struct byte_span){bytes + at, ace->size - at};
    return true;
}

bool acl_next(const struct acl *acl, struct acl_cursor *cursor, struct ace *ret)
{
    uint32_t offset = cursor->offset ? cursor->offset : ACL_HEADER_BYTES;
    if (cursor->index >= acl->count || offset + ACE_HEADER_BYTES > acl->length)
        return false;
    const uint8_t *bytes = acl->bytes + offset;
    *ret = (struct ace){.type = bytes[0], .flags = bytes[1], .size = load16(bytes + 2)};
    ret->offset = offset;
    if (ret->size < ACE_HEADER_BYTES || ret->size % 4 || ret->size > acl->length - offset)
        return false;
    enum ace_layout layout = layout_of(ret->type);
    if (layout != LAYOUT_UNKNOWN && !parse_body(bytes, ret, layout))
        return false;
    cursor->offset = offset + ret->size;
    cursor->index++;
    return true;
}

int acl_open(const uint8_t *bytes, size_t available, struct acl *ret)
{
    if (available < ACL_HEADER_BYTES || bytes[0] < ACL_REVISION || bytes[0] > ACL_REVISION_DS)
        return -EINVAL;
    struct acl acl = {bytes, load16(bytes + 2), load16(bytes + 4)};
    if (acl.length < ACL_HEADER_BYTES || acl.length > available)
        return -EINVAL;
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (acl_next(&acl, &cursor, &ace))
        ;
    uint32_t end = acl.count ? cursor.offset : ACL_HEADER_BYTES;
    if (cursor.index != acl.count || end != acl.length)
        return -EINVAL;
    *ret = acl;
    return 0;
}

int acl_open_exact(struct byte_span span, struct acl *ret)
{
    int error = acl_open(span.data, span.length, ret);
    if (error)
        return error;
    return ret->length == span.length ? 0 : -EINVAL;
}

void acl_begin(struct acl_builder *builder, uint8_t *bytes, size_t room)
{
    *builder = (struct acl_builder){.bytes = bytes, .room = room, .length = ACL_HEADER_BYTES};
}

static void append(uint8_t **at, const void *bytes, size_t count)
{
    if (count)
        memcpy(*at, bytes, count);
    *at += count;
}

/* Where `size` bytes, a multiple of four, go; NULL: nowhere. */
static uint8_t *make_room(struct acl_builder *builder, size_t size)
{
    if (size > 0xffff - (size_t)builder->length || builder->count == 0xffff ||
        builder->length + size > builder->room)
        return NULL;
    uint8_t *at = builder->bytes + builder->length;
    builder->length += (uint32_t)size;
    builder->count++;
    return at;
}

int acl_add_unknown(struct acl_builder *builder, const struct acl *from, const struct ace *ace)
{
    uint8_t *at = make_room(builder, ace->size);
    if (!at)
        return -E2BIG;
    memcpy(at, from->bytes + ace->offset, ace->size);
    at[1] = ace->flags;
    return 0;
}

int acl_add(struct acl_builder *builder, const struct ace *model)
{
    enum ace_layout layout = layout_of(model->type);
    if (layout == LAYOUT_UNKNOWN || !model->sid)
        return -EINVAL;
    bool object = layout == LAYOUT_OBJECT || layout == LAYOUT_OBJECT_DATA;
    bool data = layout == LAYOUT_SID_DATA || layout == LAYOUT_OBJECT_DATA;
    uint32_t present = 0;
    size_t size = 8 + sid_bytes(model->sid) + (data ? (size_t)model->data.length : 0);
    if (object) {
        present |= model->object_type ? ACE_OBJECT_TYPE_PRESENT : 0;
        present |= model->inherited_object_type ? ACE_INHERITED_OBJECT_TYPE_PRESENT : 0;
        size += 4 + (model->object_type ? GUID_BYTES : 0) +
                (model->inherited_object_type ? GUID_BYTES : 0);
    }
    size_t padded = align_up(size, (size_t)4);
    uint8_t *at = make_room(builder, padded);
    if (!at)
        return -E2BIG;
    at[0] = model->type;
    at[1] = model->flags;
    store16(at + 2, (uint16_t)padded);
    store32(at + 4, model->mask);
    at += 8;
    if (object) {
        store32(at, present);
        at += 4;
        append(&at, model->object_type, model->object_type ? GUID_BYTES : 0);
        append(&at, model->inherited_object_type, model->inherited_object_type ? GUID_BYTES : 0);
    }
    append(&at, model->sid, sid_bytes(model->sid));
    if (data)
        append(&at, model->data.data, model->data.length);
    memset(at, 0, padded - size);
    builder->wide |= object || ace_is_conditional(model->type);
    return 0;
}

int acl_add_simple(struct acl_builder *builder, uint8_t type, uint32_t mask, const struct sid *sid)
{
    const struct ace model = {.type = type, .mask = mask, .sid = sid};
    return acl_add(builder, &model);
}

uint32_t acl_end(struct acl_builder *builder)
{
    builder->bytes[0] = builder->wide ? ACL_REVISION_DS : ACL_REVISION;
    builder->bytes[1] = 0;
    store16(builder->bytes + 2, (uint16_t)builder->length);
    store16(builder->bytes + 4, (uint16_t)builder->count);
    store16(builder->bytes + 6, 0);
    return builder->length;
}
