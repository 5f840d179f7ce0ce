/*
 * kernel/fs/permission.h - who may do what to an inode, by mode bits and the current process's
 * credentials. Kernel threads may do everything. Locks: none; a racing change of mode or ids is
 * seen before or after.
 */
#ifndef KERNEL_FS_PERMISSION_H
#define KERNEL_FS_PERMISSION_H

#include "kernel/fs/inode.h"
#include "kernel/process/capability.h"

#define MAY_EXECUTE 1u
#define MAY_WRITE   2u
#define MAY_READ    4u

/* inode_permission() by the real ids when `real`: access(2). */
int inode_permission_by(const struct inode *inode, uint32_t mask, bool real);
/* The current task has it in its effective set, or is the kernel. */
bool fs_capable(enum capability capability);
/* It owns the inode, or is privileged. */
bool inode_owner_or_privileged(const struct inode *inode);
/* The group is the file system gid or a supplementary group. */
bool fs_in_group(uint32_t gid);
/* May an entry be added to the directory? 0, -ENOENT (the directory itself was removed), -EACCES,
 * -EROFS. */
int directory_may_create(const struct mount *mount, const struct inode *directory);
/*
 * May the entry that stands for `victim` be removed from it? Also -EPERM (sticky bit), -ENOTDIR or
 * -EISDIR when `victim` is not as `want_directory` says, -EBUSY for mount points of the
 * current tree.
 */
int directory_may_delete(const struct path *directory, const struct dentry *victim,
                         bool want_directory);
/* set-id bits that a write or truncate by someone without privilege takes away; inode lock held. */
void inode_drop_set_ids(struct inode *inode);
/* Owner and mode of something new in `directory`: umask, set-group-ID inheritance. Returns the
 * mode. */
uint32_t inode_new_mode(const struct inode *directory, uint32_t mode);
void inode_set_owner(struct inode *inode, const struct inode *directory);
uint32_t fs_umask(void);

#endif
