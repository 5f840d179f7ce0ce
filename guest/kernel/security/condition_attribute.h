/* kernel/security/condition_attribute.h - where a condition's attributes come from. */
#ifndef KERNEL_SECURITY_CONDITION_ATTRIBUTE_H
#define KERNEL_SECURITY_CONDITION_ATTRIBUTE_H

#include "kernel/security/condition.h"

/*
 * The attribute `name` (UTF-16) of the namespace that `token` (OP_LOCAL ...) stands for: the first
 * of this name, whatever its case; absent if there is none, if it is disabled, or if it is for
 * denying only and this is for_allow. False: malformed, or steps used up.
 */
bool condition_find_attribute(const struct condition_context *context, uint8_t token,
                              struct byte_span name, bool for_allow, struct condition_value *ret);

#endif
