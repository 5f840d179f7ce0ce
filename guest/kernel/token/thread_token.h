/*
 * kernel/token/thread_token.h - whom processes and threads act as.
 *
 * A process always has a primary token, from before it can be found until it is freed: its own copy,
 * so that what is adjusted on one side of a fork is not seen on the other. All its threads act as it,
 * unless a thread impersonates: then that thread acts as another token, until it reverts, starts a
 * program or ends; neither a fork nor a new thread inherits that. Locks: parts_lock of the process guards
 * process->token and, against looks from outside, task->impersonation, which only the task itself
 * changes.
 */
#ifndef KERNEL_TOKEN_THREAD_TOKEN_H
#define KERNEL_TOKEN_THREAD_TOKEN_H

#include "kernel/token/token_object.h"

struct process;
struct task;

/* SYSTEM, which the kernel's own processes share, and Anonymous; they never go. */
extern struct token_object *token_system, *token_anonymous;

/* Boot: these two and their sessions. Panics without memory. */
void tokens_start(void);
/* For a process that nobody forked: of its own if it is a `user`'s. Counted; NULL: out of memory. */
struct token_object *token_of_new_process(bool user);
/* For a child: as the process's, never as who a thread of it impersonates. NULL: out of memory. */
struct token_object *process_token_clone(struct process *parent);

/* Counted. The task's process must not have been freed. */
struct token_object *process_token_get(struct process *process);
struct token_object *task_token_get(struct task *task); /* whom it acts as now */

/*
 * Has the current process, or the current thread as who it acts, the privilege, enabled? Then it counts
 * as used. Who is impersonated for identification only lends none.
 */
bool process_uses_privilege(enum privilege privilege);
bool thread_uses_privilege(enum privilege privilege);

/* The current process is who `token` is from now on, its ids included; takes over the reference. */
void process_token_install(struct token_object *token);
/* The current task acts as `token`; takes over the reference, also on failure. 0 or -ENOMEM: nothing changed. */
int task_impersonate(struct token_object *token);
/* ... as its process again. */
void task_revert(void);

#endif
