/*
 * kernel/fs/lease.h - leases (fcntl(2), "Leases"): who holds one on a file is told, by a signal,
 * before somebody opens or truncates that file in a way that conflicts; the other one waits until
 * the holder has given way, or lease_break_seconds have passed.
 *
 * Lifetime: a lease belongs to an open file; file_destroy() drops it.
 */
#ifndef KERNEL_FS_LEASE_H
#define KERNEL_FS_LEASE_H

#include "kernel/fs/file.h"

extern uint32_t lease_count;         /* leases that exist; lets everybody else skip the search */
extern uint32_t lease_break_seconds; /* how long a holder may take; 0: for ever */

/* F_SETLEASE: type F_RDLCK, F_WRLCK or F_UNLCK. 0, -EINVAL, -EACCES, -EAGAIN or -ENOMEM. */
int64_t lease_set(struct file *file, int fd, uint64_t type);
/* F_GETLEASE: the type that the holder has, or is to go to. */
int64_t lease_get(struct file *file);

int lease_break_slow(struct inode *inode, bool write, bool nonblocking);
/*
 * The file is about to be opened or truncated: holders whose lease is in the way hear of it, and the
 * current task waits for them. 0, -EAGAIN if it must not wait, -ERESTARTSYS. No lock held.
 */
static inline int lease_break(struct inode *inode, bool write, bool nonblocking)
{
    return unlikely(READ_ONCE(lease_count)) ? lease_break_slow(inode, write, nonblocking) : 0;
}

/* The last reference to the file goes. */
void lease_forget_slow(struct file *file);
static inline void lease_forget(struct file *file)
{
    if (unlikely(file->held & FILE_HAS_LEASE))
        lease_forget_slow(file);
}

#endif
