#include "kernel/security/identity.h"

#include "kernel/security/sid.h"
#include "kernel/security/well_known.h"

/* SIDs that are compared in one step of a meter. */
#define SIDS_PER_STEP 16u

enum identity_match identity_group_match(struct sid_list groups, const struct sid *sid)
{
    enum identity_match best = MATCH_NONE;
    for (uint32_t i = 0; i < groups.count; i++) {
        uint32_t attributes = groups.entries[i].attributes;
        if (!(attributes & (GROUP_ENABLED | GROUP_USE_FOR_DENY_ONLY)) ||
            !sid_equal(groups.entries[i].sid, sid))
            continue;
        if (!(attributes & GROUP_USE_FOR_DENY_ONLY))
            return MATCH_FULL;
        best = MATCH_DENY_ONLY;
    }
    return best;
}

/* The user is looked at before the groups: for the user alone deny-only is final. */
static enum identity_match user_or_group(const struct access_subject *subject,
                                         const struct sid *sid)
{
    if (sid_equal(subject->user, sid))
        return subject->user_deny_only ? MATCH_DENY_ONLY : MATCH_FULL;
    return identity_group_match(subject->groups, sid);
}

/* Being in the list is enough; attributes play no part. */
static bool listed(struct sid_list list, const struct sid *sid)
{
    for (uint32_t i = 0; i < list.count; i++)
        if (sid_equal(list.entries[i].sid, sid))
            return true;
    return false;
}

static enum identity_match real_match(const struct access_subject *subject, enum identity_kind kind,
                                      const struct sid *sid)
{
    bool is = false;
    switch (kind) {
    case IDENTITY_NORMAL:
        return user_or_group(subject, sid);
    case IDENTITY_RESTRICTED:
        is = listed(subject->restricting, sid);
        break;
    case IDENTITY_CONFINED:
        is = (subject->confinement && sid_equal(subject->confinement, sid)) ||
             listed(subject->capabilities, sid);
        break;
    }
    return is ? MATCH_FULL : MATCH_NONE;
}

struct identity identity_of(const struct access_subject *subject, enum identity_kind kind,
                            const struct sid *owner, const struct sid *self)
{
    return (struct identity){
        .subject = subject,
        .kind = kind,
        .owner = real_match(subject, kind, owner),
        .self = self ? real_match(subject, kind, self) : MATCH_NONE,
    };
}

static enum identity_match virtual_match(const struct identity *identity, const struct sid *sid)
{
    if (sid_equal(sid, sid_well_known(SID_OWNER_RIGHTS)))
        return identity->owner;
    if (sid_equal(sid, sid_well_known(SID_PRINCIPAL_SELF)))
        return identity->self;
    return MATCH_NONE;
}

static enum identity_match better(enum identity_match a, enum identity_match b)
{
    return max(a, b);
}

enum identity_match identity_match(const struct identity *identity, const struct sid *sid,
                                   struct step_meter *meter)
{
    const struct access_subject *subject = identity->subject;
    uint32_t count = identity->kind == IDENTITY_NORMAL       ? subject->groups.count
                     : identity->kind == IDENTITY_RESTRICTED ? subject->restricting.count
                                                             : subject->capabilities.count;
    if (!step_meter_use(meter, 1 + count / SIDS_PER_STEP))
        return MATCH_NONE;
    return better(virtual_match(identity, sid), real_match(subject, identity->kind, sid));
}

enum identity_match identity_membership(const struct identity *identity, const struct sid *sid)
{
    enum identity_kind kind =
        identity->kind == IDENTITY_RESTRICTED ? IDENTITY_RESTRICTED : IDENTITY_NORMAL;
    return better(virtual_match(identity, sid), real_match(identity->subject, kind, sid));
}

struct sid_list identity_device_groups(const struct identity *identity)
{
    const struct access_subject *subject = identity->subject;
    if (identity->kind == IDENTITY_RESTRICTED && subject->restricted_device_groups.count)
        return subject->restricted_device_groups;
    return subject->device_groups;
}
