/*
 * kernel/token/token_ask.c - tokens opened, and asked what they say: the system calls
 * open_self_token, open_process_token and open_thread_token, and the ioctl that queries.
 */
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/pidfd.h"
#include "kernel/process/process.h"
#include "kernel/security/default_descriptor.h"
#include "kernel/security/token_query.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_memory.h"
#include "shared/token.h"

SYSCALL2(open_self_token, uint32_t, flags, uint32_t, access)
{
    if (flags & ~TOKEN_OPEN_REAL)
        return -EINVAL;
    return token_handle_open(flags & TOKEN_OPEN_REAL ? process_token_get(current->process)
                                                     : task_token_get(current),
                             access);
}

SYSCALL2(open_process_token, int, pidfd, uint32_t, access)
{
    struct process *process;
    int error = pidfd_process_get(pidfd, NULL, &process);
    if (error)
        return error;
    error = process_may_take_from(process, PROCESS_QUERY_INFORMATION) ? 0 : -EACCES;
    struct token_object *token = error ? NULL : process_token_get(process);
    process_put(process);
    return error ? error : token_handle_open(token, access);
}

SYSCALL3(open_thread_token, int, pidfd, int, tid, uint32_t, access)
{
    struct process *process;
    int error = pidfd_process_get(pidfd, NULL, &process);
    if (error)
        return error;
    struct task *task = tid > 0 ? task_find_get(pid_meant(tid)) : NULL;
    if (!task || task->process != process)
        error = -ESRCH;
    else if (!process_may_take_from(process, PROCESS_QUERY_INFORMATION))
        error = -EACCES;
    struct token_object *token = error ? NULL : task_token_get(task);
    if (task)
        task_put(task);
    process_put(process);
    return error ? error : token_handle_open(token, access);
}

static int64_t answer(const struct token *token, uint32_t logon_type,
                      const struct token_query_arguments *asked, uint32_t bytes)
{
    uint8_t *memory = token_memory(bytes);
    if (!memory)
        return -ENOMEM;
    token_query(token, asked->token_class, logon_type, memory, bytes);
    int64_t error = copy_to_user(asked->buffer, memory, bytes) ? -EFAULT : 0;
    kfree(memory);
    return error;
}

int64_t token_ioctl_query(const struct token_handle *handle, uint64_t argument)
{
    struct token_query_arguments asked;
    struct token token;
    if (copy_from_user(&asked, argument, sizeof(asked)))
        return -EFAULT;
    uint32_t logon_type = handle->token->session->logon_type;
    struct token_state *state = token_describe(handle->token, &token);
    int64_t result = token_query(&token, asked.token_class, logon_type, NULL, 0);
    if (result >= 0) {
        uint32_t bytes = (uint32_t)result;
        bool sizes_only = !asked.buffer || !asked.bytes;
        /* The answer may not overwrite the request. */
        bool overlap = asked.buffer >= argument ? asked.buffer - argument < sizeof(asked)
                                                : argument - asked.buffer < bytes;
        if (bytes && !sizes_only && overlap)
            result = -EINVAL;
        else if (sizes_only)
            result = 0;
        else if (asked.bytes < bytes)
            result = -ERANGE;
        else
            result = bytes ? answer(&token, logon_type, &asked, bytes) : 0;
        if ((!result || result == -ERANGE) &&
            put_user(bytes, argument + offsetof(struct token_query_arguments, bytes)))
            result = -EFAULT;
    }
    token_state_put(state);
    return result;
}
