/*
 * kernel/token/token_act.c - becoming and acting as somebody else: the ioctls that install a token as the
 * process's and that impersonate one, and the system call revert.
 */
#include "arch/cpu.h"
#include "kernel/process/process.h"
#include "kernel/security/token_derive.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"

int64_t token_ioctl_install(const struct token_handle *handle, uint64_t argument)
{
    (void)argument;
    struct token_state *says = token_state_get(handle->token);
    bool primary = says->token.subject.type == TOKEN_PRIMARY;
    token_state_put(says);
    if (!primary)
        return -EINVAL;
    if (current->process->no_new_privileges || !process_uses_privilege(SE_ASSIGN_PRIMARY_TOKEN))
        return -EPERM;
    token_get(handle->token);
    process_token_install(handle->token);
    return 0;
}

/* The same token at a lower level; a reference to it if it is at that level. NULL: out of memory. */
static struct token_object *at_level(struct token_object *client, const struct token *says,
                                     enum impersonation_level level)
{
    if (says->subject.level == level) {
        token_get(client);
        return client;
    }
    struct token lower = *says;
    lower.subject.level = level;
    logon_session_get(client->session);
    return token_create(&lower, client->session);
}

int token_impersonate(struct token_object *client)
{
    struct token_object *server = process_token_get(current->process);
    struct token_state *server_says = token_state_get(server);
    struct token says;
    struct token_state *state = token_describe(client, &says);
    enum impersonation_level level = LEVEL_ANONYMOUS;
    int error = says.subject.type == TOKEN_IMPERSONATION ? 0 : -EINVAL;
    if (!error && current->process->no_new_privileges)
        error = -EPERM;
    if (!error)
        error = token_impersonation_level(&server_says->token, &says, says.subject.level, &level);
    if (!error) {
        struct token_object *token = at_level(client, &says, level);
        error = token ? task_impersonate(token) : -ENOMEM;
    }
    token_state_put(state);
    token_state_put(server_says);
    token_put(server);
    return error;
}

int64_t token_ioctl_impersonate(const struct token_handle *handle, uint64_t argument)
{
    (void)argument;
    return token_impersonate(handle->token);
}

SYSCALL0(revert)
{
    if (current->impersonation)
        task_revert();
    return 0;
}
