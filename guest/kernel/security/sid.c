#include "kernel/security/sid.h"

#include "kernel/security/bytes.h"

#define AUTHORITY_NT        5u
#define AUTHORITY_INTEGRITY 16u
#define AUTHORITY_TRUST     19u

const struct sid *sid_at(const uint8_t *bytes, size_t available)
{
    if (available < SID_BYTES_MIN)
        return NULL;
    const struct sid *sid = (const struct sid *)bytes;
    if (sid->revision != SID_REVISION || sid->sub_authority_count > SID_SUB_AUTHORITIES_MAX)
        return NULL;
    return sid_bytes(sid) <= available ? sid : NULL;
}

bool sid_equal(const struct sid *a, const struct sid *b)
{
    return a == b || (a->sub_authority_count == b->sub_authority_count &&
                      !memcmp((const void *)a, (const void *)b, sid_bytes(a)));
}

uint32_t sid_sub_authority(const struct sid *sid, unsigned index)
{
    return load32(sid->sub_authorities[index]);
}

unsigned sid_small_authority(const struct sid *sid)
{
    for (unsigned i = 0; i < 5; i++)
        if (sid->authority[i])
            return 256;
    return sid->authority[5];
}

const struct sid *sid_make(struct sid_buffer *buffer, uint8_t authority, unsigned count,
                           const uint32_t *sub_authorities)
{
    memset(buffer->bytes, 0, sizeof(buffer->bytes));
    buffer->bytes[0] = SID_REVISION;
    buffer->bytes[1] = (uint8_t)count;
    buffer->bytes[7] = authority;
    for (unsigned i = 0; i < count; i++)
        store32(buffer->bytes + SID_BYTES_MIN + (size_t)4 * i, sub_authorities[i]);
    return (const struct sid *)buffer->bytes;
}

const struct sid *sid_make_logon(struct sid_buffer *buffer, uint64_t session)
{
    const uint32_t parts[] = {5, (uint32_t)(session >> 32), (uint32_t)session};
    return sid_make(buffer, AUTHORITY_NT, ARRAY_COUNT(parts), parts);
}

bool sid_integrity(const struct sid *sid, uint32_t *level)
{
    if (sid_small_authority(sid) != AUTHORITY_INTEGRITY || sid->sub_authority_count != 1)
        return false;
    uint32_t value = sid_sub_authority(sid, 0);
    if (value > INTEGRITY_SYSTEM || value % INTEGRITY_LOW)
        return false;
    *level = value;
    return true;
}

bool sid_trust(const struct sid *sid, uint32_t *type, uint32_t *trust)
{
    if (sid_small_authority(sid) != AUTHORITY_TRUST || sid->sub_authority_count != 2)
        return false;
    *type = sid_sub_authority(sid, 0);
    *trust = sid_sub_authority(sid, 1);
    return true;
}
