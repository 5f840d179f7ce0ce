/*
 * kernel/security/central_policy.h - rules that hold beside an object's own DACL because its SACL
 * names their policy. They take rights away and never give any; what is staged in them is tried
 * beside and only told of. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_CENTRAL_POLICY_H
#define KERNEL_SECURITY_CENTRAL_POLICY_H

#include "kernel/security/access_evaluate.h"

/* Which rules of the policies that a SACL names, in its order, applied to this request. */
struct central_rules {
    uint32_t policy_count;
    const struct central_policy *policies[ACCESS_POLICIES_MAX];
    uint32_t applied[ACCESS_POLICIES_MAX][CENTRAL_RULES_MAX / 32];
};

/* Finds the policies of the descriptor's SACL; unknown ones are the recovery policy. */
void central_rules_find(const struct access_request *request, const struct descriptor *descriptor,
                        struct step_meter *meter, struct central_rules *ret);

static inline bool central_rule_applied(const struct central_rules *rules, uint32_t policy,
                                        uint32_t rule)
{
    return rules->applied[policy][rule / 32] >> (rule % 32) & 1;
}

/*
 * Takes from `tree` what a rule that applies does not grant, and from `staged`, a mask per node,
 * what its staged DACL would not grant. `own` evaluated the object's own descriptor and found
 * `privileged`; `rule_nodes` has room for as many nodes as it.
 */
void central_rules_apply(const struct central_rules *rules, const struct access_evaluation *own,
                         uint32_t privileged, struct access_node *rule_nodes, uint32_t *staged);

/* Whether a policy can be kept: its lists and conditions are well-formed, each rule has a DACL. */
bool central_policy_check(const struct central_policy *policy);

#endif
