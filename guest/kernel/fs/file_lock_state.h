/* kernel/fs/file_lock_state.h - the advisory locks there are and who waits; for flock.c, and
 * published by observe/describe.c. Locks and lifetime: flock.c. */
#ifndef KERNEL_FS_FILE_LOCK_STATE_H
#define KERNEL_FS_FILE_LOCK_STATE_H

#include "kernel/sync/wait_queue.h"
#include "shared/objects.h"

struct inode;

struct file_lock {
    struct list link;
    const struct inode *inode;
    const void *owner;   /* table of descriptors (record locks), or open file */
    uint64_t start, end; /* both inclusive */
    int32_t pid;         /* as F_GETLK shows it; -1 for locks of a description */
    uint8_t space;       /* enum file_lock_space */
    bool write;
};

#define FILE_LOCK_BUCKETS 64
extern struct file_lock_bucket {
    struct spinlock lock;
    struct list locks;
    struct wait_queue waiters;
} file_lock_buckets[FILE_LOCK_BUCKETS];

/* One waiting record lock; on the waiter's stack, in file_lock_blocked under
 * file_lock_blocked_lock.
 */
struct blocked_owner {
    struct list link;
    const void *owner, *waits_for;
};
extern struct spinlock file_lock_blocked_lock;
extern struct list file_lock_blocked;

#endif
