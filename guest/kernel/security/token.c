#include "kernel/security/token.h"

#include "kernel/lib/errno.h"
#include "kernel/security/acl.h"
#include "kernel/security/claim.h"

const struct generic_mapping token_mapping = {
    .read = TOKEN_QUERY | ACCESS_READ_CONTROL,
    .write =
        TOKEN_ADJUST_PRIVILEGES | TOKEN_ADJUST_GROUPS | TOKEN_ADJUST_DEFAULT | ACCESS_WRITE_DAC,
    .execute = TOKEN_IMPERSONATE,
    .all = TOKEN_ALL_ACCESS,
};

/* The SID that an index of owner or primary group stands for; NULL: there is none. */
static const struct sid *indexed_sid(const struct token *token, uint32_t index)
{
    if (!index)
        return token->subject.user;
    return index <= token->subject.groups.count ? token->groups[index - 1].sid : NULL;
}

const struct sid *token_owner(const struct token *token)
{
    return indexed_sid(token, token->owner_index);
}

const struct sid *token_primary_group(const struct token *token)
{
    return indexed_sid(token, token->primary_group_index);
}

static bool type_good(const struct access_subject *subject)
{
    if (subject->type == TOKEN_PRIMARY)
        return subject->level == LEVEL_ANONYMOUS;
    return subject->type == TOKEN_IMPERSONATION && (unsigned)subject->level <= LEVEL_DELEGATION;
}

static bool integrity_good(const struct access_subject *subject)
{
    return subject->integrity <= INTEGRITY_SYSTEM && subject->integrity % INTEGRITY_LOW == 0 &&
           !(subject->mandatory_policy &
             ~(TOKEN_POLICY_NO_WRITE_UP | TOKEN_POLICY_NEW_PROCESS_MIN));
}

static bool defaults_good(const struct token *token)
{
    struct acl acl;
    if (!token_owner(token) || !token_primary_group(token))
        return false;
    if (token->owner_index && !(token->groups[token->owner_index - 1].attributes & GROUP_OWNER))
        return false;
    return !token->default_dacl.length || !acl_open_exact(token->default_dacl, &acl);
}

int token_check(const struct token *token)
{
    const struct access_subject *subject = &token->subject;
    bool good = type_good(subject) && integrity_good(subject) && subject->user &&
                subject->groups.count <= TOKEN_GROUPS_MAX &&
                subject->groups.entries == token->groups &&
                token->projected_gid_count <= TOKEN_GIDS_MAX && defaults_good(token);
    good = good && !(subject->privileges & ~token->privileges_present) &&
           !(token->privileges_present & ~PRIVILEGES_ALL) &&
           (!subject->write_restricted || subject->user_deny_only) &&
           (!token->isolation_boundary || subject->confinement) && !(subject->audit_policy & ~0xfu);
    good = good && claim_array_check(subject->user_claims) &&
           claim_array_check(subject->device_claims);
    return good ? 0 : -EINVAL;
}

bool token_use_privilege(struct token *token, enum privilege privilege)
{
    uint64_t bit = PRIVILEGE_BIT(privilege);
    if (!(token->subject.privileges & token->privileges_present & bit))
        return false;
    token->privileges_used |= bit;
    return true;
}
