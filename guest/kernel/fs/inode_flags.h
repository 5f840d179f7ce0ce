/*
 * kernel/fs/inode_flags.h - what chattr(1) sets on a file (ioctl_iflags(2)). Enforced by the checks
 * of permission.c and by whoever changes an inode.
 */
#ifndef KERNEL_FS_INODE_FLAGS_H
#define KERNEL_FS_INODE_FLAGS_H

#include "kernel/fs/inode.h"

/* Values of the Linux ABI (FS_*_FL). */
#define INODE_IMMUTABLE   0x10u /* nothing about it changes, nobody opens it to write */
#define INODE_APPEND_ONLY 0x20u /* opened to write with O_APPEND only */
#define INODE_NO_DUMP     0x40u /* for backup programs */
#define INODE_NO_ATIME    0x80u
#define INODE_INHERITED   (INODE_NO_DUMP | INODE_NO_ATIME) /* by what is made in a directory */

/* What such a file keeps: its name, mode, owner, links, extended attributes. */
static inline bool inode_is_kept(const struct inode *inode)
{
    return inode->flags & (INODE_IMMUTABLE | INODE_APPEND_ONLY);
}

/* FS_IOC_GETFLAGS and FS_IOC_SETFLAGS: 0 or -errno; -ENOTTY if its file system has none. */
int64_t inode_flags_get(struct inode *inode, uint64_t address);
int64_t inode_flags_set(struct file *file, uint64_t address);

#endif
