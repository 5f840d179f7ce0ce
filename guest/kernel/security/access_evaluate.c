#include "kernel/security/access_evaluate.h"

#include "kernel/security/dacl_walk.h"

static void walk(const struct access_evaluation *evaluation, enum identity_kind kind,
                 const struct object_tree *tree)
{
    const struct access_request *request = evaluation->request;
    const struct identity identity =
        identity_of(request->subject, kind, evaluation->descriptor->owner, request->self);
    const struct dacl_walk walk = {
        .request = request,
        .descriptor = evaluation->descriptor,
        .identity = &identity,
        .stop_at = evaluation->maximum ? 0 : evaluation->desired,
        .meter = evaluation->meter,
    };
    dacl_walk(&walk, tree);
}

/* Who may take any object may do so whatever its list says, but not against its labels. */
static void take_ownership(const struct access_evaluation *evaluation, struct access_rights *rights)
{
    const struct object_tree *tree = evaluation->tree;
    bool asked = evaluation->maximum || (evaluation->desired & ACCESS_WRITE_OWNER);
    if (!asked || !(evaluation->request->subject->privileges & PRIVILEGE_TAKE_OWNERSHIP) ||
        (rights->mandatory & ACCESS_WRITE_OWNER))
        return;
    bool needed = false;
    for (uint32_t i = 0; i < tree->count; i++)
        needed |= !(tree->nodes[i].granted & ACCESS_WRITE_OWNER);
    if (!needed)
        return;
    for (uint32_t i = 0; i < tree->count; i++) {
        tree->nodes[i].decided |= ACCESS_WRITE_OWNER;
        tree->nodes[i].granted |= ACCESS_WRITE_OWNER;
    }
    rights->privileged |= ACCESS_WRITE_OWNER;
    rights->given[BY_TAKE_OWNERSHIP] |= ACCESS_WRITE_OWNER;
}

/*
 * A pass of its own as somebody who is less than the token, and what both passes grant of `bound`
 * stays; `kept` stays in any case.
 */
static void intersect(const struct access_evaluation *evaluation, enum identity_kind kind,
                      uint32_t bound, uint32_t kept)
{
    const struct object_tree second = {
        .types = evaluation->tree->types,
        .nodes = evaluation->second_nodes,
        .count = evaluation->tree->count,
    };
    object_tree_reset(&second, 0, 0);
    walk(evaluation, kind, &second);
    for (uint32_t i = 0; i < second.count; i++) {
        struct access_node *node = &evaluation->tree->nodes[i];
        node->granted = (node->granted & (second.nodes[i].granted | ~bound)) | kept;
    }
}

int access_evaluate(const struct access_evaluation *evaluation, struct access_rights *rights)
{
    const struct access_request *request = evaluation->request;
    const struct access_subject *subject = request->subject;
    *rights = (struct access_rights){0};
    access_privileges_apply(request, evaluation->intent, rights);
    int error = access_labels_apply(request, evaluation->descriptor, rights);
    if (error)
        return error;
    object_tree_reset(evaluation->tree, rights->decided, rights->granted);
    walk(evaluation, IDENTITY_NORMAL, evaluation->tree);
    take_ownership(evaluation, rights);
    if (subject->restricting.count)
        intersect(evaluation, IDENTITY_RESTRICTED,
                  subject->write_restricted ? request->mapping.write : ~0u, rights->privileged);
    if (subject->confinement && !subject->confinement_exempt)
        intersect(evaluation, IDENTITY_CONFINED, ~0u, 0);
    return 0;
}
