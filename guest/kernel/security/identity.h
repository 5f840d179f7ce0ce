/*
 * kernel/security/identity.h - as whom one pass over a list sees the caller.
 *
 * The normal pass sees the token's user and groups, the restricted one its restricting SIDs, the
 * confined one its confinement SID and capabilities. Each may also be OWNER RIGHTS (S-1-3-4) and
 * PRINCIPAL SELF (S-1-5-10) of this object. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_IDENTITY_H
#define KERNEL_SECURITY_IDENTITY_H

#include "kernel/security/access_types.h"
#include "kernel/security/step_meter.h"

enum identity_kind {
    IDENTITY_NORMAL,
    IDENTITY_RESTRICTED,
    IDENTITY_CONFINED,
};

/* Whether a SID stands for the caller. */
enum identity_match {
    MATCH_NONE,
    MATCH_DENY_ONLY, /* only where that takes something away */
    MATCH_FULL,
};

struct identity {
    const struct access_subject *subject;
    enum identity_kind kind;
    enum identity_match owner; /* as S-1-3-4 */
    enum identity_match self;  /* as S-1-5-10 */
};

/* `self` may be NULL. */
struct identity identity_of(const struct access_subject *subject, enum identity_kind kind,
                            const struct sid *owner, const struct sid *self);

/* How an entry of a list with this SID applies. Used up steps: no match at all, meter->spent. */
enum identity_match identity_match(const struct identity *identity, const struct sid *sid,
                                   struct step_meter *meter);

/* The same for the membership operators of conditions: these see the confined one's real groups. */
enum identity_match identity_membership(const struct identity *identity, const struct sid *sid);

/* The device's groups in this pass; none: the token knows of no device. */
struct sid_list identity_device_groups(const struct identity *identity);
enum identity_match identity_group_match(struct sid_list groups, const struct sid *sid);

static inline bool identity_applies(enum identity_match match, bool for_allow)
{
    return for_allow ? match == MATCH_FULL : match != MATCH_NONE;
}

#endif
