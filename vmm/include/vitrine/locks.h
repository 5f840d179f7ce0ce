/*
 * vitrine/locks.h - the kernel's locks.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_LOCKS_H
#define VITRINE_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "version.h"

VITRINE_BEGIN

enum vt_lock_kind { VT_LOCK_SPIN = 1, VT_LOCK_MUTEX = 2 };
struct vt_lock {
    const char *name; /* "family_lock", "futex_buckets[7].lock", "process 3 signal_lock" ... */
    enum vt_lock_kind kind;
    uint32_t rank; /* its place in the one order of all locks (kernel/sync/lock_order.h) */
    bool taken;
    bool waited;          /* mutex: somebody may wait for it */
    uint32_t waiters;     /* mutex: tasks that wait for it */
    uint32_t contentions; /* spinlock: how often somebody had to wait for it, at most 65535; 0 in
                             debug kernels */
    int32_t owner_cpu;    /* spinlock: who holds it; -1 = nobody, or unknown: only debug kernels say
                           */
    int32_t owner_tid;    /* mutex: the same */
    uint64_t address;
};
/* The locks of published roots, processes and address spaces. A lock's fields are one moment's
 * each. */
struct vt_error *vt_guest_locks(struct vt_guest *guest, struct vt_lock **ret_locks,
                                size_t *ret_count);

VITRINE_END

#endif
