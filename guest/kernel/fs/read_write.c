/*
 * kernel/fs/read_write.c - moving bytes through descriptors: read, write, their vectored and
 * positioned forms, lseek. Checks are made in Linux's order: descriptor and its mode (EBADF),
 * operation (EINVAL), addresses (EFAULT), then the operation itself.
 *
 * Locks: the position lock of a file is taken only if somebody else can hold the same open file.
 */
#include "kernel/fs/read_write.h"
#include "arch/layout.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/poll.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/syscall.h"

#define IO_VECTORS_MAX 1024u /* UIO_MAXIOV */

/* RWF_* of preadv2(2); the first three ask for what memory does anyway. */
#define RWF_HIPRI    0x1u
#define RWF_DSYNC    0x2u
#define RWF_SYNC     0x4u
#define RWF_NOWAIT   0x8u
#define RWF_APPEND   0x10u
#define RWF_NOAPPEND 0x20u
#define RWF_KNOWN    (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND)

static inline bool position_lock(struct file *file, bool counted)
{
    if (!counted && READ_ONCE(file->references) == 1)
        return false;
    mutex_lock(&file->position_lock);
    return true;
}

/* At the file's own position, under its lock if anyone else can use it. */
static ssize_t transfer_at_own(struct file *file, struct io_buffer *buffer, bool write,
                               bool counted)
{
    bool locked = position_lock(file, counted);
    ssize_t result = write ? file->operations->write(file, buffer, &file->position)
                           : file->operations->read(file, buffer, &file->position);
    if (locked)
        mutex_unlock(&file->position_lock);
    return result;
}

/* When somebody wants to know. */
static NO_INLINE ssize_t transfer_told(struct file *file, struct io_buffer *buffer, bool write,
                                       bool counted)
{
    ssize_t result;
    if (file->operations->seek)
        result = transfer_at_own(file, buffer, write, counted);
    else if (write)
        result = file->operations->write(file, buffer, NULL);
    else
        result = file->operations->read(file, buffer, NULL);
    if (result > 0)
        notify_file(file, write ? NOTIFY_MODIFY : NOTIFY_ACCESS);
    return result;
}

static inline __attribute__((always_inline)) ssize_t
transfer(struct file *file, struct io_buffer *buffer, bool write, bool counted)
{
    const struct file_operations *operations = file->operations;

    if (notify_wanted())
        return transfer_told(file, buffer, write, counted);
    if (operations->seek)
        return transfer_at_own(file, buffer, write, counted);
    return write ? operations->write(file, buffer, NULL) : operations->read(file, buffer, NULL);
}

ssize_t file_transfer(struct file *file, struct io_buffer *buffer, bool write, bool counted)
{
    return transfer(file, buffer, write, counted);
}

/* Is the file open so, and does it have the operation? */
static inline int check_mode(const struct file *file, bool write)
{
    if (unlikely(write ? !file_writable(file) : !file_readable(file)))
        return -EBADF;
    if (unlikely(write ? !file->operations->write : !file->operations->read))
        return file->operations->read_directory ? -EISDIR : -EINVAL;
    return 0;
}

/* Inlined into its callers, for whom `write` is a constant. */
static inline __attribute__((always_inline)) int64_t
transfer_user(struct file *file, uint64_t address, uint64_t bytes, bool write, bool counted)
{
    struct io_buffer buffer;

    if (unlikely(!file))
        return -EBADF;
    if (unlikely(check_mode(file, write) || !user_range_valid(address, bytes)))
        return check_mode(file, write) ?: -EFAULT;
    io_buffer_init(&buffer, false, address, min(bytes, IO_BYTES_MAX));
    return transfer(file, &buffer, write, counted);
}

/* When other tasks use the table too. */
static __attribute__((noinline)) int64_t shared_transfer(int fd, uint64_t address, uint64_t bytes,
                                                         bool write)
{
    struct file *file = file_table_find(fd);
    if (!file)
        return -EBADF;
    int64_t result = write ? transfer_user(file, address, bytes, true, true)
                           : transfer_user(file, address, bytes, false, true);
    file_put(file);
    return result;
}

static inline __attribute__((always_inline)) int64_t simple_transfer(int fd, uint64_t address,
                                                                     uint64_t bytes, bool write)
{
    const struct file_table *table = current->files;

    if (unlikely(!file_table_is_private(table)))
        return shared_transfer(fd, address, bytes, write);
    return transfer_user(file_table_at(table, fd), address, bytes, write, false);
}

SYSCALL3(read, int, fd, uint64_t, address, uint64_t, bytes)
{
    return simple_transfer(fd, address, bytes, false);
}

SYSCALL3(write, int, fd, uint64_t, address, uint64_t, bytes)
{
    return simple_transfer(fd, address, bytes, true);
}

static inline int64_t transfer_at(struct file *file, struct io_buffer *buffer, int64_t position,
                                  bool write)
{
    uint64_t at = (uint64_t)position;

    ssize_t result = write ? file->operations->write(file, buffer, &at)
                           : file->operations->read(file, buffer, &at);
    if (result > 0)
        notify_file(file, write ? NOTIFY_MODIFY : NOTIFY_ACCESS);
    return result;
}

/* Would the range end behind the largest position that there is? */
static inline bool position_overflows(int64_t position, uint64_t bytes)
{
    return bytes > (uint64_t)INT64_MAX - (uint64_t)position;
}

static inline __attribute__((always_inline)) int64_t
positioned_transfer(int fd, uint64_t address, uint64_t bytes, int64_t position, bool write)
{
    bool counted;
    struct io_buffer buffer;
    int64_t result;

    if (position < 0)
        return -EINVAL;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    if (!(file->flags & O_PATH) && file_is_stream(file)) {
        result = -ESPIPE;
    } else {
        result = check_mode(file, write);
        if (!result && !user_range_valid(address, bytes))
            result = -EFAULT;
        if (!result && position_overflows(position, bytes))
            result = -EINVAL;
        if (!result) {
            io_buffer_init(&buffer, false, address, min(bytes, IO_BYTES_MAX));
            result = transfer_at(file, &buffer, position, write);
        }
    }
    file_return(file, counted);
    return result;
}

SYSCALL4(pread64, int, fd, uint64_t, address, uint64_t, bytes, int64_t, position)
{
    return positioned_transfer(fd, address, bytes, position, false);
}

SYSCALL4(pwrite64, int, fd, uint64_t, address, uint64_t, bytes, int64_t, position)
{
    return positioned_transfer(fd, address, bytes, position, true);
}

int io_vector_import(uint64_t vector, uint64_t count, struct io_segment *on_stack,
                     struct io_segment **segments, struct io_buffer *buffer)
{
    struct io_segment *copy = on_stack;
    uint64_t total = 0;
    int error = 0;

    *segments = on_stack;
    if (count > IO_VECTORS_MAX)
        return -EINVAL;
    if (count > IO_VECTORS_ON_STACK) {
        copy = kmalloc(count * sizeof(*copy));
        if (!copy)
            return -ENOMEM;
        *segments = copy;
    }
    if (count && copy_from_user(copy, vector, count * sizeof(*copy)))
        return -EFAULT;
    for (uint64_t i = 0; i < count && !error; i++) {
        if ((int64_t)copy[i].bytes < 0)
            error = -EINVAL;
        else if (!user_range_valid(copy[i].address, copy[i].bytes))
            error = -EFAULT;
        else if (copy[i].bytes > IO_BYTES_MAX - total)
            copy[i].bytes = IO_BYTES_MAX - total;
        total += error ? 0 : copy[i].bytes;
    }
    io_buffer_init_vector(buffer, copy, total);
    return error;
}

void io_vector_free(struct io_segment *segments, const struct io_segment *on_stack)
{
    if (segments != on_stack)
        kfree(segments);
}

/*
 * The transfer as RWF_* ask for it. RWF_NOWAIT of a stream that has nothing now is EAGAIN; files in
 * memory never wait. RWF_APPEND does not move the file's own position, except as a write there does.
 */
static ssize_t vector_transfer_now(struct file *file, struct io_buffer *buffer, int64_t position,
                                   bool write, uint32_t flags, bool counted)
{
    if (flags & RWF_NOWAIT && file_is_stream(file) && file->operations->poll &&
        !(file->operations->poll(file, NULL) & (write ? POLLOUT : POLLIN)))
        return -EAGAIN;
    if (flags & RWF_APPEND)
        buffer->placement = IO_AT_END;
    else if (flags & RWF_NOAPPEND)
        buffer->placement = IO_AT_POSITION;
    if (position == -1)
        return file_transfer(file, buffer, write, counted);
    return transfer_at(file, buffer, position, write);
}

/* position -1: the file's own. */
static int64_t vector_transfer(int fd, uint64_t vector, uint64_t count, int64_t position,
                               bool write, uint32_t flags)
{
    bool counted;
    struct io_segment on_stack[IO_VECTORS_ON_STACK];
    struct io_segment *segments;
    struct io_buffer buffer;

    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result;
    if (position != -1 && !(file->flags & O_PATH) && file_is_stream(file))
        result = -ESPIPE;
    else
        result = check_mode(file, write);
    if (!result) {
        result = io_vector_import(vector, count, on_stack, &segments, &buffer);
        if (!result && position != -1 && position_overflows(position, buffer.remaining))
            result = -EINVAL;
        if (!result && buffer.remaining)
            result = vector_transfer_now(file, &buffer, position, write, flags, counted);
        io_vector_free(segments, on_stack);
    }
    file_return(file, counted);
    return result;
}

SYSCALL3(readv, int, fd, uint64_t, vector, uint64_t, count)
{
    return vector_transfer(fd, vector, count, -1, false, 0);
}

SYSCALL3(writev, int, fd, uint64_t, vector, uint64_t, count)
{
    return vector_transfer(fd, vector, count, -1, true, 0);
}

SYSCALL4(preadv, int, fd, uint64_t, vector, uint64_t, count, int64_t, position)
{
    return position < 0 ? -EINVAL : vector_transfer(fd, vector, count, position, false, 0);
}

SYSCALL4(pwritev, int, fd, uint64_t, vector, uint64_t, count, int64_t, position)
{
    return position < 0 ? -EINVAL : vector_transfer(fd, vector, count, position, true, 0);
}

static int64_t vector_transfer2(int fd, uint64_t vector, uint64_t count, int64_t position,
                                uint32_t flags, bool write)
{
    if (position < -1)
        return -EINVAL;
    if (flags & ~RWF_KNOWN)
        return -EOPNOTSUPP;
    return vector_transfer(fd, vector, count, position, write, flags);
}

/* The high half of the position travels in its own register, which is unused on 64-bit machines. */
SYSCALL6(preadv2, int, fd, uint64_t, vector, uint64_t, count, int64_t, position, uint64_t, high,
         uint32_t, flags)
{
    (void)high;
    return vector_transfer2(fd, vector, count, position, flags, false);
}

SYSCALL6(pwritev2, int, fd, uint64_t, vector, uint64_t, count, int64_t, position, uint64_t, high,
         uint32_t, flags)
{
    (void)high;
    return vector_transfer2(fd, vector, count, position, flags, true);
}

SYSCALL3(lseek, int, fd, int64_t, offset, uint32_t, whence)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result;
    if (file->flags & O_PATH) {
        result = -EBADF;
    } else if (whence > SEEK_HOLE) {
        result = -EINVAL;
    } else if (file_is_stream(file)) {
        result = -ESPIPE;
    } else {
        bool locked = position_lock(file, counted);
        result = file->operations->seek(file, offset, (int)whence);
        if (locked)
            mutex_unlock(&file->position_lock);
    }
    file_return(file, counted);
    return result;
}
