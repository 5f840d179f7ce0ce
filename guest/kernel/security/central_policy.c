#include "kernel/security/central_policy.h"

#include "kernel/lib/string.h"
#include "kernel/security/condition.h"
#include "kernel/security/sid.h"

/* Everything to Administrators, SYSTEM and the owner: the object's own DACL decides. */
static const uint8_t recovery_dacl[] = {
    ACL_REVISION,
    0,
    72,
    0,
    3,
    0,
    0,
    0,
    /* Administrators */
    ACE_ALLOWED,
    0,
    24,
    0,
    0,
    0,
    0,
    0x10,
    1,
    2,
    0,
    0,
    0,
    0,
    0,
    5,
    32,
    0,
    0,
    0,
    0x20,
    2,
    0,
    0,
    /* SYSTEM */
    ACE_ALLOWED,
    0,
    20,
    0,
    0,
    0,
    0,
    0x10,
    1,
    1,
    0,
    0,
    0,
    0,
    0,
    5,
    18,
    0,
    0,
    0,
    /* owner rights */
    ACE_ALLOWED,
    0,
    20,
    0,
    0,
    0,
    0,
    0x10,
    1,
    1,
    0,
    0,
    0,
    0,
    0,
    3,
    4,
    0,
    0,
    0,
};
static const struct central_rule recovery_rule = {.dacl = {recovery_dacl, sizeof(recovery_dacl)}};
static const struct central_policy recovery_policy = {.rules = &recovery_rule, .rule_count = 1};

static const struct central_policy *find_policy(const struct access_request *request,
                                                const struct sid *id)
{
    for (uint32_t i = 0; i < request->policy_count; i++)
        if (sid_equal(request->policies[i].id, id))
            return &request->policies[i];
    return &recovery_policy;
}

/* Only what is certainly meant is bound by a rule: unknown is no. */
static bool rule_applies(const struct central_rule *rule, const struct condition_context *context)
{
    return !rule->applies_to.length ||
           condition_evaluate(rule->applies_to, context, false) == TRUTH_TRUE;
}

void central_rules_find(const struct access_request *request, const struct descriptor *descriptor,
                        struct step_meter *meter, struct central_rules *ret)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    ret->policy_count = 0;
    while (descriptor->sacl.bytes && ret->policy_count < ACCESS_POLICIES_MAX &&
           acl_next(&descriptor->sacl, &cursor, &ace))
        if (ace.type == ACE_SCOPED_POLICY && !(ace.flags & ACE_FLAG_INHERIT_ONLY))
            ret->policies[ret->policy_count++] = find_policy(request, ace.sid);
    if (!ret->policy_count)
        return;
    const struct identity identity =
        identity_of(request->subject, IDENTITY_NORMAL, descriptor->owner, request->self);
    const struct condition_context context = {
        .identity = &identity,
        .attributes = &descriptor->sacl,
        .local = request->local_claims,
        .meter = meter,
    };
    for (uint32_t i = 0; i < ret->policy_count; i++) {
        const struct central_policy *policy = ret->policies[i];
        memset(ret->applied[i], 0, sizeof(ret->applied[i]));
        for (uint32_t j = 0; j < policy->rule_count && j < CENTRAL_RULES_MAX; j++)
            if (rule_applies(&policy->rules[j], &context))
                ret->applied[i][j / 32] |= 1u << (j % 32);
    }
}

/*
 * What `dacl` would grant in the place of the descriptor's own, in evaluation->tree. False: it is
 * malformed. Intents are the caller's affair, not the policy's.
 */
static bool try_dacl(const struct access_evaluation *own, struct access_node *nodes,
                     struct byte_span dacl)
{
    struct descriptor descriptor = *own->descriptor;
    if (acl_open_exact(dacl, &descriptor.dacl))
        return false;
    struct object_tree tree = *own->tree;
    tree.nodes = nodes;
    struct access_evaluation evaluation = *own;
    evaluation.descriptor = &descriptor;
    evaluation.tree = &tree;
    evaluation.intent = 0;
    struct access_rights rights;
    return !access_evaluate(&evaluation, &rights);
}

static void apply_rule(const struct central_rule *rule, const struct access_evaluation *own,
                       uint32_t privileged, struct access_node *nodes, uint32_t *staged)
{
    const struct object_tree *tree = own->tree;
    bool good = try_dacl(own, nodes, rule->dacl);
    bool alike = !rule->staged_dacl.length;
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t left = good ? nodes[i].granted : privileged;
        tree->nodes[i].granted &= left;
        staged[i] &= alike ? left : ~0u;
    }
    if (alike)
        return;
    good = try_dacl(own, nodes, rule->staged_dacl);
    for (uint32_t i = 0; i < tree->count; i++)
        staged[i] &= good ? nodes[i].granted : privileged;
}

void central_rules_apply(const struct central_rules *rules, const struct access_evaluation *own,
                         uint32_t privileged, struct access_node *rule_nodes, uint32_t *staged)
{
    for (uint32_t i = 0; i < rules->policy_count; i++)
        for (uint32_t j = 0; j < rules->policies[i]->rule_count && j < CENTRAL_RULES_MAX; j++)
            if (central_rule_applied(rules, i, j) && !own->meter->spent)
                apply_rule(&rules->policies[i]->rules[j], own, privileged, rule_nodes, staged);
}

static bool list_good(struct byte_span list)
{
    struct acl acl;
    return !list.length || !acl_open_exact(list, &acl);
}

bool central_policy_check(const struct central_policy *policy)
{
    if (policy->rule_count > CENTRAL_RULES_MAX)
        return false;
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct central_rule *rule = &policy->rules[i];
        if ((rule->applies_to.length && !condition_check(rule->applies_to)) || !rule->dacl.length ||
            !list_good(rule->dacl) || !list_good(rule->sacl) || !list_good(rule->staged_dacl) ||
            !list_good(rule->staged_sacl))
            return false;
    }
    return true;
}
