/* kernel/token/thread_token.c - see thread_token.h. */
#include "kernel/token/thread_token.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/security/sid.h"
#include "kernel/security/token_boot.h"
#include "kernel/security/well_known.h"
#include "kernel/time/clock.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/process_gate.h"
#include "kernel/token/projection.h"
#include "kernel/token/security_event.h"

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
    if (!has)
        security_denied(SECURITY_PRIVILEGE, privilege, 0, 0);
    return has;
}

bool thread_uses_privilege(enum privilege privilege)
{
    if (likely(!current->impersonation))
        return process_uses_privilege(privilege);
    /* Only the task itself changes whom it acts as. */
    bool has = token_has_privilege(current->impersonation, privilege);
    if (!has)
        security_denied(SECURITY_PRIVILEGE, privilege, 0, 0);
    return has;
}

void process_token_install(struct token_object *token)
{
    struct process *process = current->process;
    struct token_state *says = token_state_get(token);
    struct descriptor_copy *given = NULL;
    spin_lock(&process->parts_lock);
    struct token_object *old = process->token;
    spin_lock(&old->lock);
    bool same_user = sid_equal(old->state->token.subject.user, says->token.subject.user);
    spin_unlock(&old->lock);
    process->token = token;
    process->gate_verdict = 0;
    if (!same_user) {
        given = process->descriptor;
        process->descriptor = NULL;
    }
    spin_unlock(&process->parts_lock);
    security_event(SECURITY_INSTALLED, 0, token->object.id, old->object.id, 0);
    projection_install(&says->token);
    descriptor_copy_put(given);
    token_state_put(says);
    token_put(old);
}

/* Takes over both. */
static void act_as(struct token_object *token, struct acting *acting)
{
    struct task *task = current;
    struct acting *ids = task->acting;
    spin_lock(&task->process->parts_lock);
    struct token_object *old = task->impersonation;
    task->impersonation = token;
    spin_unlock(&task->process->parts_lock);
    task->acting = acting;
    kfree(ids);
    if (old && !MUTANT_EVERY(IMPERSONATION_KEPT, 3))
        token_put(old);
}

int task_impersonate(struct token_object *token)
{
    struct token_state *says = token_state_get(token);
    struct acting *acting = projection_of(&says->token);
    security_event(SECURITY_IMPERSONATES, says->token.subject.level, token->object.id, 0, 0);
    token_state_put(says);
    if (!acting) {
        token_put(token);
        return -ENOMEM;
    }
    act_as(token, acting);
    return 0;
}

void task_revert(void)
{
    security_event(SECURITY_REVERTED, 0, current->impersonation->object.id, 0, 0);
    act_as(NULL, NULL);
}
