/*
 * kernel/mm/failing.h - allocations that fail because the host asked for it, so that every way out
 * of a system call can be taken on purpose. Off, it is one test of a word that is almost always in
 * the cache.
 *
 * Only allocations of programs' system calls fail: not those of page faults in user mode, of
 * interrupts, or of the kernel's own threads.
 */
#ifndef KERNEL_MM_FAILING_H
#define KERNEL_MM_FAILING_H

#include "kernel/lib/types.h"
#include "shared/glass.h"

extern uint32_t failing_kinds; /* mask over enum glass_allocation; 0 = nothing fails */

/* Counts the allocation; true if it is one that shall fail. */
bool allocation_chosen(uint32_t kind);

static inline bool allocation_fails(uint32_t kind)
{
    return unlikely(READ_ONCE(failing_kinds) & kind) && allocation_chosen(kind);
}

/*
 * From the mailbox: of the allocations of these kinds by task `tid` (0 = any) from now on, the
 * first `skip` succeed, the next `count` fail. 0, or -EINVAL. Replaces what was asked for before.
 */
int64_t failing_start(uint32_t kinds, int32_t tid, uint32_t skip, uint32_t count);
/* Ends it: how many were seen, and in the upper half how many failed. */
int64_t failing_end(void);

#endif
