/* kernel/token/projection.c - see projection.h. */
#include "kernel/token/projection.h"

#include "arch/cpu.h"
#include "kernel/mm/object_cache.h"
#include "kernel/token/thread_token.h"

static void project_groups(const struct token *token, struct credentials *ret)
{
    ret->group_count = min(token->projected_gid_count, (uint32_t)ARRAY_COUNT(ret->groups));
    for (uint32_t i = 0; i < ret->group_count; i++)
        ret->groups[i] = token->projected_gids[i];
}

void projection_install(const struct token *token)
{
    struct process *process = current->process;
    struct credentials *c = &process->credentials;
    uint32_t uid = token->projected_uid, gid = token->projected_gid;
    spin_lock(&process->signal_lock);
    uint32_t uid_was = c->uid, euid_was = c->euid, suid_was = c->suid;
    if (uid != euid_was || gid != c->egid)
        process->dumpable = false;
    c->uid = c->euid = c->suid = c->fsuid = uid;
    c->gid = c->egid = c->sgid = c->fsgid = gid;
    project_groups(token, c);
    if (uid)
        capabilities_follow_user(c, uid_was, euid_was, suid_was);
    else if (euid_was)
        capabilities_fill(&c->capabilities);
    spin_unlock(&process->signal_lock);
}

struct acting *projection_of(const struct token *token)
{
    struct acting *acting = kzalloc(sizeof(*acting));
    if (!acting)
        return NULL;
    struct credentials *c = &acting->credentials;
    c->uid = c->euid = c->suid = c->fsuid = token->projected_uid;
    c->gid = c->egid = c->sgid = c->fsgid = token->projected_gid;
    project_groups(token, c);
    if (!c->uid)
        capabilities_fill(&c->capabilities);
    acting->looks_only = token->subject.level == LEVEL_IDENTIFICATION;
    return acting;
}

static enum privilege privilege_for(enum capability capability)
{
    switch (capability) {
    case CAP_IPC_LOCK:
        return SE_LOCK_MEMORY;
    case CAP_SYS_PTRACE:
        return SE_DEBUG;
    case CAP_SYS_BOOT:
        return SE_SHUTDOWN;
    case CAP_SYS_NICE:
        return SE_INCREASE_BASE_PRIORITY;
    case CAP_SYS_RESOURCE:
        return SE_INCREASE_QUOTA;
    case CAP_SYS_TIME:
        return SE_SYSTEMTIME;
    case CAP_SYSLOG:
        return SE_SECURITY;
    default:
        return SE_TCB;
    }
}

bool capability_by_privilege(const struct process *process, enum capability capability)
{
    enum privilege privilege = privilege_for(capability);
    if (process == current->process)
        return thread_uses_privilege(privilege);
    struct token_object *token = process_token_get((struct process *)process);
    bool has = token_has_privilege(token, privilege);
    token_put(token);
    return has;
}
