/* kernel/security/condition_operator.h - what the operators of conditions do with their operands. */
#ifndef KERNEL_SECURITY_CONDITION_OPERATOR_H
#define KERNEL_SECURITY_CONDITION_OPERATOR_H

#include "kernel/security/condition.h"

/* Each sets *ret, or is false: then all of the condition is unknown. */
bool condition_relate(uint8_t operation, const struct condition_value *left,
                      const struct condition_value *right, enum truth *ret,
                      struct step_meter *meter);
bool condition_membership(uint8_t operation, const struct condition_value *operand,
                          const struct condition_context *context, bool for_allow, enum truth *ret);
/* AND, OR; with NOT, `right` is not looked at. */
bool condition_logic(uint8_t operation, const struct condition_value *left,
                     const struct condition_value *right, enum truth *ret);
bool condition_existence(uint8_t operation, const struct condition_value *operand, enum truth *ret);

#endif
