/*
 * vmm/audit/futexes.c - who sleeps on a word can be found by who wakes it.
 *
 * Reads: every futex bucket and the waiters in it, which lie on kernel stacks. Proves, in a world
 * at rest: each waiter is in the bucket that its key leads to, and knows it; the links of a bucket
 * lead back, and its end is the last one. Cost: one pass over buckets and waiters.
 */
#include "vmm/audit/audit.h"

#define WAITERS_MAX 65536u
#define HASH_FACTOR 0x9e3779b97f4a7c15ull /* 2^64 / golden ratio */

/* Where a waker looks (guest/kernel/ipc/futex/futex_internal.h). */
static uint32_t bucket_of(uint64_t space, uint64_t word)
{
    return (uint32_t)((word >> 2 ^ space >> 6) * HASH_FACTOR >> 56);
}

static void check_waiter(struct vt_audit *audit, const struct audit_world *world, uint64_t bucket,
                         uint32_t index, uint64_t address, const uint8_t *waiter)
{
    const struct audit_task *task = audit_task_at(world, AUDIT_GET(world, waiter, futex_task));
    struct audit_finding where = {
        .tid = task ? task->tid : 0, .pid = task ? task->tgid : 0, .object = address};
    uint64_t word = AUDIT_GET(world, waiter, futex_word);
    uint32_t expected = bucket_of(AUDIT_GET(world, waiter, futex_space), word);

    if (expected != index)
        audit_report(audit, where,
                     "task %d waits for the word at %#lx in futex bucket %u, who wakes it looks in "
                     "%u",
                     where.tid, (unsigned long)word, index, expected);
    if (AUDIT_GET(world, waiter, futex_bucket) != bucket)
        audit_report(audit, where,
                     "the futex waiter of task %d is in a bucket that it does not know", where.tid);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;

    for (uint32_t i = 0; i < l->futex_buckets->count && i < 256; i++) {
        uint64_t address = l->futex_buckets->address + (uint64_t)i * l->futex_buckets->stride;
        uint64_t previous = 0;
        const uint8_t *bucket = audit_at(world, address, l->futex_bucket_bytes);
        uint64_t at = bucket ? audit_get(bucket, l->bucket_first) : 0;

        for (uint32_t left = WAITERS_MAX; at && left; left--) {
            const uint8_t *waiter = audit_at(world, at, l->futex_waiter_bytes);

            if (!waiter || audit_get(waiter, l->futex_previous) != previous) {
                audit_report(audit, (struct audit_finding){.object = address},
                             "futex bucket %u is torn at %#lx", i, (unsigned long)at);
                break;
            }
            check_waiter(audit, world, address, i, at, waiter);
            previous = at;
            at = audit_get(waiter, l->futex_next);
        }
        if (!at && bucket && audit_get(bucket, l->bucket_last) != previous)
            audit_report(audit, (struct audit_finding){.object = address},
                         "the end of futex bucket %u is not its last waiter", i);
    }
}

const struct audit_invariant invariant_futexes = {
    .name = "futexes",
    .proves = "every futex waiter is in the bucket where a waker of its word looks",
    .needs = AUDIT_NEEDS_WAKES,
    .check = check,
};
