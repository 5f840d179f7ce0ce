#include "kernel/security/token_adjust.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/security/sid.h"

/* What a request comes to, before any of it is done. */
struct privilege_change {
    uint64_t enable, disable, remove;
};

static int plan_privileges(const struct token *token, const struct privilege_adjustment *entries,
                           uint32_t count, struct privilege_change *change)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].privilege > 63)
            return -EINVAL;
        uint64_t bit = PRIVILEGE_BIT(entries[i].privilege);
        if (seen & bit)
            return -EINVAL;
        seen |= bit;
        switch (entries[i].attributes) {
        case 0:
            change->disable |= bit;
            break;
        case PRIVILEGE_ENABLE:
            if (!(token->privileges_present & bit))
                return -EINVAL;
            change->enable |= bit;
            break;
        case PRIVILEGE_REMOVE:
            change->remove |= bit;
            break;
        default:
            return -EINVAL;
        }
    }
    return 0;
}

int token_adjust_privileges(struct token *token, const struct privilege_adjustment *entries,
                            uint32_t count, uint64_t *previous)
{
    struct privilege_change change = {0};
    if (!count || count > ADJUST_PRIVILEGES_MAX)
        return -EINVAL;
    *previous = token->subject.privileges;
    if (count == 1 && !entries[0].privilege && entries[0].attributes == PRIVILEGE_RESET) {
        token->subject.privileges = token->privileges_default & token->privileges_present;
        token->modified++;
        return 0;
    }
    int error = plan_privileges(token, entries, count, &change);
    if (error)
        return error;
    token->privileges_present &= ~change.remove;
    token->privileges_default &= ~change.remove;
    token->subject.privileges &= ~(change.remove | change.disable);
    token->subject.privileges |= change.enable;
    token->modified++;
    return 0;
}

/* Whether the group stays enabled whatever its holder wants. */
static bool stays_enabled(const struct token *token, const struct sid_attributes *group)
{
    return (group->attributes & GROUP_MANDATORY) ||
           (group->attributes & GROUP_LOGON_ID) == GROUP_LOGON_ID ||
           sid_equal(group->sid, token->subject.user);
}

static int check_groups(const struct token *token, const struct group_adjustment *entries,
                        uint32_t count)
{
    uint64_t seen[TOKEN_GROUP_STATE_WORDS] = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = entries[i].index;
        if (index >= token->subject.groups.count || index >= TOKEN_GROUPS_MAX ||
            entries[i].enable > 1 || (seen[index / 64] >> (index % 64) & 1))
            return -EINVAL;
        seen[index / 64] |= 1ull << (index % 64);
        const struct sid_attributes *group = &token->groups[index];
        if (entries[i].enable ? group->attributes & GROUP_USE_FOR_DENY_ONLY
                              : stays_enabled(token, group))
            return -EINVAL;
    }
    return 0;
}

static void set_enabled(struct sid_attributes *group, bool enabled)
{
    group->attributes &= ~GROUP_ENABLED;
    group->attributes |= enabled ? GROUP_ENABLED : 0;
}

/* Deny-only groups stay what they are, and what must be enabled stays enabled. */
static void reset_groups(struct token *token)
{
    for (uint32_t i = 0; i < token->subject.groups.count; i++) {
        struct sid_attributes *group = &token->groups[i];
        bool enabled = group->attributes & GROUP_ENABLED_BY_DEFAULT;
        if (!(group->attributes & GROUP_USE_FOR_DENY_ONLY) &&
            (enabled || !stays_enabled(token, group)))
            set_enabled(group, enabled);
    }
}

int token_adjust_groups(struct token *token, const struct group_adjustment *entries, uint32_t count,
                        uint64_t previous[TOKEN_GROUP_STATE_WORDS])
{
    if (!count || count > TOKEN_GROUPS_MAX)
        return -EINVAL;
    bool reset = count == 1 && entries[0].index == ADJUST_GROUPS_RESET && !entries[0].enable;
    if (!reset && check_groups(token, entries, count))
        return -EINVAL;
    memset(previous, 0, TOKEN_GROUP_STATE_WORDS * sizeof(*previous));
    for (uint32_t i = 0; i < token->subject.groups.count && i < TOKEN_GROUPS_MAX; i++)
        if (token->groups[i].attributes & GROUP_ENABLED)
            previous[i / 64] |= 1ull << (i % 64);
    if (reset)
        reset_groups(token);
    for (uint32_t i = 0; i < count && !reset; i++)
        set_enabled(&token->groups[entries[i].index], entries[i].enable);
    token->modified++;
    return 0;
}

int token_adjust_default(struct token *token, uint32_t owner_index, uint32_t primary_group_index)
{
    uint32_t count = token->subject.groups.count;
    if (owner_index != ADJUST_INDEX_UNCHANGED && owner_index &&
        (owner_index > count || !(token->groups[owner_index - 1].attributes & GROUP_OWNER)))
        return -EINVAL;
    if (primary_group_index != ADJUST_INDEX_UNCHANGED && primary_group_index > count)
        return -EINVAL;
    if (owner_index != ADJUST_INDEX_UNCHANGED)
        token->owner_index = owner_index;
    if (primary_group_index != ADJUST_INDEX_UNCHANGED)
        token->primary_group_index = primary_group_index;
    token->modified++;
    return 0;
}
