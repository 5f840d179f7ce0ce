#include "kernel/security/claim.h"

#include "kernel/security/bytes.h"
#include "kernel/security/sid.h"

bool claim_open(struct byte_span entry, struct claim *ret)
{
    if (entry.length < CLAIM_HEADER_BYTES)
        return false;
    ret->entry = entry;
    ret->type = load16(entry.data + 4);
    ret->flags = load32(entry.data + 8);
    ret->count = load32(entry.data + 12);
    return ret->count <= (entry.length - CLAIM_HEADER_BYTES) / 4;
}

bool claim_array_next(struct byte_span array, uint32_t *offset, struct byte_span *ret)
{
    if (*offset >= array.length || array.length - *offset < 4)
        return false;
    uint32_t length = load32(array.data + *offset);
    if (!length || length > array.length - *offset - 4)
        return false;
    *ret = (struct byte_span){array.data + *offset + 4, length};
    *offset += 4 + length;
    return true;
}

/* Whether `bytes` from `offset` on are within the entry. */
static bool within(const struct claim *claim, uint32_t offset, uint32_t bytes)
{
    return offset <= claim->entry.length && bytes <= claim->entry.length - offset;
}

static bool string_at(const struct claim *claim, uint32_t offset, struct byte_span *ret)
{
    for (uint32_t at = offset; within(claim, at, 2); at += 2)
        if (!load16(claim->entry.data + at)) {
            *ret = (struct byte_span){claim->entry.data + offset, at - offset};
            return true;
        }
    return false;
}

bool claim_name(const struct claim *claim, struct byte_span *ret)
{
    return string_at(claim, load32(claim->entry.data), ret);
}

/* Where value `index` itself begins: numbers at their offset, the others one step further. */
static bool value_place(const struct claim *claim, uint32_t index, uint32_t *ret)
{
    *ret = load32(claim->entry.data + CLAIM_HEADER_BYTES + (size_t)4 * index);
    if (claim->type == CLAIM_INT64 || claim->type == CLAIM_UINT64 || claim->type == CLAIM_BOOLEAN)
        return within(claim, *ret, 8);
    if (!within(claim, *ret, 4))
        return false;
    *ret = load32(claim->entry.data + *ret);
    return true;
}

static bool octets_at(const struct claim *claim, uint32_t offset, struct byte_span *ret)
{
    if (!within(claim, offset, 4))
        return false;
    uint32_t length = load32(claim->entry.data + offset);
    *ret = (struct byte_span){claim->entry.data + offset + 4, length};
    return within(claim, offset + 4, length);
}

static bool sid_value_at(const struct claim *claim, uint32_t offset, struct byte_span *ret)
{
    if (!within(claim, offset, SID_BYTES_MIN))
        return false;
    const struct sid *sid = sid_at(claim->entry.data + offset, claim->entry.length - offset);
    if (!sid)
        return false;
    *ret = (struct byte_span){(const uint8_t *)sid, sid_bytes(sid)};
    return true;
}

bool claim_value(const struct claim *claim, uint32_t index, struct byte_span *ret)
{
    uint32_t place;
    if (index >= claim->count || !value_place(claim, index, &place))
        return false;
    switch (claim->type) {
    case CLAIM_INT64:
    case CLAIM_UINT64:
    case CLAIM_BOOLEAN:
        *ret = (struct byte_span){claim->entry.data + place, 8};
        return true;
    case CLAIM_STRING:
        return string_at(claim, place, ret);
    case CLAIM_SID:
        return sid_value_at(claim, place, ret);
    case CLAIM_OCTETS:
        return octets_at(claim, place, ret);
    default:
        return false;
    }
}

/*
 * The last place where a string can end, for strings at even and at odd offsets: every string of
 * the entry ends if it begins there or before. So thousands of values that share one long string
 * cost no more than one.
 */
struct string_ends {
    int64_t last[2];
};

static struct string_ends find_string_ends(struct byte_span entry)
{
    struct string_ends ends = {{-1, -1}};
    for (uint32_t at = 0; at + 1 < entry.length; at++)
        if (!entry.data[at] && !entry.data[at + 1])
            ends.last[at % 2] = at;
    return ends;
}

static bool string_ends_within(const struct string_ends *ends, uint32_t offset)
{
    return offset <= ends->last[offset % 2];
}

bool claim_check(struct byte_span entry)
{
    struct claim claim;
    if (!claim_open(entry, &claim))
        return false;
    switch (claim.type) {
    case CLAIM_INT64:
    case CLAIM_UINT64:
    case CLAIM_STRING:
    case CLAIM_SID:
    case CLAIM_BOOLEAN:
    case CLAIM_OCTETS:
        break;
    default:
        return false;
    }
    struct string_ends ends = find_string_ends(entry);
    if (!string_ends_within(&ends, load32(entry.data)))
        return false;
    for (uint32_t i = 0; i < claim.count; i++) {
        uint32_t place;
        struct byte_span value;
        bool good = claim.type == CLAIM_STRING
                        ? value_place(&claim, i, &place) && string_ends_within(&ends, place)
                        : claim_value(&claim, i, &value);
        if (!good)
            return false;
    }
    return true;
}

bool claim_array_check(struct byte_span array)
{
    uint32_t offset = 0;
    struct byte_span entry;
    while (claim_array_next(array, &offset, &entry))
        if (!claim_check(entry))
            return false;
    return offset == array.length;
}

bool claim_names_equal(struct byte_span a, struct byte_span b)
{
    if (a.length != b.length)
        return false;
    for (uint32_t at = 0; at + 1 < a.length; at += 2)
        if (fold_case(load16(a.data + at)) != fold_case(load16(b.data + at)))
            return false;
    return true;
}
