/*
 * kernel/fs/size_calls.c - how much a file holds: truncate, fallocate; and the sync family, which
 * has little to do where files are memory.
 */
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/lease.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define FALLOC_FL_KEEP_SIZE  0x01
#define FALLOC_FL_PUNCH_HOLE 0x02

/* With SIGXFSZ when the process's own limit is what forbids it. */
static int check_file_limit(uint64_t bytes)
{
    struct process *process = current->process;
    if (!process || bytes <= READ_ONCE(process->rlimits[RLIMIT_FSIZE].soft))
        return 0;
    signal_send_task(current, SIGXFSZ, NULL);
    return -EFBIG;
}

static int truncate_inode(struct inode *inode, uint64_t bytes)
{
    int error = 0;
    if (bytes > inode->bytes)
        error = check_file_limit(bytes);
    if (error)
        return error;
    if (!inode->operations->truncate)
        return -EINVAL;
    mutex_lock(&inode->lock);
    error = inode->operations->truncate(inode, bytes);
    mutex_unlock(&inode->lock);
    return error;
}

SYSCALL2(truncate, uint64_t, path, int64_t, bytes)
{
    struct path place;
    if (bytes < 0)
        return -EINVAL;
    int error = path_lookup_user(AT_FDCWD, path, PATH_FOLLOW, &place);
    if (error)
        return error;
    struct inode *inode = place.dentry->inode;
    if (inode_is(inode, S_IFDIR))
        error = -EISDIR;
    else if (!inode_is(inode, S_IFREG))
        error = -EINVAL;
    else if (!(error = mount_read_only(place.mount, inode)))
        error = inode_permission(inode, MAY_WRITE);
    if (!error && inode->flags & INODE_APPEND_ONLY)
        error = -EPERM;
    if (!error && __atomic_load_n(&inode->writers, __ATOMIC_ACQUIRE) < 0)
        error = -ETXTBSY;
    if (!error)
        error = lease_break(inode, true, false);
    if (!error)
        error = truncate_inode(inode, (uint64_t)bytes);
    if (!error)
        notify_dentry(place.dentry, NOTIFY_MODIFY);
    path_put(&place);
    return error;
}

SYSCALL2(ftruncate, int, fd, int64_t, bytes)
{
    bool counted;
    if (bytes < 0)
        return -EINVAL;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int error;
    if (file->flags & O_PATH)
        error = -EBADF;
    else if (!inode_is(file->inode, S_IFREG) || !file_writable(file))
        error = -EINVAL;
    else if (file->inode->flags & INODE_APPEND_ONLY)
        error = -EPERM;
    else
        error = truncate_inode(file->inode, (uint64_t)bytes);
    if (!error)
        notify_dentry(file->dentry, NOTIFY_MODIFY);
    file_return(file, counted);
    return error;
}

static int allocate_in(struct file *file, int mode, int64_t offset, int64_t bytes)
{
    struct inode *inode = file->inode;
    int64_t end;
    if (offset < 0 || bytes <= 0)
        return -EINVAL;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) /* as Linux's tmpfs */
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    if (!file_writable(file))
        return -EBADF;
    if ((mode & ~FALLOC_FL_KEEP_SIZE && inode->flags & INODE_APPEND_ONLY) ||
        inode->flags & INODE_IMMUTABLE)
        return -EPERM;
    if (inode_is(inode, S_IFIFO))
        return -ESPIPE;
    if (inode_is(inode, S_IFDIR))
        return -EISDIR;
    if (!inode_is(inode, S_IFREG))
        return -ENODEV;
    if (__builtin_add_overflow(offset, bytes, &end))
        return -EFBIG;
    if (!inode->operations->allocate)
        return -EOPNOTSUPP;
    int error = 0;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && (uint64_t)end > inode->bytes)
        error = check_file_limit((uint64_t)end);
    if (error)
        return error;
    mutex_lock(&inode->lock);
    error = inode->operations->allocate(inode, mode, (uint64_t)offset, (uint64_t)bytes);
    mutex_unlock(&inode->lock);
    if (!error)
        notify_file(file, NOTIFY_MODIFY);
    return error;
}

int file_punch_hole(struct file *file, uint64_t offset, uint64_t bytes)
{
    return allocate_in(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (int64_t)offset,
                       (int64_t)bytes);
}

SYSCALL4(fallocate, int, fd, int, mode, int64_t, offset, int64_t, bytes)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int error = file->flags & O_PATH ? -EBADF : allocate_in(file, mode, offset, bytes);
    file_return(file, counted);
    return error;
}

/* ---- sync ---- */

static int64_t sync_file(int fd, bool whole_filesystem)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int error = 0;
    if (file->flags & O_PATH)
        error = -EBADF;
    else if (whole_filesystem)
        error = 0;
    else if (file->operations->sync)
        error = file->operations->sync(file);
    else if (!inode_is(file->inode, S_IFREG) && !inode_is(file->inode, S_IFDIR))
        error = -EINVAL;
    file_return(file, counted);
    return error;
}

SYSCALL1(fsync, int, fd)
{
    return sync_file(fd, false);
}

SYSCALL1(fdatasync, int, fd)
{
    return sync_file(fd, false);
}

SYSCALL1(syncfs, int, fd)
{
    return sync_file(fd, true);
}

SYSCALL0(sync)
{
    return 0;
}
