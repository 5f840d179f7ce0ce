/*
 * kernel/fs/proc/token.c - /proc/PID/token: who the process is; /proc/PID/task/TID/token: who the thread
 * acts as.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/process/process.h"
#include "kernel/security/sid.h"
#include "kernel/token/thread_token.h"

static void show_sid(struct proc_text *text, const struct sid *sid)
{
    uint64_t authority = 0;
    for (unsigned i = 0; i < sizeof(sid->authority); i++)
        authority = authority << 8 | sid->authority[i];
    text_print(text, "S-1-%lu", (unsigned long)authority);
    for (unsigned i = 0; i < sid->sub_authority_count; i++)
        text_print(text, "-%u", sid_sub_authority(sid, i));
}

/* A line for each, with its attributes. */
static void show_list(struct proc_text *text, const char *name, struct sid_list list)
{
    for (uint32_t i = 0; i < list.count; i++) {
        text_print(text, "%s:\t", name);
        show_sid(text, list.entries[i].sid);
        text_print(text, " %#x\n", list.entries[i].attributes);
    }
}

static void show(struct proc_text *text, const struct token *token)
{
    const struct access_subject *subject = &token->subject;
    text_print(text, "Token:\t%lu\nUser:\t", (unsigned long)token->id);
    show_sid(text, subject->user);
    text_print(text, "%s\nType:\t%s\nLevel:\t%u\nIntegrity:\t%u\nSession:\t%lu\nModified:\t%lu\n",
               subject->user_deny_only ? " deny-only" : "",
               subject->type == TOKEN_PRIMARY ? "primary" : "impersonation",
               (unsigned)subject->level, subject->integrity, (unsigned long)token->session,
               (unsigned long)token->modified);
    show_list(text, "Group", subject->groups);
    show_list(text, "Restricting", subject->restricting);
    text_print(text,
               "PrivilegesPresent:\t%016lx\nPrivilegesEnabled:\t%016lx\n"
               "PrivilegesDefault:\t%016lx\nPrivilegesUsed:\t%016lx\n",
               (unsigned long)token->privileges_present, (unsigned long)subject->privileges,
               (unsigned long)token->privileges_default, (unsigned long)token->privileges_used);
}

int proc_show_token(struct proc_text *text, const struct proc_target *target)
{
    struct token_object *object =
        target->key->tid ? task_token_get(target->task) : process_token_get(target->process);
    struct token token;
    struct token_state *state = token_describe(object, &token);
    show(text, &token);
    token_state_put(state);
    token_put(object);
    return 0;
}
