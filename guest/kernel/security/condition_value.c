#include "kernel/security/condition_value.h"

#include "kernel/security/bytes.h"
#include "kernel/security/sid.h"

#define INTEGER_BYTES  10u /* eight of value, one of sign, one of base */
#define SIGN_PLUS      1
#define SIGN_MINUS     2
#define SIGN_NONE      3
#define BYTES_PER_STEP 64u

static uint64_t magnitude_of(uint64_t bits)
{
    return bits >> 63 ? 0 - bits : bits;
}

/* The sign byte decides on the sign; the width of the type, on what is too large. */
static bool integer_literal(const uint8_t *bytes, uint8_t type, struct condition_value *ret)
{
    uint8_t sign = bytes[8];
    if (sign < SIGN_PLUS || sign > SIGN_NONE)
        return false;
    unsigned bits = 8u << (type - TOKEN_INT8);
    uint64_t magnitude = magnitude_of(load64(bytes));
    uint64_t limit = 1ull << (bits - 1);
    bool negative = sign == SIGN_MINUS;
    if (magnitude > limit || (magnitude == limit && !negative))
        return false;
    ret->kind = VALUE_INTEGER;
    ret->magnitude = magnitude;
    ret->negative = negative && magnitude;
    return true;
}

static bool counted_bytes(struct byte_span code, uint32_t *offset, struct byte_span *ret)
{
    if (code.length - *offset < 4)
        return false;
    uint32_t length = load32(code.data + *offset);
    *offset += 4;
    if (length > code.length - *offset)
        return false;
    *ret = (struct byte_span){code.data + *offset, length};
    *offset += length;
    return true;
}

/* Any literal but a list. */
static bool single_literal(struct byte_span code, uint32_t *offset, uint8_t type,
                           struct condition_value *ret)
{
    *ret = (struct condition_value){.literal = true};
    if (type >= TOKEN_INT8 && type <= TOKEN_INT64) {
        if (code.length - *offset < INTEGER_BYTES)
            return false;
        *offset += INTEGER_BYTES;
        return integer_literal(code.data + *offset - INTEGER_BYTES, type, ret);
    }
    switch (type) {
    case TOKEN_STRING:
        ret->kind = VALUE_STRING;
        return counted_bytes(code, offset, &ret->bytes) && ret->bytes.length % 2 == 0;
    case TOKEN_OCTET_STRING:
        ret->kind = VALUE_OCTETS;
        return counted_bytes(code, offset, &ret->bytes);
    case TOKEN_SID: {
        ret->kind = VALUE_SID;
        if (!counted_bytes(code, offset, &ret->bytes))
            return false;
        const struct sid *sid = sid_at(ret->bytes.data, ret->bytes.length);
        return sid && sid_bytes(sid) == ret->bytes.length;
    }
    default:
        return false;
    }
}

/* A list is well-formed if all of its elements are; none of them is a list. */
static bool elements_good(struct byte_span list)
{
    uint32_t offset = 0;
    struct condition_value element;
    while (offset < list.length) {
        uint8_t type = list.data[offset++];
        if (!single_literal(list, &offset, type, &element))
            return false;
    }
    return true;
}

bool condition_literal(struct byte_span code, uint32_t *offset, uint8_t type,
                       struct condition_value *ret)
{
    if (type != TOKEN_COMPOSITE)
        return single_literal(code, offset, type, ret);
    *ret = (struct condition_value){.kind = VALUE_LITERAL_LIST, .literal = true};
    return counted_bytes(code, offset, &ret->bytes) && elements_good(ret->bytes);
}

/* What taking a value into the hand costs. */
static bool pay(const struct condition_value *value, struct step_meter *meter)
{
    return step_meter_use(meter, 1 + value->bytes.length / BYTES_PER_STEP);
}

static bool claim_element(const struct claim *claim, uint32_t index, struct condition_value *ret,
                          struct step_meter *meter)
{
    struct byte_span bytes;
    if (!claim_value(claim, index, &bytes))
        return false;
    *ret = (struct condition_value){.attribute = true, .bytes = bytes};
    ret->case_sensitive = claim->flags & CLAIM_FLAG_CASE_SENSITIVE;
    uint64_t number = bytes.length == 8 ? load64(bytes.data) : 0;
    switch (claim->type) {
    case CLAIM_INT64:
        ret->kind = VALUE_INTEGER;
        ret->negative = number >> 63;
        ret->magnitude = magnitude_of(number);
        break;
    case CLAIM_UINT64:
        ret->kind = VALUE_INTEGER;
        ret->magnitude = number;
        break;
    case CLAIM_BOOLEAN:
        ret->kind = VALUE_BOOLEAN;
        ret->magnitude = number != 0;
        break;
    case CLAIM_STRING:
        ret->kind = VALUE_STRING;
        break;
    case CLAIM_SID:
        ret->kind = VALUE_SID;
        break;
    default:
        ret->kind = VALUE_OCTETS;
        break;
    }
    return pay(ret, meter);
}

bool condition_attribute(const struct claim *claim, struct condition_value *ret,
                         struct step_meter *meter)
{
    if (claim->count == 1)
        return claim_element(claim, 0, ret, meter);
    *ret = (struct condition_value){.attribute = true, .bytes = claim->entry};
    ret->kind = claim->count ? VALUE_CLAIM_LIST : VALUE_ABSENT;
    return step_meter_use(meter, 1);
}

enum value_step condition_next(struct value_cursor *cursor, struct condition_value *ret,
                               struct step_meter *meter)
{
    const struct condition_value *value = cursor->value;
    if (value->kind == VALUE_CLAIM_LIST) {
        struct claim claim;
        if (!claim_open(value->bytes, &claim))
            return STEP_BROKEN;
        if (cursor->at >= claim.count)
            return STEP_END;
        return claim_element(&claim, cursor->at++, ret, meter) ? STEP_ELEMENT : STEP_BROKEN;
    }
    if (value->kind == VALUE_LITERAL_LIST) {
        if (cursor->at >= value->bytes.length)
            return STEP_END;
        uint8_t type = value->bytes.data[cursor->at++];
        return single_literal(value->bytes, &cursor->at, type, ret) && pay(ret, meter)
                   ? STEP_ELEMENT
                   : STEP_BROKEN;
    }
    if (cursor->at++)
        return STEP_END;
    *ret = *value;
    return pay(ret, meter) ? STEP_ELEMENT : STEP_BROKEN;
}

static enum value_order order_of(int difference)
{
    return difference < 0 ? ORDER_LESS : difference > 0 ? ORDER_GREATER : ORDER_EQUAL;
}

static enum value_order compare_numbers(const struct condition_value *left,
                                        const struct condition_value *right)
{
    if (left->negative != right->negative)
        return left->negative ? ORDER_LESS : ORDER_GREATER;
    if (left->magnitude == right->magnitude)
        return ORDER_EQUAL;
    return (left->magnitude < right->magnitude) != left->negative ? ORDER_LESS : ORDER_GREATER;
}

/* Unit by unit, of one or two bytes; of two that begin alike the shorter is less. */
static enum value_order compare_units(struct byte_span left, struct byte_span right, unsigned width,
                                      bool case_sensitive)
{
    uint32_t common = min(left.length, right.length);
    for (uint32_t at = 0; at + width <= common; at += width) {
        uint16_t a = width == 2 ? load16(left.data + at) : left.data[at];
        uint16_t b = width == 2 ? load16(right.data + at) : right.data[at];
        if (!case_sensitive) {
            a = fold_case(a);
            b = fold_case(b);
        }
        if (a != b)
            return order_of((int)a - (int)b);
    }
    return left.length < right.length   ? ORDER_LESS
           : left.length > right.length ? ORDER_GREATER
                                        : ORDER_EQUAL;
}

static bool is_number(const struct condition_value *value)
{
    return value->kind == VALUE_INTEGER || value->kind == VALUE_BOOLEAN;
}

enum value_order condition_compare(const struct condition_value *left,
                                   const struct condition_value *right)
{
    bool case_sensitive = left->case_sensitive || right->case_sensitive;
    if (is_number(left) && is_number(right))
        return compare_numbers(left, right);
    if (left->kind != right->kind)
        return ORDER_NONE;
    switch (left->kind) {
    case VALUE_STRING:
        return compare_units(left->bytes, right->bytes, 2, case_sensitive);
    case VALUE_OCTETS:
        return compare_units(left->bytes, right->bytes, 1, case_sensitive);
    case VALUE_SID:
        return compare_units(left->bytes, right->bytes, 1, true);
    default:
        return ORDER_NONE;
    }
}
