/*
 * kernel/security/condition.h - the expressions of conditional entries: postfix code behind the
 * four bytes "artx", with three truth values (MS-DTYP 2.4.4.17).
 *
 * Bounded: 64 values on the stack, CONDITION_STEPS_MAX steps, no recursion; what is malformed or
 * needs more is unknown, which takes nothing to an allowing entry and everything to a denying one.
 * Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_CONDITION_H
#define KERNEL_SECURITY_CONDITION_H

#include "kernel/security/acl.h"
#include "kernel/security/condition_value.h"
#include "kernel/security/identity.h"

#define CONDITION_DEPTH_MAX 64u

/* What a condition can ask about. */
struct condition_context {
    const struct identity *identity;
    const struct acl *attributes; /* the SACL whose resource attributes hold; bytes may be NULL */
    struct byte_span local;       /* a claim array */
    struct step_meter *meter;
};

/*
 * The truth of `code`. for_allow: of an entry that gives something; groups and claims that are for
 * denying only do not count then.
 */
enum truth condition_evaluate(struct byte_span code, const struct condition_context *context,
                              bool for_allow);

/*
 * Whether `code` is well-formed: known tokens, each complete, no operator without its operands, and
 * one value left. What such a condition says may still be unknown.
 */
bool condition_check(struct byte_span code);

#endif
