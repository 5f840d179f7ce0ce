#include "kernel/security/condition_attribute.h"

#include "kernel/security/condition_code.h"

enum search {
    SEARCH_FOUND,
    SEARCH_NONE,
    SEARCH_BROKEN,
};

/* Bytes of a name that are read in one step. */
#define NAME_PER_STEP 64u

/* Whether this entry has the name; one that is looked at costs by the length of its own. */
static enum search look(struct byte_span entry, struct byte_span name, struct claim *ret,
                        struct step_meter *meter)
{
    struct byte_span found;
    if (!claim_open(entry, ret) || !claim_name(ret, &found) ||
        !step_meter_use(meter, 1 + found.length / NAME_PER_STEP))
        return SEARCH_BROKEN;
    return claim_names_equal(found, name) ? SEARCH_FOUND : SEARCH_NONE;
}

static enum search find_in_array(struct byte_span array, struct byte_span name, struct claim *ret,
                                 struct step_meter *meter)
{
    uint32_t offset = 0;
    struct byte_span entry;
    enum search search = SEARCH_NONE;
    while (search == SEARCH_NONE && claim_array_next(array, &offset, &entry))
        search = look(entry, name, ret, meter);
    return search;
}

static enum search find_in_list(const struct acl *acl, struct byte_span name, struct claim *ret,
                                struct step_meter *meter)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    enum search search = SEARCH_NONE;
    while (search == SEARCH_NONE && acl->bytes && acl_next(acl, &cursor, &ace)) {
        if (ace.type == ACE_RESOURCE_ATTRIBUTE && !(ace.flags & ACE_FLAG_INHERIT_ONLY))
            search = look(ace.data, name, ret, meter);
        else if (!step_meter_use(meter, 1))
            search = SEARCH_BROKEN;
    }
    return search;
}

bool condition_find_attribute(const struct condition_context *context, uint8_t token,
                              struct byte_span name, bool for_allow, struct condition_value *ret)
{
    const struct access_subject *subject = context->identity->subject;
    struct claim claim;
    enum search search;
    switch (token) {
    case OP_LOCAL:
        search = find_in_array(context->local, name, &claim, context->meter);
        break;
    case OP_USER:
        search = find_in_array(subject->user_claims, name, &claim, context->meter);
        break;
    case OP_DEVICE:
        search = find_in_array(subject->device_claims, name, &claim, context->meter);
        break;
    default:
        search = find_in_list(context->attributes, name, &claim, context->meter);
        break;
    }
    if (search == SEARCH_BROKEN)
        return false;
    if (search == SEARCH_NONE || (claim.flags & CLAIM_FLAG_DISABLED) ||
        ((claim.flags & CLAIM_FLAG_DENY_ONLY) && for_allow)) {
        *ret = (struct condition_value){.kind = VALUE_ABSENT, .attribute = true};
        return true;
    }
    return condition_attribute(&claim, ret, context->meter);
}
