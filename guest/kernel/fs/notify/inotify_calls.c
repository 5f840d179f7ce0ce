/* kernel/fs/notify/inotify_calls.c - inotify_init, inotify_add_watch, inotify_rm_watch. */
#include "kernel/fs/file_table.h"
#include "kernel/fs/notify/inotify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define MASK_KNOWN                                                                                 \
    (INOTIFY_WATCH_BITS | NOTIFY_UNMOUNT | INOTIFY_OVERFLOW | INOTIFY_IGNORED | INOTIFY_ONLY_DIR | \
     INOTIFY_NO_FOLLOW | INOTIFY_MASK_CREATE | INOTIFY_MASK_ADD | NOTIFY_DIRECTORY)

static int64_t inotify_create(uint32_t flags)
{
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    struct inotify *instance = kmalloc(sizeof(*instance));
    struct inode *inode = instance ? anonymous_inode(0600, "inotify") : NULL;
    int error = inode ? inotify_register(instance, current->process->credentials.uid) : -ENOMEM;
    if (error) {
        if (inode)
            inode_put(inode);
        kfree(instance);
        return error;
    }
    struct file *file =
        file_create(NULL, inode, O_RDONLY | (flags & O_NONBLOCK), &inotify_operations, instance);
    inode_put(inode);
    if (!file) {
        inotify_destroy(instance);
        return -ENOMEM;
    }
    int fd = file_table_install(file, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(file);
    return fd;
}

SYSCALL0(inotify_init)
{
    return inotify_create(0);
}

SYSCALL1(inotify_init1, uint32_t, flags)
{
    return inotify_create(flags);
}

static int64_t add_watch(const struct file *file, uint64_t user_path, uint32_t mask)
{
    struct path place;
    uint32_t how = mask & INOTIFY_NO_FOLLOW ? 0 : PATH_FOLLOW;
    if ((mask & INOTIFY_MASK_ADD) && (mask & INOTIFY_MASK_CREATE))
        return -EINVAL;
    if (file->operations != &inotify_operations)
        return -EINVAL;
    if (mask & INOTIFY_ONLY_DIR)
        how |= PATH_DIRECTORY;
    int64_t result = path_lookup_user(AT_FDCWD, user_path, how, &place);
    if (result)
        return result;
    result = inode_permission(place.dentry->inode, MAY_READ);
    if (!result)
        result = inotify_watch_inode(file->private_data, place.dentry->inode, mask);
    path_put(&place);
    return result;
}

SYSCALL3(inotify_add_watch, int, fd, uint64_t, path, uint32_t, mask)
{
    bool counted;
    if (!mask || mask & ~MASK_KNOWN)
        return -EINVAL;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = add_watch(file, path, mask);
    file_return(file, counted);
    return result;
}

SYSCALL2(inotify_rm_watch, int, fd, int, number)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = file->operations == &inotify_operations
                         ? inotify_unwatch(file->private_data, number)
                         : -EINVAL;
    file_return(file, counted);
    return result;
}
