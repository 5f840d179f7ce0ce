/*
 * kernel/fs/cache_calls.c - advice about and orders to a page cache: posix_fadvise, readahead,
 * sync_file_range. Files are memory, so what is asked is checked and then already done.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/syscall/syscall.h"

#define FADVISE_MAX 5 /* POSIX_FADV_NOREUSE */

/* Advice about a page cache that does not exist: checked, and then followed by doing nothing. */
SYSCALL4(fadvise64, int, fd, int64_t, offset, int64_t, bytes, int, advice)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    (void)offset;
    if (!file)
        return -EBADF;
    int64_t result = 0;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if ((file->inode->mode & S_IFMT) == S_IFIFO)
        result = -ESPIPE;
    else if (bytes < 0 || advice < 0 || advice > FADVISE_MAX)
        result = -EINVAL;
    file_return(file, counted);
    return result;
}

static bool has_cache(const struct file *file)
{
    return inode_is(file->inode, S_IFREG) || inode_is(file->inode, S_IFBLK);
}

SYSCALL3(readahead, int, fd, int64_t, offset, uint64_t, bytes)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    (void)offset;
    (void)bytes;
    if (!file)
        return -EBADF;
    int64_t result = !file_readable(file) ? -EBADF : has_cache(file) ? 0 : -EINVAL;
    file_return(file, counted);
    return result;
}

#define SYNC_FILE_RANGE_KNOWN 0x7u

SYSCALL4(sync_file_range, int, fd, int64_t, offset, int64_t, bytes, uint32_t, flags)
{
    bool counted;
    int64_t end;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = 0;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if (flags & ~SYNC_FILE_RANGE_KNOWN || offset < 0 ||
             __builtin_add_overflow(offset, bytes, &end) || end < offset)
        result = -EINVAL;
    else if (!has_cache(file) && !inode_is(file->inode, S_IFDIR))
        result = -ESPIPE;
    file_return(file, counted);
    return result;
}
