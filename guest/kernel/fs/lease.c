/*
 * kernel/fs/lease.c - leases of files, and breaking them. See lease.h.
 *
 * Locks: lease_lock (mutex, RANK_LEASE) guards all leases; an owner's signal is sent under it, so
 * that the file is there. Sleepers look at `lease_changes` without it, and then again.
 */
#include "kernel/fs/lease.h"

#include "arch/cpu.h"
#include "kernel/fs/async.h"
#include "kernel/fs/file_lock.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/list.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"
#include "kernel/sync/mutex.h"
#include "kernel/time/clock.h"

#define POLLMSG       0x400
#define NS_PER_SECOND 1000000000ull

struct lease {
    struct list link;
    struct file *file;    /* not counted: lease_forget() */
    int fd;               /* for the signal */
    uint8_t type;         /* F_RDLCK or F_WRLCK */
    uint8_t wanted;       /* the same while nobody minds; else what it is to become */
    uint64_t deadline_ns; /* when it becomes that by itself; 0: never */
};

uint32_t lease_count;
uint32_t lease_break_seconds = 45;

static struct list leases = LIST_INIT(leases);
static uint32_t lease_changes; /* raised whenever a lease goes or becomes weaker */
static struct wait_queue lease_waiters = {SPINLOCK_INIT(RANK_WAIT_QUEUE),
                                          LIST_INIT(lease_waiters.waiters)};
static struct mutex lease_lock = {
    .rank = RANK_LEASE,
    .waiters = {SPINLOCK_INIT(RANK_WAIT_QUEUE), LIST_INIT(lease_lock.waiters.waiters)},
};

/* ---- under the lock ---- */

static struct lease *find(const struct file *file)
{
    struct lease *lease;

    list_for_each(lease, &leases, link)
    {
        if (lease->file == file)
            return lease;
    }
    return NULL;
}

static void changed(void)
{
    __atomic_fetch_add(&lease_changes, 1, __ATOMIC_SEQ_CST);
    wake_up_all(&lease_waiters);
}

static void end(struct lease *lease)
{
    list_remove(&lease->link);
    kfree(lease);
    __atomic_fetch_sub(&lease_count, 1, __ATOMIC_SEQ_CST);
    changed();
}

/* Whose holder has taken too long is what it was to become. Returns true if the lease has gone. */
static bool expire(struct lease *lease)
{
    if (lease->wanted == lease->type || !lease->deadline_ns ||
        clock_monotonic_ns() < lease->deadline_ns)
        return false;
    if (lease->wanted == F_UNLCK) {
        end(lease);
        return true;
    }
    lease->type = lease->wanted;
    changed();
    return false;
}

/* Would a lease of that type be wrong from the start? As of fcntl(2): others have the file open. */
static bool opened_otherwise(const struct file *file, uint64_t type)
{
    const struct inode *inode = file->inode;

    if (type == F_RDLCK)
        return __atomic_load_n(&inode->writers, __ATOMIC_SEQ_CST) > 0;
    return (__atomic_load_n(&file->dentry->references, __ATOMIC_SEQ_CST) & ~DENTRY_UNHASHED) > 1;
}

/* Another file's lease that forbids this one. */
static bool leased_otherwise(const struct file *file, uint64_t type)
{
    struct lease *lease;

    list_for_each(lease, &leases, link)
    {
        if (lease->file != file && lease->file->inode == file->inode &&
            (type == F_WRLCK || lease->wanted == F_UNLCK))
            return true;
    }
    return false;
}

/* ---- fcntl ---- */

static int change(struct file *file, int fd, uint64_t type, struct lease **fresh)
{
    struct lease *lease = find(file);

    if (lease && expire(lease))
        lease = NULL;
    if (type == F_UNLCK) {
        if (!lease)
            return -EAGAIN;
        end(lease);
        return 0;
    }
    if (!lease) {
        lease = *fresh;
        *fresh = NULL;
        lease->file = file;
        lease->fd = fd;
        lease->type = lease->wanted = (uint8_t)type;
        list_push_back(&leases, &lease->link);
        /* Who opens the file now sees the count, or is seen by the looks that follow. */
        __atomic_fetch_add(&lease_count, 1, __ATOMIC_SEQ_CST);
        if (opened_otherwise(file, type) || leased_otherwise(file, type)) {
            end(lease);
            return -EAGAIN;
        }
        __atomic_fetch_or(&file->held, FILE_HAS_LEASE, __ATOMIC_RELAXED);
        file_owner_default(file);
        return 0;
    }
    if (opened_otherwise(file, type) || leased_otherwise(file, type))
        return -EAGAIN;
    if (lease->wanted == lease->type) /* else somebody still waits for what is wanted */
        lease->wanted = (uint8_t)type;
    lease->type = (uint8_t)type;
    changed();
    return 0;
}

int64_t lease_set(struct file *file, int fd, uint64_t type)
{
    struct lease *fresh = NULL;

    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
        return -EINVAL;
    if (current->process->credentials.fsuid != file->inode->uid &&
        !process_has_capability(current->process, CAP_LEASE))
        return -EACCES;
    if (!inode_is(file->inode, S_IFREG) || !file->dentry)
        return -EINVAL;
    if (type != F_UNLCK && !(fresh = kzalloc(sizeof(*fresh))))
        return -ENOMEM;
    mutex_lock(&lease_lock);
    int error = change(file, fd, type, &fresh);
    mutex_unlock(&lease_lock);
    kfree(fresh);
    return error;
}

int64_t lease_get(struct file *file)
{
    int64_t type = F_UNLCK;

    if (!READ_ONCE(lease_count))
        return type;
    mutex_lock(&lease_lock);
    struct lease *lease = find(file);
    if (lease && !expire(lease))
        type = lease->wanted;
    mutex_unlock(&lease_lock);
    return type;
}

void lease_forget_slow(struct file *file)
{
    mutex_lock(&lease_lock);
    struct lease *lease = find(file);
    if (lease)
        end(lease);
    mutex_unlock(&lease_lock);
}

/* ---- breaking ---- */

/* The holder is to give way, and hears of it when that is new. */
static void ask(struct lease *lease, uint8_t wanted)
{
    if (lease->wanted == F_UNLCK || lease->wanted == wanted)
        return;
    lease->wanted = wanted;
    uint32_t seconds = READ_ONCE(lease_break_seconds);
    lease->deadline_ns = seconds ? clock_monotonic_ns() + seconds * NS_PER_SECOND : 0;
    file_owner_signal(lease->file, lease->fd, POLL_CODE_MSG, POLLIN | POLLRDNORM | POLLMSG);
}

/*
 * Asks all holders that are in the way. How many are; *deadline_ns: when the first of them will have
 * taken too long, 0: never; *changes: lease_changes before.
 */
static uint32_t ask_all(struct inode *inode, bool write, uint64_t *deadline_ns, uint32_t *changes)
{
    struct lease *lease, *following;
    uint32_t count = 0;

    *deadline_ns = 0;
    mutex_lock(&lease_lock);
    list_for_each_safe(lease, following, &leases, link)
    {
        if (lease->file->inode != inode || expire(lease) || (!write && lease->type == F_RDLCK))
            continue;
        ask(lease, write ? F_UNLCK : F_RDLCK);
        count++;
        if (lease->deadline_ns && (!*deadline_ns || lease->deadline_ns < *deadline_ns))
            *deadline_ns = lease->deadline_ns;
    }
    *changes = READ_ONCE(lease_changes);
    mutex_unlock(&lease_lock);
    return count;
}

int lease_break_slow(struct inode *inode, bool write, bool nonblocking)
{
    uint64_t deadline_ns;
    uint32_t changes;

    while (ask_all(inode, write, &deadline_ns, &changes)) {
        if (nonblocking)
            return -EAGAIN;
        int error = wait_event(&lease_waiters, WAIT_FILE_LOCK, (uint64_t)inode, WAIT_INTERRUPTIBLE,
                               deadline_ns, READ_ONCE(lease_changes) != changes);
        if (error && error != -ETIMEDOUT)
            return error;
    }
    return 0;
}
