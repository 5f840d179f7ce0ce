#include "kernel/security/condition.h"
#include "kernel/security/condition_code.h"

unsigned condition_operands(uint8_t token)
{
    switch (token) {
    case OP_EQUAL ... OP_CONTAINS:
    case OP_ANY_OF:
    case OP_NOT_CONTAINS:
    case OP_NOT_ANY_OF:
    case OP_AND:
    case OP_OR:
        return 2;
    case OP_EXISTS:
    case OP_NOT_EXISTS:
    case OP_MEMBER_OF ... OP_DEVICE_MEMBER_OF_ANY:
    case OP_NOT_MEMBER_OF ... OP_NOT_DEVICE_MEMBER_OF_ANY:
    case OP_NOT:
        return 1;
    default:
        return 0;
    }
}

bool condition_check(struct byte_span code)
{
    if (!condition_has_magic(code))
        return false;
    unsigned depth = 0;
    uint32_t offset = CONDITION_MAGIC_BYTES;
    while (offset < code.length) {
        uint8_t token = code.data[offset++];
        unsigned operands = condition_operands(token);
        if (token == OP_PADDING)
            continue;
        if (operands) {
            if (depth < operands)
                return false;
            depth -= operands;
        } else {
            struct condition_value value;
            uint8_t type = condition_names_attribute(token) ? TOKEN_STRING : token;
            if (!condition_literal(code, &offset, type, &value))
                return false;
        }
        if (++depth > CONDITION_DEPTH_MAX)
            return false;
    }
    return depth == 1;
}
