#include "kernel/security/condition_operator.h"

#include "kernel/security/condition_code.h"

/* What one SID asked for in a membership costs: it is looked for in all groups. */
#define MEMBER_STEPS 16u

static enum truth truth_of(bool is)
{
    return is ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth opposite(enum truth truth)
{
    return truth == TRUTH_UNKNOWN ? truth : truth_of(truth == TRUTH_FALSE);
}

/* How an element stands to a whole list. */
enum presence {
    PRESENT,
    MISSING,
    PRESENCE_UNDECIDED, /* not equal to any, and one could not be compared; or malformed */
};

static enum presence presence_in(const struct condition_value *list,
                                 const struct condition_value *element, struct step_meter *meter)
{
    struct value_cursor cursor = {list, 0};
    struct condition_value other;
    enum presence presence = MISSING;
    enum value_step step;
    while ((step = condition_next(&cursor, &other, meter)) == STEP_ELEMENT) {
        enum value_order order = condition_compare(&other, element);
        if (order == ORDER_EQUAL)
            return PRESENT;
        if (order == ORDER_NONE)
            presence = PRESENCE_UNDECIDED;
    }
    return step == STEP_END ? presence : PRESENCE_UNDECIDED;
}

/* Whether all elements of `part` are in `whole`. */
static bool contains(const struct condition_value *whole, const struct condition_value *part,
                     enum truth *ret, struct step_meter *meter)
{
    struct value_cursor cursor = {part, 0};
    struct condition_value element;
    enum value_step step;
    *ret = TRUTH_TRUE;
    while ((step = condition_next(&cursor, &element, meter)) == STEP_ELEMENT) {
        enum presence presence = presence_in(whole, &element, meter);
        if (presence == PRESENCE_UNDECIDED)
            return false;
        if (presence == MISSING) {
            *ret = TRUTH_FALSE;
            return true;
        }
    }
    return step == STEP_END;
}

static bool any_of(const struct condition_value *left, const struct condition_value *right,
                   enum truth *ret, struct step_meter *meter)
{
    struct value_cursor cursor = {left, 0};
    struct condition_value element;
    enum value_step step;
    bool undecided = false;
    *ret = TRUTH_FALSE;
    while ((step = condition_next(&cursor, &element, meter)) == STEP_ELEMENT) {
        enum presence presence = presence_in(right, &element, meter);
        if (presence == PRESENT) {
            *ret = TRUTH_TRUE;
            return true;
        }
        undecided |= presence == PRESENCE_UNDECIDED;
    }
    return step == STEP_END && !undecided;
}

/* The same values on both sides, in any order and number. */
static bool equal(const struct condition_value *left, const struct condition_value *right,
                  enum truth *ret, struct step_meter *meter)
{
    if (!contains(left, right, ret, meter))
        return false;
    return *ret == TRUTH_FALSE || contains(right, left, ret, meter);
}

/* Single values that have an order: not SIDs, not truth values, not lists. */
static bool ordered(uint8_t operation, const struct condition_value *left,
                    const struct condition_value *right, enum truth *ret, struct step_meter *meter)
{
    if (left->kind == VALUE_SID || left->kind == VALUE_BOOLEAN || right->kind == VALUE_BOOLEAN ||
        condition_is_list(left) || condition_is_list(right))
        return false;
    if (!step_meter_use(meter, 2 + (left->bytes.length + right->bytes.length) / 64))
        return false;
    enum value_order order = condition_compare(left, right);
    if (order == ORDER_NONE)
        return false;
    switch (operation) {
    case OP_LESS:
        *ret = truth_of(order == ORDER_LESS);
        break;
    case OP_LESS_EQUAL:
        *ret = truth_of(order != ORDER_GREATER);
        break;
    case OP_GREATER:
        *ret = truth_of(order == ORDER_GREATER);
        break;
    default:
        *ret = truth_of(order != ORDER_LESS);
        break;
    }
    return true;
}

static bool is_unknown(const struct condition_value *value)
{
    return value->kind == VALUE_ABSENT ||
           (value->kind == VALUE_TRUTH && value->truth == TRUTH_UNKNOWN);
}

bool condition_relate(uint8_t operation, const struct condition_value *left,
                      const struct condition_value *right, enum truth *ret,
                      struct step_meter *meter)
{
    *ret = TRUTH_UNKNOWN;
    if (is_unknown(left) || is_unknown(right))
        return true;
    if (left->kind == VALUE_TRUTH || right->kind == VALUE_TRUTH)
        return false;
    bool good;
    switch (operation) {
    case OP_EQUAL:
    case OP_NOT_EQUAL:
        good = equal(left, right, ret, meter);
        break;
    case OP_CONTAINS:
    case OP_NOT_CONTAINS:
        good = contains(left, right, ret, meter);
        break;
    case OP_ANY_OF:
    case OP_NOT_ANY_OF:
        good = any_of(left, right, ret, meter);
        break;
    default:
        return ordered(operation, left, right, ret, meter);
    }
    if (operation == OP_NOT_EQUAL || operation == OP_NOT_CONTAINS || operation == OP_NOT_ANY_OF)
        *ret = opposite(*ret);
    return good;
}

/* Whether all, or any, of the SIDs are groups. All of none: yes; any of none: no. */
static bool members(const struct condition_value *operand, const struct identity *identity,
                    bool device, bool any, bool for_allow, enum truth *ret,
                    struct step_meter *meter)
{
    struct sid_list groups = device ? identity_device_groups(identity) : (struct sid_list){0};
    struct value_cursor cursor = {operand, 0};
    struct condition_value element;
    enum value_step step;
    bool all_are = true, any_is = false, none = true;
    while ((step = condition_next(&cursor, &element, meter)) == STEP_ELEMENT) {
        if (element.kind != VALUE_SID || !step_meter_use(meter, MEMBER_STEPS))
            return false;
        const struct sid *sid = (const struct sid *)element.bytes.data;
        enum identity_match match =
            device ? identity_group_match(groups, sid) : identity_membership(identity, sid);
        bool is = identity_applies(match, for_allow);
        all_are &= is;
        any_is |= is;
        none = false;
    }
    *ret = device && !groups.count && !none ? TRUTH_UNKNOWN : truth_of(any ? any_is : all_are);
    return step == STEP_END;
}

bool condition_membership(uint8_t operation, const struct condition_value *operand,
                          const struct condition_context *context, bool for_allow, enum truth *ret)
{
    if (!operand->literal)
        return false;
    bool negated = operation >= OP_NOT_MEMBER_OF;
    uint8_t plain = negated ? operation - OP_NOT_MEMBER_OF + OP_MEMBER_OF : operation;
    bool device = plain == OP_DEVICE_MEMBER_OF || plain == OP_DEVICE_MEMBER_OF_ANY;
    bool any = plain == OP_MEMBER_OF_ANY || plain == OP_DEVICE_MEMBER_OF_ANY;
    if (!members(operand, context->identity, device, any, for_allow, ret, context->meter))
        return false;
    if (negated)
        *ret = opposite(*ret);
    return true;
}

/* As what a value counts between AND, OR and NOT. False: it must not stand there. */
static bool logical_value(const struct condition_value *value, enum truth *ret)
{
    *ret = TRUTH_UNKNOWN;
    if (value->literal)
        return false;
    if (value->kind == VALUE_TRUTH)
        *ret = (enum truth)value->truth;
    else if (value->kind == VALUE_INTEGER || value->kind == VALUE_BOOLEAN)
        *ret = truth_of(value->magnitude);
    else if (value->kind == VALUE_STRING)
        *ret = truth_of(value->bytes.length);
    return true;
}

bool condition_logic(uint8_t operation, const struct condition_value *left,
                     const struct condition_value *right, enum truth *ret)
{
    enum truth a, b = TRUTH_UNKNOWN;
    if (!logical_value(left, &a))
        return false;
    if (operation == OP_NOT) {
        *ret = opposite(a);
        return true;
    }
    if (!logical_value(right, &b))
        return false;
    /* What decides alone: FALSE in an AND, TRUE in an OR. */
    enum truth deciding = operation == OP_AND ? TRUTH_FALSE : TRUTH_TRUE;
    if (a == deciding || b == deciding)
        *ret = deciding;
    else if (a == TRUTH_UNKNOWN || b == TRUTH_UNKNOWN)
        *ret = TRUTH_UNKNOWN;
    else
        *ret = opposite(deciding);
    return true;
}

bool condition_existence(uint8_t operation, const struct condition_value *operand, enum truth *ret)
{
    if (!operand->attribute)
        return false;
    *ret = truth_of((operand->kind != VALUE_ABSENT) == (operation == OP_EXISTS));
    return true;
}
