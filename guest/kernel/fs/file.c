/*
 * kernel/fs/file.c - open files: making, counting and ending them, and reading and writing them
 * from inside the kernel.
 *
 * Lifetime: one reference per descriptor, per mapping, and per temporary holder. When the last one
 * goes, the watchers (epoll) and locks of the file go first, then the operation `release` runs,
 * then inode and dentry are given back.
 */
#include "kernel/fs/file.h"

#include "kernel/fs/async.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/file_lock.h"
#include "kernel/fs/lease.h"
#include "kernel/fs/mount/handles.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"

static struct object_cache file_cache = OBJECT_CACHE_INIT("file", struct file);

static HOT_TABLE const struct file_operations no_operations;

struct file *file_create(const struct path *path, struct inode *inode, uint32_t flags,
                         const struct file_operations *operations, void *private_data)
{
    struct file *file = object_cache_allocate(&file_cache);
    if (!file)
        return NULL;
    file->references = 1;
    file->flags = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);
    file->inode = inode;
    file->dentry = path ? path->dentry : NULL;
    file->mount = path ? path->mount : NULL;
    file->operations = operations ? operations : &no_operations;
    file->private_data = private_data;
    file->position = 0;
    mutex_init(&file->position_lock, RANK_FILE_POSITION);
    file->owner_pid = 0;
    file->owner_signal = 0;
    file->held = 0;
    file->epoll_items = NULL;
    inode_get(inode);
    if (path)
        path_get(path);
    return file;
}

void file_get(struct file *file)
{
    reference_get(&file->references);
}

void file_let_go(struct mount *mount, struct inode *inode, uint32_t held)
{
    if (held & FILE_HOLDS_WRITER)
        __atomic_fetch_sub(&inode->writers, 1, __ATOMIC_RELEASE);
    if (held & FILE_DENIES_WRITERS)
        __atomic_fetch_add(&inode->writers, 1, __ATOMIC_RELEASE);
    if (held & FILE_HOLDS_MOUNT_WRITER)
        mount_drop_write(mount);
    if (unlikely(held & FILE_HOLDS_TREE))
        mount_tree_dissolve(mount);
}

/* Nobody refers to it any more. */
static NO_INLINE void file_destroy(struct file *file)
{
    notify_file(file, file_writable(file) ? NOTIFY_CLOSE_WRITE : NOTIFY_CLOSE);
    if (unlikely(file->epoll_items != NULL))
        epoll_forget_file(file);
    file_locks_drop_owner(file, file);
    lease_forget(file);
    if (unlikely(file->held & FILE_IS_ASYNC))
        file_async_forget(file);
    if (file->operations->release)
        file->operations->release(file);
    if (file->held)
        file_let_go(file->mount, file->inode, file->held);
    if (file->dentry)
        dentry_put(file->dentry);
    inode_put(file->inode);
    mount_put(file->mount);
    object_cache_free(&file_cache, file);
    if (MUTANT_EVERY(OBJECT_FREED_TWICE, 100))
        object_cache_free(&file_cache, file);
}

void file_put(struct file *file)
{
    if (reference_put(&file->references))
        file_destroy(file);
}

ssize_t file_read_at(struct file *file, void *buffer, size_t bytes, uint64_t position)
{
    struct io_buffer io;

    if (!file->operations->read)
        return -EINVAL;
    io_buffer_init(&io, true, (uint64_t)buffer, bytes);
    ssize_t result = file->operations->read(file, &io, &position);
    if (result > 0)
        notify_file(file, NOTIFY_ACCESS);
    return result;
}

ssize_t file_write_at(struct file *file, const void *buffer, size_t bytes, uint64_t position)
{
    struct io_buffer io;

    if (!file->operations->write)
        return -EINVAL;
    io_buffer_init(&io, true, (uint64_t)buffer, bytes);
    ssize_t result = file->operations->write(file, &io, &position);
    if (result > 0)
        notify_file(file, NOTIFY_MODIFY);
    return result;
}

uint64_t file_size(const struct file *file)
{
    return READ_ONCE(file->inode->bytes);
}

int file_get_page(struct file *file, uint64_t index, bool write, phys_t *ret)
{
    if (!file->operations->get_page)
        return -ENODEV;
    return file->operations->get_page(file, index, write, ret);
}

int64_t file_seek_within(struct file *file, int64_t offset, int whence, uint64_t end)
{
    int64_t base;

    switch (whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = (int64_t)file->position;
        break;
    case SEEK_END:
        base = (int64_t)end;
        break;
    default:
        return -EINVAL;
    }
    int64_t position;
    if (__builtin_add_overflow(base, offset, &position))
        return whence == SEEK_END && offset > 0 ? -EOVERFLOW : -EINVAL;
    if (position < 0)
        return -EINVAL;
    file->position = (uint64_t)position;
    return position;
}
