/*
 * futex.c - futex(2): sleep while a word of user memory has a value; wake, or move, those who sleep
 * on it.
 *
 * Which word: a word of private memory is (address space, address), and the same whether or not the
 * caller said FUTEX_PRIVATE_FLAG; a word that several address spaces can share is (inode's
 * sequence number, which no other inode ever has, position in the file): a waiter holds neither.
 * Without the flag the mapping tells which, and for a private mapping of a file, whether its page
 * was copied already.
 *
 * No lost wake-up without touching user memory under a spinlock: the waiter first queues itself,
 * then reads the word. A waker first changes the word, then looks at the queue. The bucket's lock
 * orders the two: either the waker finds the waiter, or the waiter reads the new value and takes
 * itself off again.
 *
 * Lock: each bucket's spinlock (RANK_FUTEX); two by address. A waiter lives on its task's stack;
 * `bucket` is changed only under the lock of the bucket that it names, and NULL, stored last, means
 * "woken": from then on the waiter may be gone.
 */
#include "kernel/ipc/futex/futex_internal.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"
#include "kernel/time/program_clock.h"

#define FUTEX_WAIT            0
#define FUTEX_WAKE            1
#define FUTEX_REQUEUE         3
#define FUTEX_CMP_REQUEUE     4
#define FUTEX_WAKE_OP         5
#define FUTEX_LOCK_PI         6
#define FUTEX_UNLOCK_PI       7
#define FUTEX_TRYLOCK_PI      8
#define FUTEX_WAIT_BITSET     9
#define FUTEX_WAKE_BITSET     10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI  12
#define FUTEX_LOCK_PI2        13
#define FUTEX_PRIVATE_FLAG    128
#define FUTEX_CLOCK_REALTIME  256

struct futex_bucket futex_buckets[FUTEX_BUCKETS] = {
    [0 ... FUTEX_BUCKETS - 1] = {.lock = SPINLOCK_INIT(RANK_FUTEX)}};

/* ---- waking ---- */

static int64_t futex_wake(uint64_t address, bool private, uint32_t count, uint32_t bits)
{
    if (unlikely(!bits))
        return -EINVAL;
    struct futex_key key = futex_key(address, private, true);
    if (unlikely(!key.space))
        return (int64_t)key.word;
    return futex_wake_key(key, futex_wake_limit(count), bits);
}

int64_t futex_wake_address(uint64_t address, uint32_t count)
{
    return futex_wake(address, false, count, FUTEX_BITSET_MATCH_ANY);
}

/* ---- waiting ---- */

bool futex_withdraw(struct futex_waiter *waiter)
{
    for (;;) {
        struct futex_bucket *bucket = load_acquire(&waiter->bucket);
        if (!bucket)
            return false;
        spin_lock(&bucket->lock);
        if (likely(waiter->bucket == bucket)) {
            futex_bucket_remove(bucket, waiter);
            spin_unlock(&bucket->lock);
            return true;
        }
        spin_unlock(&bucket->lock); /* it was moved meanwhile */
    }
}

/*
 * deadline_ns: CLOCK_MONOTONIC, 0 = never. The intent to sleep comes before the queue, so that a
 * wake-up from then on withdraws it and the first wait_block() does not sleep; neither does it if
 * reading the word had to sleep.
 */
static int64_t futex_wait_until(uint64_t address, bool private, uint32_t expected, uint32_t bits,
                                uint64_t deadline_ns)
{
    struct futex_waiter waiter;
    if (unlikely(!bits))
        return -EINVAL;
    struct futex_key key = futex_key(address, private, true);
    if (unlikely(!key.space))
        return (int64_t)key.word;

    struct futex_bucket *bucket = futex_bucket_of(key);
    if (MUTANT_EVERY(FUTEX_WRONG_BUCKET, 20))
        bucket = futex_bucket_of((struct futex_key){key.space, key.word + sizeof(uint32_t)});
    waiter.key = key;
    waiter.task = current;
    waiter.bits = bits;
    waiter.pi = NULL;
    waiter.bucket = bucket;
    wait_prepare_alone();
    spin_lock(&bucket->lock);
    futex_bucket_append(bucket, &waiter);
    spin_unlock(&bucket->lock);

    uint32_t value;
    int error = user_load_u32(address, &value);
    if (unlikely(error || value != expected)) {
        waiter.task->sleep_intent = 0;
        /* A wake-up that already chose us counts as one: the caller looks again anyway. */
        if (!futex_withdraw(&waiter))
            return 0;
        return error ? error : -EAGAIN;
    }
    for (;;) {
        error = wait_block(WAIT_FUTEX, address, WAIT_INTERRUPTIBLE, deadline_ns);
        if (likely(!load_acquire(&waiter.bucket)))
            return 0;
        if (error)
            return futex_withdraw(&waiter) ? error : 0;
        wait_prepare_alone();
        if (!load_acquire(&waiter.bucket)) { /* before the intent */
            waiter.task->sleep_intent = 0;
            return 0;
        }
    }
}

static int64_t futex_wait_again(struct task *task)
{
    int64_t result = futex_wait_until(
        task->restart_argument[0], task->restart_argument[1], (uint32_t)task->restart_argument[2],
        (uint32_t)task->restart_argument[3], task->restart_argument[4]);
    if (result != -ERESTARTSYS)
        return result;
    task->restart = futex_wait_again;
    return -ERESTART_RESTARTBLOCK;
}

static int64_t futex_wait(uint64_t address, bool private, uint32_t expected, uint32_t bits,
                          uint64_t deadline_ns)
{
    int64_t result = futex_wait_until(address, private, expected, bits, deadline_ns);
    if (result != -ERESTARTSYS || !deadline_ns)
        return result;
    struct task *task = current;
    task->restart = futex_wait_again;
    task->restart_argument[0] = address;
    task->restart_argument[1] = private;
    task->restart_argument[2] = expected;
    task->restart_argument[3] = bits;
    task->restart_argument[4] = deadline_ns;
    return -ERESTART_RESTARTBLOCK;
}

/* ---- the call ---- */

int futex_deadline(uint64_t address, bool relative, bool realtime, uint64_t *ret)
{
    struct linux_timespec timeout;
    if (get_user(timeout, address))
        return -EFAULT;
    if (timeout.seconds < 0 || timeout.nanoseconds < 0 || timeout.nanoseconds >= 1000000000)
        return -EINVAL;
    uint64_t ns = timeout.seconds >= (int64_t)(INT64_MAX / 1000000000)
                      ? INT64_MAX
                      : (uint64_t)timeout.seconds * 1000000000 + (uint64_t)timeout.nanoseconds;
    *ret = timer_deadline(ns, !relative, realtime ? CLOCK_BASE_REALTIME : CLOCK_BASE_MONOTONIC);
    return 0;
}

/* Does the command's fourth argument point to a time? */
static bool has_timeout(int command)
{
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
           command == FUTEX_LOCK_PI2 || command == FUTEX_WAIT_REQUEUE_PI;
}

/* Everything but the plain wait and wake. `timeout` is a number here, where it is not a time. */
static __attribute__((noinline)) int64_t futex_other(uint64_t address, int operation,
                                                     uint32_t value, uint64_t timeout,
                                                     uint64_t second, uint32_t value3)
{
    int command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    bool private = operation & FUTEX_PRIVATE_FLAG, realtime = operation & FUTEX_CLOCK_REALTIME;
    uint64_t deadline_ns = 0;

    if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI2 &&
        command != FUTEX_WAIT_REQUEUE_PI)
        return -ENOSYS;
    if (timeout && has_timeout(command)) {
        int error = futex_deadline(timeout, command == FUTEX_WAIT,
                                   realtime || command == FUTEX_LOCK_PI, &deadline_ns);
        if (error)
            return error;
    }
    switch (command) {
    case FUTEX_WAIT:
        return futex_wait(address, private, value, FUTEX_BITSET_MATCH_ANY, deadline_ns);
    case FUTEX_WAIT_BITSET:
        return futex_wait(address, private, value, value3, deadline_ns);
    case FUTEX_WAKE:
        return futex_wake(address, private, value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(address, private, value, value3);
    case FUTEX_REQUEUE:
        return futex_requeue(address, second, private, (int32_t)value, (int32_t)timeout, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(address, second, private, (int32_t)value, (int32_t)timeout, &value3);
    case FUTEX_WAKE_OP:
        return futex_wake_operate(address, second, private, value, (uint32_t)timeout, value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return futex_lock_pi(address, private, deadline_ns, false);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(address, private, 0, true);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(address, private);
    case FUTEX_WAIT_REQUEUE_PI:
        return futex_wait_requeue_pi(address, second, private, value, deadline_ns);
    case FUTEX_CMP_REQUEUE_PI:
        return futex_cmp_requeue_pi(address, second, private, (int32_t)value, (int32_t)timeout,
                                    value3);
    default:
        return -ENOSYS;
    }
}

SYSCALL6(futex, uint64_t, address, int, operation, uint32_t, value, uint64_t, timeout, uint64_t,
         second, uint32_t, value3)
{
    int command = operation & ~FUTEX_PRIVATE_FLAG;
    bool private = operation & FUTEX_PRIVATE_FLAG;

    if (command == FUTEX_WAKE)
        return futex_wake(address, private, value, FUTEX_BITSET_MATCH_ANY);
    if (command == FUTEX_WAIT && !timeout)
        return futex_wait_until(address, private, value, FUTEX_BITSET_MATCH_ANY, 0);
    return futex_other(address, operation, value, timeout, second, value3);
}
