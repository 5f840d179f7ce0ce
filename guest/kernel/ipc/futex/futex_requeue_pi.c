/*
 * futex_requeue_pi.c - a condition variable whose mutex has priority inheritance (futex(2):
 * FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI): who waits for the first word is sent to the lock in
 * the second one.
 *
 * A waiter that is sent wakes and queues itself for the lock, so there is one way only in which a
 * task becomes an owner's heir; its call returns when the lock is its own, as on Linux. On the first
 * word it is told from plain waiters by `pi`, which names no lock: no wake-up may take it.
 *
 * Locks: futex.c.
 */
#include "kernel/ipc/futex/futex_internal.h"
#include "kernel/sync/wait_queue.h"

struct requeue_waiter {
    struct futex_waiter waiter;
    struct futex_key target;
};

/* ---- waiting ---- */

/* On the first word: 0 = sent to the lock, or -errno. */
static int wait_to_be_sent(struct requeue_waiter *self, uint64_t address, uint32_t expected,
                           uint64_t deadline_ns)
{
    struct futex_waiter *waiter = &self->waiter;
    struct futex_bucket *bucket = futex_bucket_of(waiter->key);
    uint32_t value;
    waiter->bucket = bucket;
    wait_prepare_alone();
    spin_lock(&bucket->lock);
    futex_bucket_append(bucket, waiter);
    spin_unlock(&bucket->lock);
    int error = user_load_u32(address, &value);
    if (!error && value != expected)
        error = -EAGAIN;
    while (!error && load_acquire(&waiter->bucket)) {
        error = wait_block(WAIT_FUTEX, address, WAIT_INTERRUPTIBLE, deadline_ns);
        wait_prepare_alone();
    }
    waiter->task->sleep_intent = 0;
    return futex_withdraw(waiter) ? error : 0;
}

int64_t futex_wait_requeue_pi(uint64_t address, uint64_t lock, bool private, uint32_t expected,
                              uint64_t deadline_ns)
{
    struct requeue_waiter self = {
        .waiter = {.task = current, .bits = FUTEX_BITSET_MATCH_ANY, .pi = futex_requeue_marker}};
    if (address == lock)
        return -EINVAL;
    self.target = futex_key(lock, private, false);
    if (!self.target.space)
        return (int64_t)self.target.word;
    self.waiter.key = futex_key(address, private, true);
    if (!self.waiter.key.space)
        return (int64_t)self.waiter.key.word;
    if (futex_same_key(self.waiter.key, self.target))
        return -EINVAL;
    int64_t result = wait_to_be_sent(&self, address, expected, deadline_ns);
    if (result)
        return result == -ERESTARTSYS ? -ERESTARTNOINTR : result;
    do
        result = futex_lock_pi(lock, private, deadline_ns, false);
    while (result == -ERESTARTNOINTR && !task_interrupted(current));
    /* The first word has changed since: the program looks at it again, without the lock. */
    return result == -ERESTARTNOINTR ? -EAGAIN : result;
}

/* ---- sending ---- */

int64_t futex_cmp_requeue_pi(uint64_t address, uint64_t lock, bool private, int32_t wake_count,
                             int32_t move_count, uint32_t expected)
{
    struct address_space *space = current->address_space;
    if (wake_count < 0 || move_count < 0 || wake_count != 1 || address == lock)
        return -EINVAL;
    struct futex_key key = futex_key(address, private, true);
    if (!key.space)
        return (int64_t)key.word;
    struct futex_key target = futex_key(lock, private, false);
    if (!target.space)
        return (int64_t)target.word;
    if (futex_same_key(key, target))
        return -EINVAL;

    struct futex_bucket *bucket = futex_bucket_of(key);
    uint32_t value;
    for (;;) {
        mutex_lock(&space->lock);
        const uint32_t *word = futex_resident_word(space, address, false);
        if (word) {
            spin_lock(&bucket->lock);
            value = READ_ONCE(*word);
            break;
        }
        mutex_unlock(&space->lock);
        int error = user_load_u32(address, &value);
        if (error)
            return error;
    }
    int64_t sent = value == expected ? 0 : -EAGAIN;
    for (struct futex_waiter *waiter = bucket->first, *next;
         waiter && sent >= 0 && sent < (int64_t)wake_count + move_count; waiter = next) {
        next = waiter->next;
        if (!futex_same_key(waiter->key, key))
            continue;
        /* It waits for something else: two programs' idea of the word differ. */
        if (waiter->pi != futex_requeue_marker ||
            !futex_same_key(container_of(waiter, struct requeue_waiter, waiter)->target, target)) {
            sent = -EINVAL;
            break;
        }
        futex_wake_waiter(bucket, waiter);
        sent++;
    }
    spin_unlock(&bucket->lock);
    mutex_unlock(&space->lock);
    return sent;
}
