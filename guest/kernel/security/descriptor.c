#include "kernel/security/descriptor.h"

#include "kernel/lib/errno.h"
#include "kernel/security/bytes.h"
#include "kernel/security/sid.h"

/* Where each part's offset stands in the header. */
#define AT_OWNER 4
#define AT_GROUP 8
#define AT_SACL  12
#define AT_DACL  16

static int open_sid(struct byte_span bytes, unsigned at, const struct sid **ret)
{
    uint32_t offset = load32(bytes.data + at);
    *ret = NULL;
    if (!offset)
        return 0;
    if (offset < DESCRIPTOR_HEADER_BYTES || offset > bytes.length)
        return -EINVAL;
    *ret = sid_at(bytes.data + offset, bytes.length - offset);
    return *ret ? 0 : -EINVAL;
}

/*
 * No list and an empty list are opposites: without a DACL everybody may do everything. So a
 * descriptor whose flag and offset contradict each other is not guessed at.
 */
static int open_list(struct byte_span bytes, unsigned at, bool present, struct acl *ret)
{
    uint32_t offset = load32(bytes.data + at);
    *ret = (struct acl){0};
    if (present != (offset != 0))
        return -EINVAL;
    if (!present)
        return 0;
    if (offset < DESCRIPTOR_HEADER_BYTES || offset > bytes.length)
        return -EINVAL;
    return acl_open(bytes.data + offset, bytes.length - offset, ret);
}

int descriptor_open(struct byte_span bytes, struct descriptor *ret)
{
    if (bytes.length < DESCRIPTOR_HEADER_BYTES || bytes.length > DESCRIPTOR_BYTES_MAX ||
        bytes.data[0] != DESCRIPTOR_REVISION)
        return -EINVAL;
    ret->resource_manager = bytes.data[1];
    ret->control = load16(bytes.data + 2);
    if (!(ret->control & DESCRIPTOR_SELF_RELATIVE))
        return -EINVAL;
    bool dacl = ret->control & DESCRIPTOR_DACL_PRESENT;
    bool sacl = ret->control & DESCRIPTOR_SACL_PRESENT;
    if (open_sid(bytes, AT_OWNER, &ret->owner) || open_sid(bytes, AT_GROUP, &ret->group) ||
        open_list(bytes, AT_DACL, dacl, &ret->dacl) || open_list(bytes, AT_SACL, sacl, &ret->sacl))
        return -EINVAL;
    return 0;
}

size_t descriptor_size(const struct descriptor *parts)
{
    size_t size = DESCRIPTOR_HEADER_BYTES;
    size += parts->owner ? sid_bytes(parts->owner) : 0;
    size += parts->group ? sid_bytes(parts->group) : 0;
    size += parts->sacl.bytes ? align_up(parts->sacl.length, 4u) : 0;
    size += parts->dacl.bytes ? align_up(parts->dacl.length, 4u) : 0;
    return size;
}

/* Appends a part, if there is one, and notes where it stands. */
static uint32_t place(uint8_t *bytes, uint32_t end, unsigned at, const void *part, uint32_t length)
{
    store32(bytes + at, part ? end : 0);
    if (!part)
        return end;
    memcpy(bytes + end, part, length);
    return align_up(end + length, 4u);
}

int descriptor_build(const struct descriptor *parts, uint8_t *bytes, size_t room)
{
    size_t size = descriptor_size(parts);
    if (size > room || size > DESCRIPTOR_BYTES_MAX)
        return -E2BIG;
    uint16_t control = parts->control | DESCRIPTOR_SELF_RELATIVE;
    control &= (uint16_t) ~(DESCRIPTOR_DACL_PRESENT | DESCRIPTOR_SACL_PRESENT);
    control |= parts->dacl.bytes ? DESCRIPTOR_DACL_PRESENT : 0;
    control |= parts->sacl.bytes ? DESCRIPTOR_SACL_PRESENT : 0;
    memset(bytes, 0, size);
    bytes[0] = DESCRIPTOR_REVISION;
    bytes[1] = parts->resource_manager;
    store16(bytes + 2, control);
    uint32_t end = DESCRIPTOR_HEADER_BYTES;
    end = place(bytes, end, AT_OWNER, parts->owner, parts->owner ? sid_bytes(parts->owner) : 0);
    end = place(bytes, end, AT_GROUP, parts->group, parts->group ? sid_bytes(parts->group) : 0);
    end = place(bytes, end, AT_SACL, parts->sacl.bytes, parts->sacl.length);
    place(bytes, end, AT_DACL, parts->dacl.bytes, parts->dacl.length);
    return (int)size;
}
