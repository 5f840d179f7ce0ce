/*
 * kernel/fs/flock.c - advisory locks on files: fcntl(2) F_SETLK & co. and flock(2).
 *
 * A lock covers [start, end] of an inode for an owner; who owns it is a table of descriptors
 * (record locks), or an open file (F_OFD_*, flock). flock's locks live in a space of their own, as
 * on Linux. The locks of all inodes hang in hash buckets; `lock` (RANK_FILE_LOCKS) of the bucket
 * guards them. Whoever must wait sleeps on the bucket's queue and looks again after every change
 * there.
 *
 * Deadlocks of record locks (EDEADLK) are found by following who waits for whom through
 * file_lock_blocked.
 */
#include "kernel/fs/fcntl.h"
#include "kernel/fs/file_lock.h"
#include "kernel/fs/file_lock_state.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/syscall.h"

#define CHAIN_MAX 32 /* so many waits are followed when looking for a deadlock */

struct file_lock_bucket file_lock_buckets[FILE_LOCK_BUCKETS];
static uint32_t buckets_ready; /* 0 no, 1 being made, 2 yes */

uint32_t file_lock_count;

struct spinlock file_lock_blocked_lock = SPINLOCK_INIT(RANK_FILE_LOCKS);
struct list file_lock_blocked = LIST_INIT(file_lock_blocked);

static void prepare_buckets(void)
{
    uint32_t expected = 0;

    if (likely(load_acquire(&buckets_ready) == 2))
        return;
    if (__atomic_compare_exchange_n(&buckets_ready, &expected, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < FILE_LOCK_BUCKETS; i++) {
            spin_init(&file_lock_buckets[i].lock, RANK_FILE_LOCKS);
            list_init(&file_lock_buckets[i].locks);
            wait_queue_init(&file_lock_buckets[i].waiters);
        }
        store_release(&buckets_ready, 2);
    }
    while (load_acquire(&buckets_ready) != 2)
        cpu_serve_requests();
}

static struct file_lock_bucket *bucket_of(const struct inode *inode)
{
    return &file_lock_buckets[((uint64_t)inode >> 6) * 0x9e3779b97f4a7c15ull >> 58];
}

static bool same_holder(const struct file_lock *lock, const struct file_lock *request)
{
    return lock->inode == request->inode && lock->space == request->space &&
           lock->owner == request->owner;
}

/* The first lock that stands in the way of the request, or NULL. Bucket locked. */
static struct file_lock *find_conflict(struct file_lock_bucket *bucket,
                                       const struct file_lock *request)
{
    struct file_lock *lock;

    list_for_each(lock, &bucket->locks, link)
    {
        if (lock->inode == request->inode && lock->space == request->space &&
            lock->owner != request->owner && lock->start <= request->end &&
            request->start <= lock->end && (lock->write || request->write))
            return lock;
    }
    return NULL;
}

static void count_change(int by)
{
    __atomic_fetch_add(&file_lock_count, (uint32_t)by, __ATOMIC_RELAXED);
}

/*
 * Cuts [start, end] out of what the holder has. A lock that is split in two takes *spare for the
 * second half. Bucket locked. True if anything changed.
 */
static bool cut_out(struct file_lock_bucket *bucket, const struct file_lock *request,
                    struct file_lock **spare)
{
    struct file_lock *lock, *following;
    bool changed = false;

    list_for_each_safe(lock, following, &bucket->locks, link)
    {
        if (!same_holder(lock, request) || lock->start > request->end || request->start > lock->end)
            continue;
        changed = true;
        bool before = lock->start<request->start, after = lock->end> request->end;
        if (before && after) {
            struct file_lock *rest = *spare;
            *spare = NULL;
            *rest = *lock;
            rest->start = request->end + 1;
            list_push_back(&bucket->locks, &rest->link);
            count_change(1);
            lock->end = request->start - 1;
        } else if (before) {
            lock->end = request->start - 1;
        } else if (after) {
            lock->start = request->end + 1;
        } else {
            list_remove(&lock->link);
            count_change(-1);
            kfree(lock);
        }
    }
    return changed;
}

/* Joins the new lock with neighbours of the same kind. Bucket locked. */
static void merge(struct file_lock_bucket *bucket, struct file_lock *added)
{
    struct file_lock *lock, *following;

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what cut_out() frees is in the list no more */
    list_for_each_safe(lock, following, &bucket->locks, link)
    {
        if (lock == added || !same_holder(lock, added) || lock->write != added->write)
            continue;
        bool touches = (lock->end != UINT64_MAX && lock->end + 1 == added->start) ||
                       (added->end != UINT64_MAX && added->end + 1 == lock->start);
        if (!touches)
            continue;
        added->start = min(added->start, lock->start);
        added->end = max(added->end, lock->end);
        list_remove(&lock->link);
        count_change(-1);
        kfree(lock);
    }
}

/* Would `owner`, by waiting for `other`, wait for itself? Enters it into the list if not. */
static bool enter_wait(struct blocked_owner *blocked, const void *owner, const void *other)
{
    const void *next = other;
    bool deadlock = false;

    spin_lock(&file_lock_blocked_lock);
    for (int step = 0; next && step < CHAIN_MAX; step++) {
        struct blocked_owner *entry;
        const void *found = NULL;
        if (next == owner) {
            deadlock = true;
            break;
        }
        list_for_each(entry, &file_lock_blocked, link)
        {
            if (entry->owner == next) {
                found = entry->waits_for;
                break;
            }
        }
        next = found;
    }
    if (!deadlock) {
        blocked->owner = owner;
        blocked->waits_for = other;
        list_push_back(&file_lock_blocked, &blocked->link);
    }
    spin_unlock(&file_lock_blocked_lock);
    return deadlock;
}

static void leave_wait(struct blocked_owner *blocked)
{
    spin_lock(&file_lock_blocked_lock);
    list_remove(&blocked->link);
    spin_unlock(&file_lock_blocked_lock);
}

/* Applies the request; `wait` for conflicts if asked. `unlock`: only cuts. */
static int apply(struct file_lock *request, bool unlock, bool wait, bool find_deadlocks)
{
    prepare_buckets();
    struct file_lock_bucket *bucket = bucket_of(request->inode);
    struct file_lock *spare = kmalloc(sizeof(*spare));
    struct file_lock *added = unlock ? NULL : kmalloc(sizeof(*added));
    struct waiter waiter;
    int error = 0;

    if (!spare || (!unlock && !added)) {
        kfree(spare);
        kfree(added);
        return -ENOLCK;
    }
    waiter_init(&waiter);
    for (;;) {
        struct blocked_owner blocked;

        if (wait)
            wait_prepare(&bucket->waiters, &waiter, false);
        spin_lock(&bucket->lock);
        struct file_lock *conflict = unlock ? NULL : find_conflict(bucket, request);
        if (!conflict)
            break;
        const void *other = conflict->owner;
        spin_unlock(&bucket->lock);
        error = -EAGAIN;
        if (!wait)
            goto out;
        error = -EDEADLK;
        if (find_deadlocks && enter_wait(&blocked, request->owner, other))
            goto out;
        error = wait_block(WAIT_FILE_LOCK, (uint64_t)request->inode, WAIT_INTERRUPTIBLE, 0);
        if (find_deadlocks)
            leave_wait(&blocked);
        if (error)
            goto out;
    }
    bool changed = cut_out(bucket, request, &spare);
    if (added) {
        *added = *request;
        list_push_back(&bucket->locks, &added->link);
        count_change(1);
        merge(bucket, added);
        added = NULL;
    }
    spin_unlock(&bucket->lock);
    error = 0;
    if (changed)
        wake_up_all(&bucket->waiters);
out:
    if (wait)
        wait_finish(&waiter);
    kfree(spare);
    kfree(added);
    return error;
}

COLD void file_locks_drop_owner_slow(struct file *file, const void *owner)
{
    prepare_buckets();
    struct file_lock_bucket *bucket = bucket_of(file->inode);
    struct file_lock *lock, *following;
    bool changed = false;

    spin_lock(&bucket->lock);
    list_for_each_safe(lock, following, &bucket->locks, link)
    {
        if (lock->inode == file->inode && lock->owner == owner) {
            list_remove(&lock->link);
            count_change(-1);
            kfree(lock);
            changed = true;
        }
    }
    spin_unlock(&bucket->lock);
    if (changed)
        wake_up_all(&bucket->waiters);
}

/* The range of a struct flock in bytes from the start of the file. 0, -EINVAL or -EOVERFLOW. */
static int resolve_range(struct file *file, const struct linux_flock *flock, uint64_t *ret_start,
                         uint64_t *ret_end)
{
    int64_t base, start;

    switch (flock->whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = (int64_t)READ_ONCE(file->position);
        break;
    case SEEK_END:
        base = (int64_t)file_size(file);
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, flock->start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    *ret_start = (uint64_t)start;
    *ret_end = UINT64_MAX;
    if (flock->length > 0) {
        int64_t end;
        if (__builtin_add_overflow(start, flock->length - 1, &end))
            return -EOVERFLOW;
        *ret_end = (uint64_t)end;
    } else if (flock->length < 0) {
        if (start + flock->length < 0)
            return -EINVAL;
        *ret_start = (uint64_t)(start + flock->length);
        *ret_end = (uint64_t)start - 1;
    }
    return 0;
}

static int make_request(struct file *file, const struct linux_flock *flock, bool by_description,
                        struct file_lock *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->inode = file->inode;
    ret->owner = by_description ? (const void *)file : (const void *)current->files;
    ret->pid = by_description ? -1 : current->tgid;
    ret->space = FILE_LOCK_RECORD;
    ret->write = flock->type == F_WRLCK;
    return resolve_range(file, flock, &ret->start, &ret->end);
}

int file_lock_test(struct file *file, struct linux_flock *flock, bool by_description)
{
    struct file_lock request;

    if (flock->type != F_RDLCK && flock->type != F_WRLCK)
        return -EINVAL;
    int error = make_request(file, flock, by_description, &request);
    if (error)
        return error;
    prepare_buckets();
    struct file_lock_bucket *bucket = bucket_of(file->inode);
    spin_lock(&bucket->lock);
    struct file_lock *conflict = find_conflict(bucket, &request);
    if (conflict) {
        flock->type = conflict->write ? F_WRLCK : F_RDLCK;
        flock->whence = SEEK_SET;
        flock->start = (int64_t)conflict->start;
        flock->length =
            conflict->end == UINT64_MAX ? 0 : (int64_t)(conflict->end - conflict->start + 1);
        flock->pid = conflict->pid > 0 ? pid_seen(conflict->pid) : conflict->pid;
    } else {
        flock->type = F_UNLCK;
    }
    spin_unlock(&bucket->lock);
    return 0;
}

int file_lock_set(struct file *file, const struct linux_flock *flock, bool by_description,
                  bool wait)
{
    struct file_lock request;

    int error = make_request(file, flock, by_description, &request);
    if (error)
        return error;
    switch (flock->type) {
    case F_RDLCK:
        if (!file_readable(file))
            return -EBADF;
        break;
    case F_WRLCK:
        if (!file_writable(file))
            return -EBADF;
        break;
    case F_UNLCK:
        break;
    default:
        return -EINVAL;
    }
    return apply(&request, flock->type == F_UNLCK, wait && flock->type != F_UNLCK, !by_description);
}

#define LOCK_SH 1u
#define LOCK_EX 2u
#define LOCK_NB 4u
#define LOCK_UN 8u

SYSCALL2(flock, int, fd, uint32_t, operation)
{
    uint32_t kind = operation & ~LOCK_NB;
    bool counted;
    int64_t result;

    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
        return -EINVAL;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    if (file->flags & O_PATH) {
        result = -EBADF;
    } else {
        struct file_lock request = {
            .inode = file->inode,
            .owner = file,
            .start = 0,
            .end = UINT64_MAX,
            .pid = current->tgid,
            .space = FILE_LOCK_FLOCK,
            .write = kind == LOCK_EX,
        };
        result = apply(&request, kind == LOCK_UN, kind != LOCK_UN && !(operation & LOCK_NB), false);
    }
    file_return(file, counted);
    return result;
}
