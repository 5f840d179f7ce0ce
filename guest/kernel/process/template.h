/*
 * kernel/process/template.h - a process that waits in template_ready() to be copied.
 *
 * Lifetime: the template's thread makes it, and takes it away when the wait ends, after the last
 * user. Lock: family_lock for process->template and `users`; the rest does not change.
 */
#ifndef KERNEL_PROCESS_TEMPLATE_H
#define KERNEL_PROCESS_TEMPLATE_H

#include "arch/context.h"
#include "kernel/sync/wait_queue.h"

struct process;
struct task;

struct template
{
    struct task *task;       /* the only thread; it does not run while `users` is not 0 */
    struct process *process; /* its */
    struct arch_user_state state;
    uint64_t buffer, bytes;    /* where the message goes in a copy */
    uint32_t users;            /* copies being made */
    bool leaving;              /* it waits for the last user */
    struct wait_queue waiters; /* the template itself */
};

/*
 * The template behind a pidfd, which stays one until template_put(): 0, -EBADF, -ESRCH (ended),
 * -EPERM (not the caller's to inspect), -EAGAIN (it does not wait to be copied).
 */
int template_get(int pidfd, struct template **ret);
void template_put(struct template *template);

#endif
