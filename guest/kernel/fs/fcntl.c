/*
 * kernel/fs/fcntl.c - calls about descriptors themselves: close, dup, fcntl, and the ioctls that
 * every file understands.
 */
#include "kernel/fs/fcntl.h"

#include "kernel/fs/async.h"
#include "kernel/fs/file_lock.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/lease.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/tty/termios.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

SYSCALL1(close, int, fd)
{
    return file_table_close(fd);
}

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

SYSCALL3(close_range, uint32_t, first, uint32_t, last, uint32_t, flags)
{
    if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE && READ_ONCE(current->files->references) > 1) {
        struct file_table *table = file_table_duplicate(current->files);
        if (!table)
            return -ENOMEM;
        struct file_table *old = current->files;
        spin_lock(&current->process->parts_lock);
        current->files = table;
        spin_unlock(&current->process->parts_lock);
        file_table_put(old);
    }
    file_table_close_range(current->files, first, last, flags & CLOSE_RANGE_CLOEXEC);
    return 0;
}

static int64_t duplicate(int fd, int from, bool close_on_exec)
{
    struct file *file = file_table_find(fd);
    if (!file)
        return -EBADF;
    int result = file_table_install(file, from, close_on_exec);
    if (MUTANT_EVERY(DUP_NOT_COUNTED, 10) && result >= 0)
        file_put(file);
    if (result < 0)
        file_put(file);
    return result;
}

SYSCALL1(dup, int, fd)
{
    return duplicate(fd, 0, false);
}

static int64_t duplicate_to(int old_fd, int new_fd, bool close_on_exec)
{
    if ((uint32_t)new_fd >= file_table_limit())
        return -EBADF;
    struct file *file = file_table_find(old_fd);
    if (!file)
        return -EBADF;
    int result = file_table_replace(file, new_fd, close_on_exec);
    if (result < 0)
        file_put(file);
    return result;
}

SYSCALL2(dup2, int, old_fd, int, new_fd)
{
    if (old_fd == new_fd) {
        bool counted;
        struct file *file = file_borrow(old_fd, &counted);
        if (!file)
            return -EBADF;
        file_return(file, counted);
        return new_fd;
    }
    return duplicate_to(old_fd, new_fd, false);
}

SYSCALL3(dup3, int, old_fd, int, new_fd, uint32_t, flags)
{
    if (flags & ~(uint32_t)O_CLOEXEC || old_fd == new_fd)
        return -EINVAL;
    return duplicate_to(old_fd, new_fd, flags & O_CLOEXEC);
}

static int64_t set_flags(struct file *file, int fd, uint32_t flags)
{
    /* O_DIRECT: nothing here has a cache to go around. Accepted, not kept. */
    uint32_t settable = O_APPEND | O_NONBLOCK | O_NOATIME | (file_can_be_async(file) ? O_ASYNC : 0);
    uint32_t before = READ_ONCE(file->flags), after;

    if ((before ^ flags) & O_APPEND && file->inode->flags & INODE_APPEND_ONLY)
        return -EPERM;
    if (flags & O_DIRECT && !inode_is(file->inode, S_IFREG))
        return -EINVAL;
    if ((before ^ flags) & settable & O_ASYNC) {
        int error = file_async_set(file, fd, flags & O_ASYNC);
        if (error)
            return error;
    }
    do {
        after = (before & ~settable) | (flags & settable);
    } while (!__atomic_compare_exchange_n(&file->flags, &before, after, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

static int64_t record_lock(struct file *file, int command, uint64_t address)
{
    struct linux_flock request;
    bool by_description = command >= F_OFD_GETLK;

    if (get_user(request, address))
        return -EFAULT;
    if (by_description && request.pid)
        return -EINVAL;
    switch (command) {
    case F_GETLK:
    case F_OFD_GETLK: {
        int error = file_lock_test(file, &request, by_description);
        return error ? error : put_user(request, address);
    }
    default:
        return file_lock_set(file, &request, by_description,
                             command == F_SETLKW || command == F_OFD_SETLKW);
    }
}

static int64_t control(struct file *file, int fd, int command, uint64_t argument)
{
    if (file->flags & O_PATH && command != F_DUPFD && command != F_DUPFD_CLOEXEC &&
        command != F_GETFD && command != F_SETFD && command != F_GETFL)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (argument >= file_table_limit())
            return -EINVAL;
        return duplicate(fd, (int)argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return file_table_get_close_on_exec(fd);
    case F_SETFD:
        return file_table_set_close_on_exec(fd, argument & FD_CLOEXEC);
    case F_GETFL:
        return READ_ONCE(file->flags);
    case F_SETFL:
        return set_flags(file, fd, (uint32_t)argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return record_lock(file, command, argument);
    case F_SETOWN:
    case F_GETOWN:
    case F_SETSIG:
    case F_GETSIG:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
        return file_owner_call(file, command, argument);
    case F_GETLEASE:
        return lease_get(file);
    case F_SETLEASE:
        return lease_set(file, fd, argument);
    case F_SETPIPE_SZ:
        return pipe_set_size(file, (uint32_t)argument);
    case F_GETPIPE_SZ:
        return pipe_get_size(file);
    case F_ADD_SEALS:
        return file_seals_add(file, (uint32_t)argument);
    case F_GET_SEALS:
        return file_seals_get(file);
    default:
        return -EINVAL; /* F_NOTIFY too: as on a kernel built without it */
    }
}

SYSCALL3(fcntl, int, fd, int, command, uint64_t, argument)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = control(file, fd, command, argument);
    file_return(file, counted);
    return result;
}

/* ---- ioctl ---- */

#define FS_IOC_GETFLAGS 0x80086601u
#define FS_IOC_SETFLAGS 0x40086602u

static int64_t set_nonblocking(struct file *file, uint64_t address)
{
    int32_t on;

    if (get_user(on, address))
        return -EFAULT;
    if (on)
        __atomic_fetch_or(&file->flags, O_NONBLOCK, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&file->flags, ~(uint32_t)O_NONBLOCK, __ATOMIC_RELAXED);
    return 0;
}

static int64_t set_async(struct file *file, int fd, uint64_t address)
{
    int32_t on;

    if (get_user(on, address))
        return -EFAULT;
    uint32_t flags = READ_ONCE(file->flags);
    return set_flags(file, fd, on ? flags | O_ASYNC : flags & ~(uint32_t)O_ASYNC);
}

static int64_t regular_file_ioctl(struct file *file, uint32_t command, uint64_t address)
{
    if (command == FIONREAD) {
        int32_t left = (int32_t)(file_size(file) - READ_ONCE(file->position));
        return put_user(left, address);
    }
    return -ENOTTY;
}

static int64_t file_ioctl(struct file *file, int fd, uint32_t command, uint64_t argument)
{
    uint64_t size;

    if (file->flags & O_PATH)
        return -EBADF;
    switch (command) {
    case FIOCLEX:
        return file_table_set_close_on_exec(fd, true);
    case FIONCLEX:
        return file_table_set_close_on_exec(fd, false);
    case FIONBIO:
        return set_nonblocking(file, argument);
    case FIOASYNC:
        return set_async(file, fd, argument);
    case FIOQSIZE:
        if (!inode_is(file->inode, S_IFREG) && !inode_is(file->inode, S_IFDIR) &&
            !inode_is(file->inode, S_IFLNK))
            return -ENOTTY;
        size = file_size(file);
        return put_user(size, argument);
    }
    if (command == FS_IOC_GETFLAGS)
        return inode_flags_get(file->inode, argument);
    if (command == FS_IOC_SETFLAGS)
        return inode_flags_set(file, argument);
    if (file->operations->ioctl)
        return file->operations->ioctl(file, command, argument);
    if (inode_is(file->inode, S_IFREG))
        return regular_file_ioctl(file, command, argument);
    return -ENOTTY;
}

SYSCALL3(ioctl, int, fd, uint32_t, command, uint64_t, argument)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = file_ioctl(file, fd, command, argument);
    file_return(file, counted);
    return result;
}
