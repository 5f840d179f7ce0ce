/* kernel/token/thread_token.c - see thread_token.h. */
#include "kernel/token/thread_token.h"

#include "arch/cpu.h"
#include "kernel/lib/panic.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/security/token_boot.h"
#include "kernel/security/well_known.h"
#include "kernel/time/clock.h"
#include "kernel/token/logon_session.h"

struct token_object *token_system, *token_anonymous;

static struct token_object *boot_token(struct token *token, enum logon_type type)
{
    uint64_t id;
    if (logon_session_create(token->session, type, token->subject.user, (struct byte_span){0}, &id))
        return NULL;
    token->created = clock_realtime_ns();
    return token_create(token, logon_session_find_get(id));
}

void tokens_start(void)
{
    struct sid_attributes groups[TOKEN_BOOT_GROUPS];
    struct token token;
    token_boot_system(&token, groups);
    token_system = boot_token(&token, LOGON_SERVICE);
    token_boot_anonymous(&token);
    token_anonymous = boot_token(&token, LOGON_NETWORK);
    if (!token_system || !token_anonymous)
        panic("no memory for the first tokens");
}

struct token_object *token_of_new_process(bool user)
{
    if (user)
        return token_clone(token_system);
    token_get(token_system);
    return token_system;
}

struct token_object *process_token_clone(struct process *parent)
{
    struct token_object *token = process_token_get(parent);
    struct token_object *copy = token_clone(token);
    token_put(token);
    return copy;
}

struct token_object *process_token_get(struct process *process)
{
    spin_lock(&process->parts_lock);
    struct token_object *token = process->token;
    token_get(token);
    spin_unlock(&process->parts_lock);
    return token;
}

struct token_object *task_token_get(struct task *task)
{
    struct process *process = task->process;
    spin_lock(&process->parts_lock);
    struct token_object *token = task->impersonation ? task->impersonation : process->token;
    token_get(token);
    spin_unlock(&process->parts_lock);
    return token;
}

bool process_uses_privilege(enum privilege privilege)
{
    struct token_object *token = process_token_get(current->process);
    bool has = token_has_privilege(token, privilege);
    token_put(token);
    return has;
}

bool thread_uses_privilege(enum privilege privilege)
{
    if (likely(!current->impersonation))
        return process_uses_privilege(privilege);
    /* Only the task itself changes whom it acts as. */
    return token_has_privilege(current->impersonation, privilege);
}

void process_token_install(struct token_object *token)
{
    struct process *process = current->process;
    spin_lock(&process->parts_lock);
    struct token_object *old = process->token;
    process->token = token;
    spin_unlock(&process->parts_lock);
    token_put(old);
}

void task_impersonate(struct token_object *token)
{
    struct task *task = current;
    spin_lock(&task->process->parts_lock);
    struct token_object *old = task->impersonation;
    task->impersonation = token;
    spin_unlock(&task->process->parts_lock);
    if (old && !MUTANT_EVERY(IMPERSONATION_KEPT, 3))
        token_put(old);
}
