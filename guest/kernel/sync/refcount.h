/* kernel/sync/refcount.h - counted holders of a shared part; whoever drops the last one destroys
 * it. */
#ifndef KERNEL_SYNC_REFCOUNT_H
#define KERNEL_SYNC_REFCOUNT_H

#include "kernel/lib/panic.h"
#include "kernel/lib/types.h"

static inline void reference_get(uint32_t *references)
{
    uint32_t before = __atomic_fetch_add(references, 1, __ATOMIC_RELAXED);
    kernel_assert(before != 0 && before != UINT32_MAX);
}

/* True for the caller that dropped the last reference and must now destroy the object. */
static inline bool reference_put(uint32_t *references)
{
    uint32_t before = __atomic_fetch_sub(references, 1, __ATOMIC_ACQ_REL);
    kernel_assert(before != 0);
    return before == 1;
}

#endif
