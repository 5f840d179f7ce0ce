#include "kernel/security/dacl_walk.h"

#include "kernel/security/condition.h"
#include "kernel/security/sid.h"
#include "kernel/security/well_known.h"

#define NODES_PER_STEP 16u

static bool decides_access(const struct ace *ace)
{
    enum ace_effect effect = ace_effect(ace->type);
    return !(ace->flags & ACE_FLAG_INHERIT_ONLY) &&
           (effect == ACE_EFFECT_ALLOW || effect == ACE_EFFECT_DENY);
}

/* Whether the list itself says what the owner may do; any entry does, whatever its condition. */
static bool names_owner_rights(const struct dacl_walk *walk)
{
    const struct acl *dacl = &walk->descriptor->dacl;
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (dacl->bytes && acl_next(dacl, &cursor, &ace))
        if (!step_meter_use(walk->meter, 1) ||
            (decides_access(&ace) && sid_equal(ace.sid, sid_well_known(SID_OWNER_RIGHTS))))
            return true;
    return false;
}

/* Whether the entry speaks of the caller, now. */
static bool applies(const struct dacl_walk *walk, const struct ace *ace, bool allow)
{
    if (!identity_applies(identity_match(walk->identity, ace->sid, walk->meter), allow))
        return false;
    if (!ace_is_conditional(ace->type))
        return true;
    const struct condition_context context = {
        .identity = walk->identity,
        .attributes = &walk->descriptor->sacl,
        .local = walk->request->local_claims,
        .meter = walk->meter,
    };
    enum truth truth = condition_evaluate(ace->data, &context, allow);
    return allow ? truth == TRUTH_TRUE : truth != TRUTH_FALSE;
}

static void decide(const struct ace *ace, bool allow, uint32_t mask, const struct object_tree *tree)
{
    if (!ace->object_type || !tree->types) {
        if (allow)
            object_tree_allow_all(tree, mask);
        else
            object_tree_deny_all(tree, mask);
        return;
    }
    int index = object_tree_find(tree, ace->object_type);
    if (index < 0)
        return;
    if (allow)
        object_tree_allow(tree, (uint32_t)index, mask);
    else
        object_tree_deny(tree, (uint32_t)index, mask);
}

/* Nodes are looked at once per level at most. */
static uint32_t tree_steps(const struct object_tree *tree, const struct ace *ace)
{
    uint32_t once = tree->count / NODES_PER_STEP;
    return ace->object_type && tree->types ? once * 4 : once;
}

void dacl_walk(const struct dacl_walk *walk, const struct object_tree *tree)
{
    const struct acl *dacl = &walk->descriptor->dacl;
    const struct generic_mapping *mapping = &walk->request->mapping;
    const struct identity *identity = walk->identity;
    if (identity->kind != IDENTITY_CONFINED && identity->owner == MATCH_FULL &&
        !names_owner_rights(walk))
        object_tree_allow_all(tree, ACCESS_READ_CONTROL | ACCESS_WRITE_DAC);
    if (!dacl->bytes) {
        object_tree_allow_all(tree, mapping->all);
        return;
    }
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (!walk->meter->spent && acl_next(dacl, &cursor, &ace)) {
        if (walk->stop_at && object_tree_decided(tree, walk->stop_at))
            return;
        bool allow = ace_effect(ace.type) == ACE_EFFECT_ALLOW;
        if (!step_meter_use(walk->meter, 1 + tree_steps(tree, &ace)))
            return;
        if (decides_access(&ace) && applies(walk, &ace, allow))
            decide(&ace, allow, map_generic(ace.mask, mapping) & ACCESS_LIST_RIGHTS, tree);
    }
}
