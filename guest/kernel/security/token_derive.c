#include "kernel/security/token_derive.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/security/sid.h"

static void be_born(struct token *token, const struct token_birth *birth)
{
    token->id = birth->id;
    memcpy(token->guid, birth->guid, GUID_BYTES);
    token->modified = 0;
    token->elevation = ELEVATION_DEFAULT;
}

int token_become_duplicate(struct token *copy, enum token_type type, enum impersonation_level level,
                           const struct token_birth *birth)
{
    struct access_subject *subject = &copy->subject;
    if ((type != TOKEN_PRIMARY && type != TOKEN_IMPERSONATION) ||
        (unsigned)level > LEVEL_DELEGATION || (type == TOKEN_PRIMARY && level != LEVEL_ANONYMOUS))
        return -EINVAL;
    if (subject->type == TOKEN_IMPERSONATION) {
        bool acts = subject->level >= LEVEL_IMPERSONATION;
        if (type == TOKEN_PRIMARY ? !acts : level > subject->level)
            return -EPERM;
    }
    subject->type = type;
    subject->level = level;
    be_born(copy, birth);
    return 0;
}

static int deny_groups(struct token *copy, const struct token_filter *filter)
{
    uint64_t seen[TOKEN_GROUPS_MAX / 64] = {0};
    for (uint32_t i = 0; i < filter->deny_only_count; i++) {
        uint32_t index = filter->deny_only[i];
        if (index >= copy->subject.groups.count || index >= TOKEN_GROUPS_MAX ||
            (seen[index / 64] >> (index % 64) & 1))
            return -EINVAL;
        seen[index / 64] |= 1ull << (index % 64);
        copy->groups[index].attributes |= GROUP_USE_FOR_DENY_ONLY;
    }
    return 0;
}

static bool list_has(struct sid_list list, const struct sid *sid)
{
    for (uint32_t i = 0; i < list.count; i++)
        if (sid_equal(list.entries[i].sid, sid))
            return true;
    return false;
}

/* The filter's SIDs; of a source that is restricted already, those that it has as well. */
static int restrict_sids(struct access_subject *subject, struct sid_list added,
                         struct sid_attributes *room)
{
    if (!added.count)
        return 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < added.count; i++)
        if (!subject->restricting.count || list_has(subject->restricting, added.entries[i].sid))
            room[count++] = added.entries[i];
    subject->restricting = (struct sid_list){room, count};
    return count ? 0 : -EINVAL;
}

int token_become_filtered(struct token *copy, const struct token_filter *filter,
                          struct sid_attributes *room, const struct token_birth *birth)
{
    struct access_subject *subject = &copy->subject;
    bool wholly_restricted = subject->restricting.count && !subject->write_restricted;
    if (deny_groups(copy, filter) || restrict_sids(subject, filter->restricting, room))
        return -EINVAL;
    copy->privileges_present &= ~filter->remove_privileges;
    copy->privileges_default &= ~filter->remove_privileges;
    subject->privileges &= ~filter->remove_privileges;
    copy->privileges_used = 0;
    subject->user_deny_only |= filter->write_restricted;
    subject->write_restricted |= filter->write_restricted && !wholly_restricted;
    be_born(copy, birth);
    return 0;
}

int token_impersonation_level(const struct token *server, const struct token *client,
                              enum impersonation_level asked, enum impersonation_level *ret)
{
    *ret = asked;
    if (asked <= LEVEL_IDENTIFICATION)
        return 0;
    bool same_user = sid_equal(server->subject.user, client->subject.user);
    bool same = same_user && token_is_restricted(server) == token_is_restricted(client);
    bool privileged =
        server->subject.privileges & server->privileges_present & PRIVILEGE_BIT(SE_IMPERSONATE);
    if (!same && !privileged) {
        if (same_user && token_is_restricted(server))
            return -EPERM;
        *ret = LEVEL_IDENTIFICATION;
    }
    if (client->subject.integrity > server->subject.integrity)
        *ret = LEVEL_IDENTIFICATION;
    return 0;
}
