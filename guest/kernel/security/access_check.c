#include "kernel/security/access_check.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/security/access_audit.h"
#include "kernel/security/access_evaluate.h"
#include "kernel/security/central_policy.h"
#include "kernel/security/claim.h"

/* Where the masks of the passes are kept. */
struct pass_nodes {
    struct access_node *own, *second, *rule;
    uint32_t *staged;
};

static bool mapping_good(const struct generic_mapping *mapping)
{
    uint32_t any = mapping->read | mapping->write | mapping->execute | mapping->all;
    return !(any & ~ACCESS_LIST_RIGHTS);
}

static int check_request(const struct access_request *request, struct descriptor *descriptor)
{
    const struct access_subject *subject = request->subject;
    if (subject->type == TOKEN_IMPERSONATION && subject->level == LEVEL_IDENTIFICATION)
        return -EACCES;
    if (descriptor_open(request->descriptor, descriptor) || !descriptor->owner)
        return -EINVAL;
    if (request->object_types &&
        !object_types_check(request->object_types, request->object_type_count))
        return -EINVAL;
    if ((request->desired & ~ACCESS_REQUESTABLE) || !mapping_good(&request->mapping) ||
        (request->per_node && !request->object_types) || !claim_array_check(request->local_claims))
        return -EINVAL;
    return 0;
}

/* The central rules narrow what the object's own list granted. */
static void apply_policies(const struct access_evaluation *own, const struct central_rules *rules,
                           uint32_t privileged, const struct pass_nodes *passes,
                           struct access_result *result)
{
    const struct object_tree *tree = own->tree;
    for (uint32_t i = 0; i < tree->count; i++)
        passes->staged[i] = tree->nodes[i].granted;
    central_rules_apply(rules, own, privileged, passes->rule, passes->staged);
    uint32_t seen = own->maximum ? ~0u : own->desired;
    for (uint32_t i = 0; i < tree->count; i++)
        result->staging_mismatch |= ((passes->staged[i] ^ tree->nodes[i].granted) & seen) != 0;
}

static void conclude(const struct access_evaluation *own, const struct access_rights *rights,
                     struct access_result *result)
{
    const struct object_tree *tree = own->tree;
    uint32_t seen = own->maximum ? ~0u : own->desired;
    result->desired = own->desired;
    result->granted = tree->nodes[0].granted & seen;
    result->privilege_granted = rights->privileged & result->granted;
    result->allowed = !(own->desired & ~result->granted);
    for (uint32_t i = 0; result->node_granted && tree->types && i < tree->count; i++)
        result->node_granted[i] = tree->nodes[i].granted & seen;
}

static void clear(const struct access_request *request, struct access_result *result)
{
    uint32_t *nodes = result->node_granted;
    memset(result, 0, sizeof(*result));
    result->node_granted = nodes;
    for (uint32_t i = 0; nodes && request->object_types && i < request->object_type_count; i++)
        nodes[i] = 0;
}

static int decide(const struct access_request *request, const struct descriptor *descriptor,
                  const struct pass_nodes *passes, struct access_result *result)
{
    struct step_meter meter = {.left = ACCESS_STEPS_MAX};
    struct object_tree tree = {
        .types = request->object_types,
        .nodes = passes->own,
        .count = request->object_types ? request->object_type_count : 1,
    };
    const struct access_evaluation own = {
        .request = request,
        .descriptor = descriptor,
        .desired = map_generic(request->desired, &request->mapping) & ~ACCESS_MAXIMUM_ALLOWED,
        .maximum = request->desired & ACCESS_MAXIMUM_ALLOWED,
        .intent = request->intent,
        .meter = &meter,
        .tree = &tree,
        .second_nodes = passes->second,
    };
    struct access_rights rights;
    int error = access_evaluate(&own, &rights);
    if (error)
        return error;
    struct central_rules rules;
    central_rules_find(request, descriptor, &meter, &rules);
    if (rules.policy_count)
        apply_policies(&own, &rules, rights.privileged, passes, result);
    conclude(&own, &rights, result);
    access_audit_privileges(&own, &rights, result);
    access_audit(&own, &rules, result);
    return meter.spent ? -E2BIG : 0;
}

int access_check(const struct access_request *request, struct access_scratch *scratch,
                 struct access_result *result)
{
    struct access_node single[3];
    uint32_t single_staged;
    struct pass_nodes passes = {&single[0], &single[1], &single[2], &single_staged};
    if (request->object_types)
        passes = (struct pass_nodes){scratch->own, scratch->second, scratch->rule, scratch->staged};
    struct descriptor descriptor;
    clear(request, result);
    int error = check_request(request, &descriptor);
    if (!error)
        error = decide(request, &descriptor, &passes, result);
    if (error)
        clear(request, result);
    return error;
}
