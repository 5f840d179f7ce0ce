/*
 * kernel/fs/sendfile.c - sendfile(2) and copy_file_range(2): bytes from file to file through one
 * kernel page, without a trip to user memory.
 */
#include "arch/layout.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/mm/frame.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/syscall.h"

#define COPY_ORDER     2 /* the bounce buffer: 16 KiB */
#define COPY_BYTES     (PAGE_SIZE << COPY_ORDER)
#define COPY_BYTES_MAX 0x7ffff000ul

/*
 * Copies up to `bytes`; positions NULL = a stream. Both positions end where the last byte that
 * arrived came from. Bytes, or -errno if nothing was copied.
 */
static int64_t copy_between(struct file *in, uint64_t *in_position, struct file *out,
                            uint64_t *out_position, uint64_t bytes)
{
    phys_t frame = frame_allocate(FRAME_KERNEL, COPY_ORDER, 0);
    if (!frame)
        return -ENOMEM;
    void *bounce = phys_to_virt(frame);
    uint64_t done = 0;
    int64_t error = 0;

    while (done < bytes) {
        struct io_buffer buffer;
        uint64_t start = in_position ? *in_position : 0;

        io_buffer_init(&buffer, true, (uint64_t)bounce, min(bytes - done, COPY_BYTES));
        ssize_t got = in->operations->read(in, &buffer, in_position);
        if (got <= 0) {
            error = got;
            break;
        }
        io_buffer_init(&buffer, true, (uint64_t)bounce, (uint64_t)got);
        ssize_t put = out->operations->write(out, &buffer, out_position);
        if (in_position)
            *in_position = start + (uint64_t)(put > 0 ? put : 0);
        if (put < 0) {
            error = put;
            break;
        }
        done += (uint64_t)put;
        if (put < got || task_interrupted(current))
            break;
        preemption_point();
    }
    frame_release(frame);
    if (done) {
        notify_file(in, NOTIFY_ACCESS);
        notify_file(out, NOTIFY_MODIFY);
    }
    return done ? (int64_t)done : error;
}

/* A user's optional position: *ret_own says that the file's own is to be used. */
static int position_in(uint64_t address, struct file *file, uint64_t *ret, bool *ret_own)
{
    int64_t value;

    *ret_own = !address;
    if (!address) {
        *ret = file->position;
        return 0;
    }
    if (get_user(value, address))
        return -EFAULT;
    if (file_is_stream(file))
        return -ESPIPE;
    *ret = (uint64_t)value; /* a negative one is the caller's to refuse */
    return 0;
}

static int position_out(uint64_t address, struct file *file, uint64_t position, bool own)
{
    if (!own)
        return put_user(position, address);
    mutex_lock(&file->position_lock);
    file->position = position;
    mutex_unlock(&file->position_lock);
    return 0;
}

static int64_t sendfile_files(struct file *out, struct file *in, uint64_t offset_address,
                              uint64_t bytes)
{
    uint64_t in_position, out_position = out->position;
    bool own;

    if (!file_readable(in) || !file_writable(out))
        return -EBADF;
    int error = position_in(offset_address, in, &in_position, &own);
    if (error)
        return error;
    if (file_is_stream(in) || !in->operations->read || !out->operations->write)
        return -EINVAL;
    if ((int64_t)in_position < 0)
        return -EINVAL;
    if (out->flags & O_APPEND)
        return -EINVAL;
    if ((int64_t)bytes < 0)
        return -EINVAL;
    bool stream = file_is_stream(out);
    int64_t result = copy_between(in, &in_position, out, stream ? NULL : &out_position,
                                  min(bytes, COPY_BYTES_MAX));
    if (result > 0) {
        if (!stream)
            position_out(0, out, out_position, true);
        if (position_out(offset_address, in, in_position, own))
            return -EFAULT;
    }
    return result;
}

SYSCALL4(sendfile, int, out_fd, int, in_fd, uint64_t, offset_address, uint64_t, bytes)
{
    bool in_counted, out_counted;
    int64_t result = -EBADF;

    struct file *in = file_borrow(in_fd, &in_counted);
    if (!in)
        return -EBADF;
    struct file *out = file_borrow(out_fd, &out_counted);
    if (out) {
        result = sendfile_files(out, in, offset_address, bytes);
        file_return(out, out_counted);
    }
    file_return(in, in_counted);
    return result;
}

static int check_regular(const struct inode *inode)
{
    uint32_t type = inode->mode & S_IFMT;
    return type == S_IFREG ? 0 : type == S_IFDIR ? -EISDIR : -EINVAL;
}

static int64_t copy_range_files(struct file *in, uint64_t in_address, struct file *out,
                                uint64_t out_address, uint64_t bytes, uint32_t flags)
{
    uint64_t in_position, out_position;
    bool in_own, out_own;

    int error = position_in(in_address, in, &in_position, &in_own);
    if (!error)
        error = position_in(out_address, out, &out_position, &out_own);
    if (error)
        return error;
    if (flags)
        return -EINVAL;
    error = check_regular(in->inode);
    if (!error)
        error = check_regular(out->inode);
    if (error)
        return error;
    if (!file_readable(in) || !file_writable(out) || out->flags & O_APPEND)
        return -EBADF;
    if (!in->operations->read || !out->operations->write)
        return -EINVAL;
    if ((int64_t)bytes < 0 || in_position + bytes < in_position ||
        out_position + bytes < out_position)
        return -EOVERFLOW;
    if ((int64_t)in_position < 0 || (int64_t)out_position < 0)
        return -EINVAL;
    uint64_t size = file_size(in);
    if (in_position >= size)
        return 0;
    bytes = min(min(bytes, size - in_position), COPY_BYTES_MAX);
    if (in->inode == out->inode && in_position < out_position + bytes &&
        out_position < in_position + bytes)
        return -EINVAL;
    int64_t result = copy_between(in, &in_position, out, &out_position, bytes);
    if (result > 0) {
        error = position_out(in_address, in, in_position, in_own);
        if (position_out(out_address, out, out_position, out_own) || error)
            return -EFAULT;
    }
    return result;
}

SYSCALL6(copy_file_range, int, in_fd, uint64_t, in_address, int, out_fd, uint64_t, out_address,
         uint64_t, bytes, uint32_t, flags)
{
    bool in_counted, out_counted;
    int64_t result = -EBADF;

    struct file *in = file_borrow(in_fd, &in_counted);
    if (!in)
        return -EBADF;
    struct file *out = file_borrow(out_fd, &out_counted);
    if (out) {
        result = copy_range_files(in, in_address, out, out_address, bytes, flags);
        file_return(out, out_counted);
    }
    file_return(in, in_counted);
    return result;
}
