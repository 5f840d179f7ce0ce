/*
 * futex_waitv.c - futex_waitv(2): sleep on several futexes until one is woken.
 *
 * As in futex.c, every waiter is queued before its word is read; a waker takes one of them off, and
 * the others are withdrawn.
 */
#include "kernel/ipc/futex/futex_internal.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/syscall/syscall.h"

#define WAITV_MAX       128u
#define FUTEX2_SIZE_U32 2u
#define FUTEX2_PRIVATE  128u
#define CLOCK_REALTIME  0
#define CLOCK_MONOTONIC 1

struct linux_futex_waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static int check(const struct linux_futex_waitv *entry)
{
    if (entry->flags & ~(FUTEX2_SIZE_U32 | FUTEX2_PRIVATE) || entry->reserved)
        return -EINVAL;
    if (!(entry->flags & FUTEX2_SIZE_U32) || entry->value > UINT32_MAX)
        return -EINVAL;
    return 0;
}

/* Takes all that are queued off; the last one that a waker had taken already, or -1. */
static int withdraw_all(struct futex_waiter *waiters, uint32_t count)
{
    int woken = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (!futex_withdraw(&waiters[i]))
            woken = (int)i;
    }
    return woken;
}

static bool any_woken(const struct futex_waiter *waiters, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!load_acquire(&waiters[i].bucket))
            return true;
    }
    return false;
}

/* 0: all are queued and their words as expected. Otherwise none is, and the call returns *ret. */
static int queue_all(const struct linux_futex_waitv *entries, struct futex_waiter *waiters,
                     uint32_t count, int64_t *ret)
{
    for (uint32_t i = 0; i < count; i++) {
        struct futex_waiter *waiter = &waiters[i];
        struct futex_bucket *bucket = futex_bucket_of(waiter->key);
        uint32_t value;
        waiter->bucket = bucket;
        spin_lock(&bucket->lock);
        futex_bucket_append(bucket, waiter);
        spin_unlock(&bucket->lock);
        int error = user_load_u32(entries[i].address, &value);
        if (likely(!error && value == (uint32_t)entries[i].value))
            continue;
        current->sleep_intent = 0;
        int woken = withdraw_all(waiters, i + 1);
        *ret = woken >= 0 ? woken : error ? error : -EAGAIN;
        return -1;
    }
    return 0;
}

static int64_t wait_for_any(const struct linux_futex_waitv *entries, struct futex_waiter *waiters,
                            uint32_t count, uint64_t deadline_ns)
{
    int64_t result;
    for (uint32_t i = 0; i < count; i++) {
        struct futex_key key =
            futex_key(entries[i].address, entries[i].flags & FUTEX2_PRIVATE, true);
        if (!key.space)
            return (int64_t)key.word;
        waiters[i] =
            (struct futex_waiter){.key = key, .task = current, .bits = FUTEX_BITSET_MATCH_ANY};
    }
    wait_prepare_alone();
    if (queue_all(entries, waiters, count, &result))
        return result;
    for (;;) {
        int error = wait_block(WAIT_FUTEX, entries[0].address, WAIT_INTERRUPTIBLE, deadline_ns);
        if (error || any_woken(waiters, count)) {
            int woken = withdraw_all(waiters, count);
            return woken >= 0 ? woken : error;
        }
        wait_prepare_alone();
        if (any_woken(waiters, count)) { /* before the intent */
            current->sleep_intent = 0;
            return withdraw_all(waiters, count);
        }
    }
}

SYSCALL5(futex_waitv, uint64_t, list, uint32_t, count, uint32_t, flags, uint64_t, timeout, int,
         clock)
{
    uint64_t deadline_ns = 0;
    if (flags || !count || count > WAITV_MAX || !list)
        return -EINVAL;
    if (timeout) {
        if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
            return -EINVAL;
        int error = futex_deadline(timeout, false, clock == CLOCK_REALTIME, &deadline_ns);
        if (error)
            return error;
    }
    struct linux_futex_waitv *entries = kmalloc(count * sizeof(*entries));
    struct futex_waiter *waiters = kmalloc(count * sizeof(*waiters));
    int64_t result = entries && waiters ? 0 : -ENOMEM;
    if (!result && copy_from_user(entries, list, count * sizeof(*entries)))
        result = -EFAULT;
    for (uint32_t i = 0; i < count && !result; i++)
        result = check(&entries[i]);
    if (!result)
        result = wait_for_any(entries, waiters, count, deadline_ns);
    kfree(waiters);
    kfree(entries);
    return result;
}
