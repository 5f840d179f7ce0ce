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

/* A reference to something that may be gone already; its memory is still of its type. False: gone. */
static inline bool reference_get_if_held(uint32_t *references)
{
    uint32_t count = __atomic_load_n(references, __ATOMIC_RELAXED);

    do
        if (count == 0)
            return false;
    while (!__atomic_compare_exchange_n(references, &count, count + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED));
    return true;
}

/* True for the caller that dropped the last reference and must now destroy the object. */
static inline bool reference_put(uint32_t *references)
{
    uint32_t before = __atomic_fetch_sub(references, 1, __ATOMIC_ACQ_REL);
    kernel_assert(before != 0);
    return before == 1;
}

#endif
