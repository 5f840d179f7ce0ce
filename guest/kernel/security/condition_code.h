/* kernel/security/condition_code.h - the operators of conditions, for evaluation and check. */
#ifndef KERNEL_SECURITY_CONDITION_CODE_H
#define KERNEL_SECURITY_CONDITION_CODE_H

#include "kernel/security/bytes.h"
#include "kernel/security/condition_value.h"

#define CONDITION_MAGIC_BYTES 4u

enum condition_operator {
    OP_PADDING = 0x00,
    OP_EQUAL = 0x80,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_CONTAINS,
    OP_EXISTS,
    OP_ANY_OF,
    OP_MEMBER_OF,
    OP_DEVICE_MEMBER_OF,
    OP_MEMBER_OF_ANY,
    OP_DEVICE_MEMBER_OF_ANY,
    OP_NOT_EXISTS,
    OP_NOT_CONTAINS,
    OP_NOT_ANY_OF,
    OP_NOT_MEMBER_OF,
    OP_NOT_DEVICE_MEMBER_OF,
    OP_NOT_MEMBER_OF_ANY,
    OP_NOT_DEVICE_MEMBER_OF_ANY,
    OP_AND = 0xa0,
    OP_OR,
    OP_NOT,
    OP_LOCAL = 0xf8,
    OP_USER,
    OP_RESOURCE,
    OP_DEVICE,
};

static inline bool condition_has_magic(struct byte_span code)
{
    return code.length >= CONDITION_MAGIC_BYTES && !memcmp(code.data, "artx", 4);
}

static inline bool condition_names_attribute(uint8_t token)
{
    return token >= OP_LOCAL && token <= OP_DEVICE;
}

/* How many values the operator takes; 0: it is none. Each gives one. */
unsigned condition_operands(uint8_t token);

#endif
