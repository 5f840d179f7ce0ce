/*
 * kernel/ipc/futex/futex_internal.h - what the files of futexes share: which word of user memory a futex
 * is, its queue, waking. Inline, because every futex call passes here. Rules and locks: futex.c.
 */
#ifndef KERNEL_IPC_FUTEX_FUTEX_INTERNAL_H
#define KERNEL_IPC_FUTEX_FUTEX_INTERNAL_H

#include "arch/cpu.h"
#include "arch/page_table.h"
#include "kernel/fs/file.h"
#include "kernel/fs/inode.h"
#include "kernel/ipc/futex/futex.h"
#include "kernel/ipc/futex/futex_queue.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/vma.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

/* futex_key.c: the slow parts of the ones below. */
struct futex_key futex_private_file_key(const struct address_space *space, const struct vma *vma,
                                        uint64_t address);
struct futex_key futex_fault_key(uint64_t address, bool read_only);

#define FUTEX_BITSET_MATCH_ANY UINT32_MAX

/* ---- queues ---- */

static inline struct futex_bucket *futex_bucket_of(struct futex_key key)
{
    uint64_t hash =
        (key.word >> 2 ^ key.space >> 6) * 0x9e3779b97f4a7c15ull; /* Knuth, 6.4: golden ratio */
    return &futex_buckets[hash >> 56];
}
_Static_assert(FUTEX_BUCKETS == 256, "the hash gives eight bits");

static inline void futex_bucket_append(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    waiter->next = NULL;
    waiter->previous = bucket->last;
    if (bucket->last)
        bucket->last->next = waiter;
    else
        bucket->first = waiter;
    bucket->last = waiter;
}

static inline void futex_bucket_remove(struct futex_bucket *bucket, struct futex_waiter *waiter)
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

static inline bool futex_same_key(struct futex_key a, struct futex_key b)
{
    return a.word == b.word && a.space == b.space;
}

/* ---- keys ---- */

/* The leaf that maps the address, or 0. The address space's lock is held. */
static inline pte_t futex_leaf(const struct address_space *space, uint64_t address)
{
    pte_t entry = page_table_at(space->root)[page_table_index(address, PAGE_TABLE_ROOT_LEVEL)];
    for (unsigned level = PAGE_TABLE_ROOT_LEVEL; level-- > 0;) {
        if (unlikely((entry & (PTE_PRESENT | PTE_LARGE)) != PTE_PRESENT))
            break;
        entry = page_table_at(entry & PTE_ADDRESS)[page_table_index(address, level)];
    }
    return likely(entry & PTE_PRESENT) ? entry : 0;
}

static inline struct futex_key futex_no_key(int64_t error)
{
    return (struct futex_key){0, (uint64_t)error};
}

static inline struct futex_key futex_own_key(uint64_t address)
{
    return (struct futex_key){(uint64_t)current->address_space, address};
}

static inline struct futex_key futex_file_key(const struct vma *vma, uint64_t address)
{
    return (struct futex_key){inode_sequence(vma->file->inode),
                              vma->file_offset + (address - vma->start)};
}

/* Key of a word that may be shared; none if it has to be faulted in first. The space's lock is
 * held. */
static inline struct futex_key futex_key_by_mapping(struct address_space *space, uint64_t address,
                                                    bool read_only)
{
    const struct vma *vma = space->last_found;
    if (unlikely(!vma || address - vma->start >= vma->end - vma->start)) {
        vma = vma_find(space, address);
        if (!vma || address < vma->start)
            return futex_no_key(-EFAULT);
    }
    if (unlikely(!(vma->flags & (read_only ? VMA_READ | VMA_WRITE : VMA_WRITE))))
        return futex_no_key(-EFAULT);
    if (vma->flags & VMA_SHARED)
        return futex_file_key(vma, address);
    return likely(!vma->file) ? futex_own_key(address)
                              : futex_private_file_key(space, vma, address);
}

/* read_only: the word need not be writable. */
static inline __attribute__((always_inline)) struct futex_key
futex_key(uint64_t address, bool private, bool read_only)
{
    if (unlikely(address % sizeof(uint32_t)))
        return futex_no_key(-EINVAL);
    if (unlikely(address >= USER_END)) /* it is aligned, so its end is below, too */
        return futex_no_key(-EFAULT);
    if (private)
        return futex_own_key(address);
    struct address_space *space = current->address_space;
    mutex_lock(&space->lock);
    struct futex_key key = futex_key_by_mapping(space, address, read_only);
    mutex_unlock(&space->lock);
    return likely(key.space) ? key : futex_fault_key(address, read_only);
}

/*
 * The word in place, for whoever must look at it or change it with a bucket locked: the address
 * space's lock is held, so the frame stays where the page tables say. NULL = it is not there (or
 * not writable), fault it in first.
 */
static inline uint32_t *futex_resident_word(const struct address_space *space, uint64_t address,
                                            bool write)
{
    pte_t leaf = futex_leaf(space, address), wanted = PTE_USER | (write ? PTE_WRITABLE : 0);
    if ((leaf & wanted) != wanted)
        return NULL;
    return phys_to_virt((leaf & PTE_ADDRESS) | (address & (PAGE_SIZE - 1)));
}

/* ---- waking ---- */

/*
 * The bucket's lock is held; afterwards the waiter may be gone, and so may its task: waking it then
 * finds a slot that is another task's or nobody's (they are never reused for anything else), whose
 * sleep, if it ends, ends for nothing.
 */
static inline void futex_wake_waiter(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    struct task *task = waiter->task;
    futex_bucket_remove(bucket, waiter);
    store_release(&waiter->bucket, NULL);
    if (MUTANT_EVERY(WAKEUP_LOST_FUTEX, 20))
        return;
    task_wake(task, WAKE_NORMAL);
}

static inline __attribute__((always_inline)) int64_t futex_wake_key(struct futex_key key,
                                                                    uint32_t count, uint32_t bits)
{
    struct futex_bucket *bucket = futex_bucket_of(key);
    uint32_t woken = 0;
    spin_lock(&bucket->lock);
    for (struct futex_waiter *waiter = bucket->first, *next; waiter; waiter = next) {
        next = waiter->next;
        if (!futex_same_key(waiter->key, key) || !(waiter->bits & bits))
            continue;
        if (unlikely(waiter->pi)) { /* only unlocking wakes these */
            spin_unlock(&bucket->lock);
            return -EINVAL;
        }
        futex_wake_waiter(bucket, waiter);
        if (++woken == count)
            break;
    }
    spin_unlock(&bucket->lock);
    return woken;
}

/* Linux wakes one even when asked for none or a negative number. */
static inline uint32_t futex_wake_limit(uint32_t count)
{
    return (int32_t)count < 1 ? 1 : count;
}

/* ---- waiting (futex.c) ---- */

/* Takes the waiter off its bucket; false if a waker was faster. */
bool futex_withdraw(struct futex_waiter *waiter);
/*
 * A user's timespec as a CLOCK_MONOTONIC deadline, never 0: 0, -EFAULT, -EINVAL. `realtime` is for
 * absolute times.
 */
int futex_deadline(uint64_t address, bool relative, bool realtime, uint64_t *ret);

/* ---- the calls of the other files: what futex(2) returns ---- */

/* futex_move.c */
int64_t futex_requeue(uint64_t address, uint64_t target, bool private, int32_t wake_count,
                      int32_t move_count, const uint32_t *expected);
int64_t futex_wake_operate(uint64_t address, uint64_t second, bool private, uint32_t count,
                           uint32_t second_count, uint32_t encoded);
/* futex_pi.c */
int64_t futex_lock_pi(uint64_t address, bool private, uint64_t deadline_ns, bool try);
int64_t futex_unlock_pi(uint64_t address, bool private);
/* The `pi` of those who wait to be sent to such a lock; never looked into. */
extern struct futex_pi *const futex_requeue_marker;
/* futex_requeue_pi.c */
int64_t futex_wait_requeue_pi(uint64_t address, uint64_t lock, bool private, uint32_t expected,
                              uint64_t deadline_ns);
int64_t futex_cmp_requeue_pi(uint64_t address, uint64_t lock, bool private, int32_t wake_count,
                             int32_t move_count, uint32_t expected);

#endif
