/*
 * kernel/token/token_change.c - the ioctls that adjust a living token: each makes a changed copy of what
 * the token says and puts it in the place of the old, again if somebody else was quicker. So all of
 * a request is done at once or nothing, and nobody sees half of it.
 */
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/security/token_adjust.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_memory.h"
#include "shared/token.h"

struct change {
    /* Changes the copy: 0 or -errno. May be called more than once. */
    int (*apply)(struct change *change, struct token *copy);
    const void *entries;
    uint32_t count;
    uint64_t previous_at; /* where the program wants to have what was before */
    const struct token_default_arguments *defaults;
    struct byte_span dacl;
    uint32_t session;
};

static int64_t change_token(struct token_object *token, struct change *change)
{
    for (;;) {
        struct token_state *old = token_state_get(token);
        struct token_state *fresh = token_state_copy(&old->token);
        int error = fresh ? change->apply(change, &fresh->token) : -ENOMEM;
        if (!error && change->dacl.length) {
            /* It lies outside of the copy: one more, with it inside. */
            struct token_state *whole = token_state_copy(&fresh->token);
            token_state_put(fresh);
            fresh = whole;
            error = whole ? 0 : -ENOMEM;
        }
        bool done = error || token_state_replace(token, old, fresh);
        if (fresh && (error || !done))
            token_state_put(fresh);
        token_state_put(old);
        if (done)
            return error;
    }
}

/* ---- privileges ---- */

/* Tells before it is done: who cannot be told changes nothing. */
static int apply_privileges(struct change *change, struct token *copy)
{
    uint64_t previous;
    int error = token_adjust_privileges(copy, change->entries, change->count, &previous);
    if (MUTANT(PRIVILEGE_COMES_BACK))
        copy->privileges_present = PRIVILEGES_ALL;
    if (MUTANT(PRIVILEGE_STAYS_ENABLED)) {
        copy->privileges_present &= copy->subject.privileges;
        copy->subject.privileges = previous;
    }
    if (!error && put_user(previous, change->previous_at))
        error = -EFAULT;
    return error;
}

int64_t token_ioctl_adjust_privileges(const struct token_handle *handle, uint64_t argument)
{
    struct token_privileges_arguments asked;
    struct privilege_adjustment entries[ADJUST_PRIVILEGES_MAX];
    if (copy_from_user(&asked, argument, sizeof(asked)))
        return -EFAULT;
    if (asked.zero || !asked.count || asked.count > ARRAY_COUNT(entries))
        return -EINVAL;
    if (copy_from_user(entries, asked.entries, asked.count * sizeof(entries[0])))
        return -EFAULT;
    struct change change = {
        .apply = apply_privileges,
        .entries = entries,
        .count = asked.count,
        .previous_at = argument + offsetof(struct token_privileges_arguments, previous_enabled),
    };
    return change_token(handle->token, &change);
}

/* ---- groups ---- */

static int apply_groups(struct change *change, struct token *copy)
{
    uint64_t previous[TOKEN_GROUP_STATE_WORDS];
    int error = token_adjust_groups(copy, change->entries, change->count, previous);
    if (!error && copy_to_user(change->previous_at, previous, sizeof(previous)))
        error = -EFAULT;
    return error;
}

int64_t token_ioctl_adjust_groups(const struct token_handle *handle, uint64_t argument)
{
    struct token_groups_arguments asked;
    struct byte_span entries;
    if (copy_from_user(&asked, argument, sizeof(asked)))
        return -EFAULT;
    if (asked.zero || !asked.count || asked.count > TOKEN_GROUPS_MAX)
        return -EINVAL;
    int error = token_bytes_from_user(asked.entries, asked.count * sizeof(struct group_adjustment),
                                      TOKEN_GROUPS_MAX * sizeof(struct group_adjustment), &entries);
    if (error)
        return error;
    struct change change = {
        .apply = apply_groups,
        .entries = entries.data,
        .count = asked.count,
        .previous_at = argument + offsetof(struct token_groups_arguments, previous),
    };
    int64_t result = change_token(handle->token, &change);
    kfree((void *)entries.data);
    return result;
}

/* ---- what new objects get ---- */

static int apply_defaults(struct change *change, struct token *copy)
{
    const struct token_default_arguments *asked = change->defaults;
    if (asked->dacl)
        copy->default_dacl = change->dacl;
    int error = token_adjust_default(copy, asked->owner_index, asked->group_index);
    return error ? error : token_check(copy);
}

int64_t token_ioctl_adjust_default(const struct token_handle *handle, uint64_t argument)
{
    struct token_default_arguments asked;
    struct byte_span dacl;
    if (copy_from_user(&asked, argument, sizeof(asked)))
        return -EFAULT;
    if (!asked.dacl && asked.dacl_bytes)
        return -EINVAL;
    int error = token_bytes_from_user(asked.dacl, asked.dacl_bytes, 65536, &dacl);
    if (error)
        return error;
    struct change change = {.apply = apply_defaults, .defaults = &asked, .dacl = dacl};
    int64_t result = change_token(handle->token, &change);
    kfree((void *)dacl.data);
    return result;
}

/* ---- the interactive session ---- */

static int apply_session(struct change *change, struct token *copy)
{
    copy->interactive_session = change->session;
    return 0;
}

int64_t token_ioctl_adjust_session(const struct token_handle *handle, uint64_t argument)
{
    struct change change = {.apply = apply_session};
    if (get_user(change.session, argument))
        return -EFAULT;
    return process_uses_privilege(SE_TCB) ? change_token(handle->token, &change) : -EPERM;
}
