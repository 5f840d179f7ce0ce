/*
 * kernel/security/condition_value.h - what a condition computes with: values, lists of them, and
 * how two are compared. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_CONDITION_VALUE_H
#define KERNEL_SECURITY_CONDITION_VALUE_H

#include "kernel/security/access_types.h"
#include "kernel/security/claim.h"
#include "kernel/security/step_meter.h"

enum truth {
    TRUTH_FALSE,
    TRUTH_TRUE,
    TRUTH_UNKNOWN,
};

enum value_kind {
    VALUE_TRUTH,  /* what an operator gave */
    VALUE_ABSENT, /* an attribute that is not there */
    VALUE_INTEGER,
    VALUE_BOOLEAN, /* an attribute only; magnitude 0 or 1 */
    VALUE_STRING,
    VALUE_OCTETS,
    VALUE_SID,
    VALUE_LITERAL_LIST, /* bytes: its elements, one token after the other */
    VALUE_CLAIM_LIST,   /* bytes: the claim, of not just one value */
};

struct condition_value {
    uint8_t kind;  /* enum value_kind */
    uint8_t truth; /* enum truth, of VALUE_TRUTH */
    bool literal;  /* stood in the condition itself */
    bool attribute;
    bool case_sensitive;
    bool negative; /* of VALUE_INTEGER; never with magnitude 0 */
    uint64_t magnitude;
    struct byte_span bytes;
};

/* Types of tokens that are values, in conditions (MS-DTYP 2.4.4.17.5). */
#define TOKEN_INT8         0x01
#define TOKEN_INT64        0x04
#define TOKEN_STRING       0x10
#define TOKEN_OCTET_STRING 0x18
#define TOKEN_COMPOSITE    0x50
#define TOKEN_SID          0x51

/*
 * Reads the literal at *offset, which is behind its type byte, and moves *offset behind it. False:
 * not a literal, or malformed, also within a composite, of which none may be in another.
 */
bool condition_literal(struct byte_span code, uint32_t *offset, uint8_t type,
                       struct condition_value *ret);

/* An attribute as a value: absent, the one value, or a list. False: malformed, or steps used up. */
bool condition_attribute(const struct claim *claim, struct condition_value *ret,
                         struct step_meter *meter);

/* Element after element; a value that is no list has one. Begin with only `value` set. */
struct value_cursor {
    const struct condition_value *value;
    uint32_t at;
};
enum value_step {
    STEP_ELEMENT,
    STEP_END,
    STEP_BROKEN, /* malformed, or steps used up */
};
enum value_step condition_next(struct value_cursor *cursor, struct condition_value *ret,
                               struct step_meter *meter);

/* Of two that are neither lists nor absent. */
enum value_order {
    ORDER_LESS,
    ORDER_EQUAL,
    ORDER_GREATER, /* or just different, if it cannot be ordered */
    ORDER_NONE,    /* not comparable */
};
enum value_order condition_compare(const struct condition_value *left,
                                   const struct condition_value *right);

static inline bool condition_is_list(const struct condition_value *value)
{
    return value->kind == VALUE_LITERAL_LIST || value->kind == VALUE_CLAIM_LIST;
}

#endif
