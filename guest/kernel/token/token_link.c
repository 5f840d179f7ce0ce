/*
 * kernel/token/token_link.c - pairs of tokens: what somebody could be and what he usually is, known to his
 * logon session. Whoever has one may look at the other; only SeTcb gets hold of it. Whether somebody may
 * be elevated is not decided here.
 */
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/process/process.h"
#include "kernel/security/sid.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_make.h"
#include "shared/token.h"

/* Its role is for good: once one of a pair, never the other. */
static int take_role(struct token_object *token, enum token_elevation role)
{
    for (;;) {
        struct token_state *old = token_state_get(token);
        enum token_elevation now = old->token.elevation;
        struct token_state *fresh = now == ELEVATION_DEFAULT ? token_state_copy(&old->token) : NULL;
        int error = now == role ? 0 : now != ELEVATION_DEFAULT ? -EINVAL : fresh ? 0 : -ENOMEM;
        if (fresh)
            fresh->token.elevation = role;
        bool done = !fresh || token_state_replace(token, old, fresh);
        if (!done)
            token_state_put(fresh);
        token_state_put(old);
        if (done)
            return error;
    }
}

/* May the two be a pair? Both are somebody's own, the same one's. */
static int check_pair(struct token_object *elevated, struct token_object *limited, uint64_t session)
{
    if (elevated == limited || elevated->session != limited->session ||
        elevated->session->id != session)
        return -EINVAL;
    struct token_state *one = token_state_get(elevated), *other = token_state_get(limited);
    bool good =
        one->token.subject.type == TOKEN_PRIMARY && other->token.subject.type == TOKEN_PRIMARY &&
        sid_equal(one->token.subject.user, other->token.subject.user) &&
        one->token.elevation != ELEVATION_LIMITED && other->token.elevation != ELEVATION_FULL;
    token_state_put(one);
    token_state_put(other);
    return good ? 0 : -EINVAL;
}

int64_t token_ioctl_link(const struct token_handle *handle, uint64_t argument)
{
    (void)handle;
    struct token_link_arguments asked;
    struct token_object *elevated, *limited;
    if (copy_from_user(&asked, argument, sizeof(asked)))
        return -EFAULT;
    if (!thread_uses_privilege(SE_TCB))
        return -EPERM;
    int error = token_handle_get(asked.elevated_fd, TOKEN_DUPLICATE, &elevated);
    if (error)
        return error;
    error = token_handle_get(asked.filtered_fd, TOKEN_DUPLICATE, &limited);
    if (error) {
        token_put(elevated);
        return error;
    }
    error = check_pair(elevated, limited, asked.session);
    if (!error)
        error = take_role(elevated, ELEVATION_FULL);
    if (!error)
        error = take_role(limited, ELEVATION_LIMITED);
    if (!error)
        logon_session_link(elevated->session, elevated, limited);
    token_put(limited);
    token_put(elevated);
    return error;
}

/* One to look at, and to do nothing with. Takes over the reference to `partner`. */
static int open_look(struct token_object *partner)
{
    struct token token;
    struct token_state *says = token_describe(partner, &token);
    int error;
    token.subject.type = TOKEN_IMPERSONATION;
    token.subject.level = LEVEL_IDENTIFICATION;
    struct token_object *look = token_make(&token, token.session, SECURITY_DUPLICATED, &error);
    token_state_put(says);
    token_put(partner);
    return look ? token_handle_create(look, TOKEN_QUERY) : error;
}

int64_t token_ioctl_get_linked(const struct token_handle *handle, uint64_t argument)
{
    struct token_object *partner = logon_session_partner_get(handle->token);
    if (!partner)
        return -ENOENT;
    int fd = thread_uses_privilege(SE_TCB) ? token_handle_create(partner, TOKEN_ALL_ACCESS)
                                           : open_look(partner);
    return token_tell_descriptor(fd, argument + offsetof(struct token_linked_arguments, fd));
}
