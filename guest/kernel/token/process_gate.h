/*
 * kernel/token/process_gate.h - may the current thread do something to another process? The token gate
 * (docs/access.md): who the thread acts as, against the process's descriptor.
 *
 * A process has the usual descriptor of its token's user (default_descriptor.h), which is made when it is asked
 * about and kept nowhere, until somebody gives it another (set_sd). What one caller was granted last is
 * remembered in the target, so that a second question costs two comparisons. Same-process operations
 * are nobody's business. Locks: none held on entry beyond RANK_FAMILY; takes the target's parts_lock.
 */
#ifndef KERNEL_TOKEN_PROCESS_GATE_H
#define KERNEL_TOKEN_PROCESS_GATE_H

#include "arch/cpu.h"
#include "kernel/process/process.h"
#include "kernel/security/default_descriptor.h"
#include "kernel/token/token_object.h"

#define PROCESS_DESCRIPTOR_BYTES_MAX 8192u

/* One that was given; never changes. */
struct descriptor_copy {
    uint32_t references; /* atomic */
    uint32_t bytes;
    uint8_t data[];
};

/* Who (the serial of what a token says) above the rights that he was granted. */
#define GATE_RIGHTS_BITS 21
_Static_assert(ACCESS_LIST_RIGHTS >> GATE_RIGHTS_BITS == 0, "rights have room below the serial");

/*
 * The serial of what the current thread's token says, without a lock. A sibling may install another token
 * meanwhile, and the old one's slot be another token's: then the slot has another id, or is not the
 * process's any more.
 */
static inline uint64_t gate_subject(void)
{
    const struct process *self = current->process;
    if (unlikely(current->impersonation != NULL))
        return READ_ONCE(current->impersonation->serial);
    for (;;) {
        const struct token_object *token = READ_ONCE(self->token);
        uint64_t id = load_acquire(&token->object.id);
        uint64_t serial = load_acquire(&token->serial);
        if (likely(READ_ONCE(self->token) == token && READ_ONCE(token->object.id) == id && id))
            return serial;
    }
}

/* What is not remembered is decided. */
int process_gate_decide(struct process *target, uint32_t rights);

/* 0, or -EACCES. SeDebug opens it. May use 8 KiB of stack. */
static inline int process_gate(struct process *target, uint32_t rights)
{
    uint64_t verdict = READ_ONCE(target->gate_verdict);
    if (likely(verdict >> GATE_RIGHTS_BITS == gate_subject() && !(rights & ~verdict)))
        return 0;
    return process_gate_decide(target, rights);
}
void descriptor_copy_put(struct descriptor_copy *copy); /* NULL is fine */

/*
 * The whole rule for an operation for which Linux has one of its own: both must allow it. A descriptor that
 * somebody gave the target decides alone. For the caller's own process Linux's rule is all.
 */
static inline bool process_allows(struct process *target, uint32_t rights, bool linux_allows)
{
    if (target == current->process)
        return linux_allows;
    if (!linux_allows && likely(!READ_ONCE(target->descriptor)))
        return false;
    return !process_gate(target, rights);
}

#endif
