/*
 * futex.c - futex(2): sleep while a word of user memory has a value; wake, or move, those who sleep
 * on it.
 *
 * Which word: a word of private memory is (address space, address), and the same whether or not the
 * caller said FUTEX_PRIVATE_FLAG; a word that several address spaces can share is (inode, position
 * in the file). Without the flag the mapping tells which, and for a private mapping of a file,
 * whether its page was copied already.
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
#include "kernel/ipc/futex.h"

#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/futex_queue.h"
#include "kernel/mm/vma.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"

#define FUTEX_WAIT             0
#define FUTEX_WAKE             1
#define FUTEX_REQUEUE          3
#define FUTEX_CMP_REQUEUE      4
#define FUTEX_WAKE_OP          5
#define FUTEX_WAIT_BITSET      9
#define FUTEX_WAKE_BITSET      10
#define FUTEX_PRIVATE_FLAG     128
#define FUTEX_CLOCK_REALTIME   256
#define FUTEX_BITSET_MATCH_ANY UINT32_MAX

struct futex_bucket futex_buckets[FUTEX_BUCKETS] = {
    [0 ... FUTEX_BUCKETS - 1] = {.lock = SPINLOCK_INIT(RANK_FUTEX)}};

static inline struct futex_bucket *bucket_of(struct futex_key key)
{
    uint64_t hash =
        (key.word >> 2 ^ key.space >> 6) * 0x9e3779b97f4a7c15ull; /* Knuth, 6.4: golden ratio */
    return &futex_buckets[hash >> 56];
}
_Static_assert(FUTEX_BUCKETS == 256, "the hash gives eight bits");

static void bucket_append(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    waiter->next = NULL;
    waiter->previous = bucket->last;
    if (bucket->last)
        bucket->last->next = waiter;
    else
        bucket->first = waiter;
    bucket->last = waiter;
}

static void bucket_remove(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        bucket->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        bucket->last = waiter->previous;
}

static inline bool same_key(struct futex_key a, struct futex_key b)
{
    return a.word == b.word && a.space == b.space;
}

/* ---- keys ---- */

/* The leaf that maps the address, or 0. The address space's lock is held. */
static inline pte_t leaf_of(const struct address_space *space, uint64_t address)
{
    pte_t entry = page_table_at(space->root)[page_table_index(address, PAGE_TABLE_ROOT_LEVEL)];
    for (unsigned level = PAGE_TABLE_ROOT_LEVEL; level-- > 0;) {
        if (unlikely((entry & (PTE_PRESENT | PTE_LARGE)) != PTE_PRESENT))
            break;
        entry = page_table_at(entry & PTE_ADDRESS)[page_table_index(address, level)];
    }
    return likely(entry & PTE_PRESENT) ? entry : 0;
}

static inline struct futex_key no_key(int64_t error)
{
    return (struct futex_key){0, (uint64_t)error};
}

static inline struct futex_key own_key(uint64_t address)
{
    return (struct futex_key){(uint64_t)current->address_space, address};
}

static inline struct futex_key file_key(const struct vma *vma, uint64_t address)
{
    return (struct futex_key){(uint64_t)vma->file->inode,
                              vma->file_offset + (address - vma->start)};
}

/*
 * A private mapping of a file shows the file's page until it is written to. Where it is writable
 * the copy is made first: otherwise the first write would leave the waiters behind. No key: fault
 * it in. The space's lock is held.
 */
static __attribute__((noinline)) struct futex_key
private_file_key(const struct address_space *space, const struct vma *vma, uint64_t address)
{
    pte_t leaf = leaf_of(space, address),
          wanted = PTE_USER | (vma->flags & VMA_WRITE ? PTE_WRITABLE : 0);
    if ((leaf & wanted) != wanted)
        return no_key(-EFAULT);
    return leaf & PTE_ANONYMOUS ? own_key(address) : file_key(vma, address);
}

/* Key of a word that may be shared; none if it has to be faulted in first. The space's lock is
 * held. */
static inline struct futex_key key_by_mapping(struct address_space *space, uint64_t address,
                                              bool read_only)
{
    const struct vma *vma = space->last_found;
    if (unlikely(!vma || address - vma->start >= vma->end - vma->start)) {
        vma = vma_find(space, address);
        if (!vma || address < vma->start)
            return no_key(-EFAULT);
    }
    if (unlikely(!(vma->flags & (read_only ? VMA_READ | VMA_WRITE : VMA_WRITE))))
        return no_key(-EFAULT);
    if (vma->flags & VMA_SHARED)
        return file_key(vma, address);
    return likely(!vma->file) ? own_key(address) : private_file_key(space, vma, address);
}

/* The page must be brought in or copied, the stack must grow, or the address is none. */
static __attribute__((noinline)) struct futex_key fault_key(uint64_t address, bool read_only)
{
    struct address_space *space = current->address_space;
    enum fault_access access = FAULT_WRITE;
    for (unsigned tries = 0; tries < 8; tries++) {
        struct fault_signal ignored;
        int error = address_space_fault(space, address, access, 0, &ignored);
        if (error && access == FAULT_WRITE && read_only) {
            access = FAULT_READ;
            continue;
        }
        if (error)
            return no_key(error == -ENOMEM ? -ENOMEM : -EFAULT);
        mutex_lock(&space->lock);
        struct futex_key key = key_by_mapping(space, address, read_only);
        mutex_unlock(&space->lock);
        if (key.space)
            return key;
    }
    return no_key(-EFAULT);
}

/* read_only: the word need not be writable. */
static inline __attribute__((always_inline)) struct futex_key
futex_key(uint64_t address, bool private, bool read_only)
{
    if (unlikely(address % sizeof(uint32_t)))
        return no_key(-EINVAL);
    if (unlikely(address >= USER_END)) /* it is aligned, so its end is below, too */
        return no_key(-EFAULT);
    if (private)
        return own_key(address);
    struct address_space *space = current->address_space;
    mutex_lock(&space->lock);
    struct futex_key key = key_by_mapping(space, address, read_only);
    mutex_unlock(&space->lock);
    return likely(key.space) ? key : fault_key(address, read_only);
}

/* ---- waking ---- */

/*
 * The bucket's lock is held; afterwards the waiter may be gone, and so may its task: waking it then
 * finds a slot that is another task's or nobody's (they are never reused for anything else), whose
 * sleep, if it ends, ends for nothing.
 */
static inline void wake_waiter(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    struct task *task = waiter->task;
    bucket_remove(bucket, waiter);
    store_release(&waiter->bucket, NULL);
    if (MUTANT_EVERY(WAKEUP_LOST_FUTEX, 20))
        return;
    task_wake(task, WAKE_NORMAL);
}

static inline __attribute__((always_inline)) int64_t wake_key(struct futex_key key, uint32_t count,
                                                              uint32_t bits)
{
    struct futex_bucket *bucket = bucket_of(key);
    uint32_t woken = 0;
    spin_lock(&bucket->lock);
    for (struct futex_waiter *waiter = bucket->first, *next; waiter; waiter = next) {
        next = waiter->next;
        if (!same_key(waiter->key, key) || !(waiter->bits & bits))
            continue;
        wake_waiter(bucket, waiter);
        if (++woken == count)
            break;
    }
    spin_unlock(&bucket->lock);
    return woken;
}

/* Linux wakes one even when asked for none or a negative number. */
static uint32_t wake_limit(uint32_t count)
{
    return (int32_t)count < 1 ? 1 : count;
}

static int64_t futex_wake(uint64_t address, bool private, uint32_t count, uint32_t bits)
{
    if (unlikely(!bits))
        return -EINVAL;
    struct futex_key key = futex_key(address, private, true);
    if (unlikely(!key.space))
        return (int64_t)key.word;
    return wake_key(key, wake_limit(count), bits);
}

int64_t futex_wake_address(uint64_t address, uint32_t count)
{
    return futex_wake(address, false, count, FUTEX_BITSET_MATCH_ANY);
}

/* ---- waiting ---- */

/* Takes the waiter off its bucket; false if a waker was faster. */
static bool waiter_withdraw(struct futex_waiter *waiter)
{
    for (;;) {
        struct futex_bucket *bucket = load_acquire(&waiter->bucket);
        if (!bucket)
            return false;
        spin_lock(&bucket->lock);
        if (likely(waiter->bucket == bucket)) {
            bucket_remove(bucket, waiter);
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

    struct futex_bucket *bucket = bucket_of(key);
    if (MUTANT_EVERY(FUTEX_WRONG_BUCKET, 20))
        bucket = bucket_of((struct futex_key){key.space, key.word + sizeof(uint32_t)});
    waiter.key = key;
    waiter.task = current;
    waiter.bits = bits;
    waiter.bucket = bucket;
    wait_prepare_alone();
    spin_lock(&bucket->lock);
    bucket_append(bucket, &waiter);
    spin_unlock(&bucket->lock);

    uint32_t value;
    int error = user_load_u32(address, &value);
    if (unlikely(error || value != expected)) {
        waiter.task->sleep_intent = 0;
        /* A wake-up that already chose us counts as one: the caller looks again anyway. */
        if (!waiter_withdraw(&waiter))
            return 0;
        return error ? error : -EAGAIN;
    }
    for (;;) {
        error = wait_block(WAIT_FUTEX, address, WAIT_INTERRUPTIBLE, deadline_ns);
        if (likely(!load_acquire(&waiter.bucket)))
            return 0;
        if (error)
            return waiter_withdraw(&waiter) ? error : 0;
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

/* ---- moving ---- */

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a == b) {
        spin_lock(&a->lock);
    } else {
        spin_lock(a < b ? &a->lock : &b->lock);
        spin_lock_nested(a < b ? &b->lock : &a->lock);
    }
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

/*
 * The word's value while the buckets are locked: the address space's lock is held, so the frame
 * stays where the page tables say. false = it is not there, fault it in first.
 */
static bool load_resident(struct address_space *space, uint64_t address, uint32_t *ret)
{
    pte_t leaf = leaf_of(space, address);
    if (!(leaf & PTE_USER))
        return false;
    *ret = READ_ONCE(*(uint32_t *)phys_to_virt((leaf & PTE_ADDRESS) | (address & (PAGE_SIZE - 1))));
    return true;
}

static int64_t futex_requeue(uint64_t address, uint64_t target, bool private, int32_t wake_count,
                             int32_t move_count, const uint32_t *expected)
{
    if (wake_count < 0 || move_count < 0)
        return -EINVAL;
    struct futex_key key = futex_key(address, private, true);
    if (!key.space)
        return (int64_t)key.word;
    struct futex_key target_key = futex_key(target, private, false);
    if (!target_key.space)
        return (int64_t)target_key.word;

    struct address_space *space = current->address_space;
    struct futex_bucket *from = bucket_of(key), *to = bucket_of(target_key);
    /*
     * The comparison and the move are one step for every other futex operation: the address space
     * stays locked over both, so that the word can be read where it lies while the buckets are
     * locked.
     */
    for (;;) {
        uint32_t value;
        if (expected)
            mutex_lock(&space->lock);
        lock_two(from, to);
        if (!expected)
            break;
        bool missing = !load_resident(space, address, &value);
        if (!missing && value == *expected)
            break;
        unlock_two(from, to);
        mutex_unlock(&space->lock);
        if (!missing)
            return -EAGAIN;
        int error = user_load_u32(address, &value);
        if (error)
            return error;
    }

    int64_t woken = 0, moved = 0;
    for (struct futex_waiter *waiter = from->first, *next; waiter; waiter = next) {
        next = waiter->next;
        if (!same_key(waiter->key, key))
            continue;
        if (woken < wake_count) {
            wake_waiter(from, waiter);
            woken++;
            continue;
        }
        if (moved >= move_count)
            break;
        moved++;
        if (from != to) {
            bucket_remove(from, waiter);
            bucket_append(to, waiter);
        }
        waiter->key = target_key;
        store_release(&waiter->bucket, to);
    }
    unlock_two(from, to);
    if (expected)
        mutex_unlock(&space->lock);
    /* FUTEX_REQUEUE and FUTEX_CMP_REQUEUE both count the moved ones in (Linux since 2.6.16). */
    return woken + moved;
}

/* ---- wake and operate ---- */

/* The encoding of futex(2): operation, comparison, operand, value. */
static int operate(uint32_t encoded, uint64_t address, bool *ret_wake)
{
    uint32_t operation = encoded >> 28 & 7, comparison = encoded >> 24 & 15;
    int32_t operand = (int32_t)(encoded << 8) >> 20, compared = (int32_t)(encoded << 20) >> 20;
    if (encoded >> 31) {
        if (operand < 0 || operand > 31)
            operand &= 31;
        operand = (int32_t)(1u << operand);
    }
    if (operation > 4)
        return -ENOSYS;

    uint32_t old, seen, value;
    int error = user_load_u32(address, &seen);
    do {
        if (error)
            return error;
        old = seen;
        switch (operation) {
        case 0:
            value = (uint32_t)operand;
            break;
        case 1:
            value = old + (uint32_t)operand;
            break;
        case 2:
            value = old | (uint32_t)operand;
            break;
        case 3:
            value = old & ~(uint32_t)operand;
            break;
        default:
            value = old ^ (uint32_t)operand;
            break;
        }
        error = user_compare_exchange_u32(address, old, value, &seen);
    } while (error || seen != old);

    int32_t was = (int32_t)old;
    switch (comparison) {
    case 0:
        *ret_wake = was == compared;
        return 0;
    case 1:
        *ret_wake = was != compared;
        return 0;
    case 2:
        *ret_wake = was < compared;
        return 0;
    case 3:
        *ret_wake = was <= compared;
        return 0;
    case 4:
        *ret_wake = was > compared;
        return 0;
    case 5:
        *ret_wake = was >= compared;
        return 0;
    default:
        return -ENOSYS;
    }
}

static int64_t futex_wake_operate(uint64_t address, uint64_t second, bool private, uint32_t count,
                                  uint32_t second_count, uint32_t encoded)
{
    bool wake_second;
    struct futex_key key = futex_key(address, private, true);
    if (!key.space)
        return (int64_t)key.word;
    struct futex_key second_key = futex_key(second, private, false);
    if (!second_key.space)
        return (int64_t)second_key.word;
    int error = operate(encoded, second, &wake_second);
    if (error)
        return error;
    int64_t woken = wake_key(key, wake_limit(count), FUTEX_BITSET_MATCH_ANY);
    if (wake_second)
        woken += wake_key(second_key, wake_limit(second_count), FUTEX_BITSET_MATCH_ANY);
    return woken;
}

/* ---- the call ---- */

/* The timeout as a CLOCK_MONOTONIC deadline, never 0. */
static int timeout_deadline(uint64_t address, bool relative, bool realtime, uint64_t *ret)
{
    struct linux_timespec timeout;
    if (get_user(timeout, address))
        return -EFAULT;
    if (timeout.seconds < 0 || timeout.nanoseconds < 0 || timeout.nanoseconds >= 1000000000)
        return -EINVAL;
    uint64_t ns = timeout.seconds >= (int64_t)(INT64_MAX / 1000000000)
                      ? INT64_MAX
                      : (uint64_t)timeout.seconds * 1000000000 + (uint64_t)timeout.nanoseconds;
    if (relative) {
        ns += clock_monotonic_ns();
    } else if (realtime) {
        int64_t monotonic = (int64_t)ns - clock_realtime_offset_ns;
        ns = monotonic > 0 ? (uint64_t)monotonic : 1;
    }
    *ret = ns ? ns : 1;
    return 0;
}

/* Everything but the plain wait and wake. `timeout` is a number here, where it is not a time. */
static __attribute__((noinline)) int64_t futex_other(uint64_t address, int operation,
                                                     uint32_t value, uint64_t timeout,
                                                     uint64_t second, uint32_t value3)
{
    int command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    bool private = operation & FUTEX_PRIVATE_FLAG, realtime = operation & FUTEX_CLOCK_REALTIME;
    uint64_t deadline_ns = 0;

    if (timeout && (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET)) {
        int error = timeout_deadline(timeout, command == FUTEX_WAIT, realtime, &deadline_ns);
        if (error)
            return error;
    }
    if (realtime && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
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
    default:
        return -ENOSYS; /* priority inheritance (LOCK_PI ...) among them */
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
