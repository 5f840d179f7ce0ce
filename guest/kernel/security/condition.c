#include "kernel/security/condition.h"

#include "kernel/security/condition_attribute.h"
#include "kernel/security/condition_code.h"
#include "kernel/security/condition_operator.h"

/* Bytes of a literal that are read in one step. */
#define CODE_PER_STEP 64u

struct evaluation {
    struct byte_span code;
    uint32_t offset;
    const struct condition_context *context;
    bool for_allow;
    unsigned depth;
    struct condition_value stack[CONDITION_DEPTH_MAX];
};

/* Puts the value that begins with `token` on top. */
static bool push(struct evaluation *evaluation, uint8_t token)
{
    if (evaluation->depth == CONDITION_DEPTH_MAX)
        return false;
    struct condition_value *top = &evaluation->stack[evaluation->depth++];
    if (!condition_names_attribute(token))
        return condition_literal(evaluation->code, &evaluation->offset, token, top) &&
               step_meter_use(evaluation->context->meter, top->bytes.length / CODE_PER_STEP);
    struct condition_value name;
    if (!condition_literal(evaluation->code, &evaluation->offset, TOKEN_STRING, &name))
        return false;
    return condition_find_attribute(evaluation->context, token, name.bytes, evaluation->for_allow,
                                    top);
}

static bool apply(struct evaluation *evaluation, uint8_t token, unsigned operands)
{
    if (evaluation->depth < operands)
        return false;
    evaluation->depth -= operands;
    struct condition_value *left = &evaluation->stack[evaluation->depth];
    const struct condition_value *right = left + (operands == 2);
    enum truth truth;
    bool good;
    if (token >= OP_AND)
        good = condition_logic(token, left, right, &truth);
    else if (operands == 2)
        good = condition_relate(token, left, right, &truth, evaluation->context->meter);
    else if (token == OP_EXISTS || token == OP_NOT_EXISTS)
        good = condition_existence(token, left, &truth);
    else
        good =
            condition_membership(token, left, evaluation->context, evaluation->for_allow, &truth);
    if (!good)
        return false;
    *left = (struct condition_value){.kind = VALUE_TRUTH, .truth = (uint8_t)truth};
    evaluation->depth++;
    return true;
}

static enum truth run(struct evaluation *evaluation)
{
    while (evaluation->offset < evaluation->code.length) {
        if (!step_meter_use(evaluation->context->meter, 1))
            return TRUTH_UNKNOWN;
        uint8_t token = evaluation->code.data[evaluation->offset++];
        unsigned operands = condition_operands(token);
        if (token == OP_PADDING)
            continue;
        if (operands ? !apply(evaluation, token, operands) : !push(evaluation, token))
            return TRUTH_UNKNOWN;
    }
    const struct condition_value *last = &evaluation->stack[0];
    bool one = evaluation->depth == 1 && last->kind == VALUE_TRUTH;
    return one ? (enum truth)last->truth : TRUTH_UNKNOWN;
}

enum truth condition_evaluate(struct byte_span code, const struct condition_context *context,
                              bool for_allow)
{
    if (!condition_has_magic(code))
        return TRUTH_UNKNOWN;
    /* A meter of its own, which takes from that of the whole decision. */
    struct step_meter *whole = context->meter;
    uint32_t most = min(whole->left, CONDITION_STEPS_MAX);
    struct step_meter own = {.left = most};
    struct condition_context inner = *context;
    inner.meter = &own;
    struct evaluation evaluation = {
        .code = code,
        .offset = CONDITION_MAGIC_BYTES,
        .context = &inner,
        .for_allow = for_allow,
    };
    enum truth truth = run(&evaluation);
    whole->left -= most - own.left;
    whole->spent |= own.spent && most < CONDITION_STEPS_MAX;
    return truth;
}
