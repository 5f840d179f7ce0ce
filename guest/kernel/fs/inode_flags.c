/* kernel/fs/inode_flags.c - see inode_flags.h. */
#include "kernel/fs/inode_flags.h"

#include "arch/user_access.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/permission.h"
#include "kernel/process/capability.h"

#define GUARDED (INODE_IMMUTABLE | INODE_APPEND_ONLY)

static bool has_flags(const struct inode *inode)
{
    return inode->operations->attributes && (inode_is(inode, S_IFREG) || inode_is(inode, S_IFDIR));
}

int64_t inode_flags_get(struct inode *inode, uint64_t address)
{
    uint32_t flags = READ_ONCE(inode->flags);
    return has_flags(inode) ? put_user(flags, address) : -ENOTTY;
}

int64_t inode_flags_set(struct file *file, uint64_t address)
{
    struct inode *inode = file->inode;
    uint32_t wanted;
    int64_t error = 0;
    if (get_user(wanted, address))
        return -EFAULT;
    if (mount_read_only(file->mount, inode))
        return -EROFS;
    if (!has_flags(inode))
        return -ENOTTY;
    if (!inode_owner_or_privileged(inode))
        return -EPERM;
    mutex_lock(&inode->lock);
    if ((wanted ^ inode->flags) & GUARDED && !fs_capable(CAP_LINUX_IMMUTABLE))
        error = -EPERM;
    else if (wanted & ~(GUARDED | INODE_INHERITED))
        error = -EOPNOTSUPP;
    if (!error) {
        WRITE_ONCE(inode->flags, wanted);
        inode->change_ns = clock_realtime_ns();
    }
    mutex_unlock(&inode->lock);
    return error;
}
