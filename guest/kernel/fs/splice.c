/*
 * kernel/fs/splice.c - splice(2), tee(2) and vmsplice(2): bytes between a pipe and a file, two pipes,
 * or a pipe and memory, by way of a few kernel pages.
 *
 * No lock is held between the two sides. What was taken from a pipe and found no place on the other
 * side goes back to the pipe's front; only if others have filled the pipe in that moment is it lost.
 */
#include "arch/layout.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/pipe_state.h"
#include "kernel/fs/read_write.h"
#include "kernel/mm/frame.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/syscall.h"

#define SPLICE_F_NONBLOCK 0x2u
#define SPLICE_F_KNOWN    0xfu /* MOVE, NONBLOCK, MORE, GIFT */

#define BOUNCE_ORDER     2 /* 16 KiB */
#define BOUNCE_BYTES     (PAGE_SIZE << BOUNCE_ORDER)
#define SPLICE_BYTES_MAX 0x7ffff000ul

/* One side of a transfer. */
struct splice_end {
    struct file *file;
    struct pipe *pipe;  /* NULL: no pipe */
    uint64_t address;   /* of the program's own position, or 0 */
    uint64_t position;  /* where it is now; not for streams */
    uint64_t *advanced; /* &position, or NULL for streams */
};

/* ---- positions ---- */

/* A program's own position, which only a file that is no stream has. 0 or -errno. */
static int end_prepare(struct splice_end *end)
{
    int64_t own;

    end->advanced = file_is_stream(end->file) ? NULL : &end->position;
    end->position = end->file->position;
    if (!end->address)
        return 0;
    if (get_user(own, end->address))
        return -EFAULT;
    if (!end->advanced || own < 0)
        return -EINVAL;
    end->position = (uint64_t)own;
    return 0;
}

static int end_finish(struct splice_end *end)
{
    if (!end->advanced)
        return 0;
    if (end->address)
        return put_user(end->position, end->address);
    mutex_lock(&end->file->position_lock);
    end->file->position = end->position;
    mutex_unlock(&end->file->position_lock);
    return 0;
}

/* ---- waiting ---- */

/* 1: there are bytes; 0: none will come; or -errno. */
static int await_bytes(struct pipe *pipe, bool nonblocking)
{
    int result = 1;

    while (!pipe_used(pipe)) {
        result = pipe_wait_for_bytes(pipe, nonblocking);
        if (result <= 0)
            return result;
    }
    return 1;
}

/* 0: there is room; or -errno, with SIGPIPE for -EPIPE. */
static int await_room(struct pipe *pipe, bool nonblocking)
{
    for (;;) {
        if (!READ_ONCE(pipe->readers)) {
            file_send_sigpipe();
            return -EPIPE;
        }
        if (pipe_room(pipe) >= PIPE_BUF)
            return 0;
        int error = pipe_wait_for_room(pipe, nonblocking);
        if (error)
            return error;
    }
}

/* ---- the three directions ---- */

/* What finds room now, 0 if none; or -errno, with SIGPIPE for -EPIPE. */
static ssize_t put_kernel(struct pipe *out, const void *from, size_t bytes)
{
    struct io_buffer buffer;

    io_buffer_init(&buffer, true, (uint64_t)from, bytes);
    ssize_t put = pipe_put(out, &buffer);
    if (put == -EPIPE)
        file_send_sigpipe();
    return put;
}

/* `keep`: tee(2). Waits once at most, for bytes and then for room. */
static int64_t pipe_to_pipe(struct pipe *in, struct pipe *out, void *bounce, uint64_t bytes,
                            bool nonblocking, bool keep)
{
    for (;;) {
        int result = await_bytes(in, nonblocking);
        if (result <= 0)
            return result;
        result = await_room(out, nonblocking);
        if (result)
            return result;
        size_t got =
            pipe_take(in, bounce, min(min(bytes, BOUNCE_BYTES), (uint64_t)pipe_room(out)), keep);
        ssize_t put = put_kernel(out, bounce, got);
        size_t moved = put > 0 ? (size_t)put : 0;
        if (moved < got && !keep)
            pipe_put_back(in, (uint8_t *)bounce + moved, got - moved);
        if (put)
            return put;
        /* Others took the bytes or the room: once more. */
    }
}

/* Waits only for the first bytes. */
static int64_t pipe_to_file(struct pipe *in, struct splice_end *out, void *bounce, uint64_t bytes,
                            bool nonblocking)
{
    struct file *file = out->file;
    uint64_t done = 0;
    int64_t error = 0;

    while (done < bytes && (!done || pipe_used(in))) {
        struct io_buffer buffer;
        int result = await_bytes(in, nonblocking);
        if (result <= 0) {
            error = result;
            break;
        }
        size_t got = pipe_take(in, bounce, min(bytes - done, BOUNCE_BYTES), false);
        if (!got)
            continue;
        io_buffer_init(&buffer, true, (uint64_t)bounce, got);
        ssize_t put = file->operations->write(file, &buffer, out->advanced);
        size_t moved = put > 0 ? (size_t)put : 0;
        if (moved < got)
            pipe_put_back(in, (uint8_t *)bounce + moved, got - moved);
        if (put < 0) {
            error = put;
            break;
        }
        done += moved;
        if (moved < got || task_interrupted(current))
            break;
        preemption_point();
    }
    if (done)
        notify_file(file, NOTIFY_MODIFY);
    return done ? (int64_t)done : error;
}

/* Puts all of it, though others may take the room that there was. */
static int64_t put_all(struct pipe *out, const void *from, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t put = put_kernel(out, (const uint8_t *)from + done, bytes - done);
        if (!put)
            put = await_room(out, false);
        if (put < 0)
            return done ? (int64_t)done : put;
        done += (size_t)put;
    }
    return (int64_t)done;
}

static int64_t file_to_pipe(struct splice_end *in, struct pipe *out, void *bounce, uint64_t bytes,
                            bool nonblocking)
{
    struct file *file = in->file;
    uint64_t done = 0;
    int64_t error = await_room(out, nonblocking);

    bytes = min(bytes, (uint64_t)pipe_room(out));
    while (!error && done < bytes) {
        struct io_buffer buffer;
        uint64_t start = in->position;
        io_buffer_init(&buffer, true, (uint64_t)bounce, min(bytes - done, BOUNCE_BYTES));
        ssize_t got = file->operations->read(file, &buffer, in->advanced);
        if (got <= 0) {
            error = got;
            break;
        }
        int64_t put = put_all(out, bounce, (size_t)got);
        in->position = start + (uint64_t)(put > 0 ? put : 0);
        if (put < 0) {
            error = put;
            break;
        }
        done += (uint64_t)put;
        if (put < got || !in->advanced) /* a stream's next read might wait */
            break;
        preemption_point();
    }
    if (done)
        notify_file(file, NOTIFY_ACCESS);
    return done ? (int64_t)done : error;
}

/* ---- splice ---- */

static int64_t splice_with(struct splice_end *in, struct splice_end *out, void *bounce,
                           uint64_t bytes, bool nonblocking)
{
    if (in->pipe && out->pipe) {
        if (in->pipe == out->pipe)
            return -EINVAL;
        nonblocking |= (in->file->flags | out->file->flags) & O_NONBLOCK;
        return pipe_to_pipe(in->pipe, out->pipe, bounce, bytes, nonblocking, false);
    }
    if (!in->pipe && !out->pipe)
        return -EINVAL;
    struct splice_end *end = in->pipe ? out : in;
    int64_t result = end_prepare(end);
    if (result)
        return result;
    if (in->pipe) {
        if (!out->file->operations->write || out->file->flags & O_APPEND)
            return -EINVAL;
        nonblocking |= in->file->flags & O_NONBLOCK;
        result = pipe_to_file(in->pipe, out, bounce, bytes, nonblocking);
    } else {
        if (!in->file->operations->read)
            return -EINVAL;
        nonblocking |= out->file->flags & O_NONBLOCK;
        result = file_to_pipe(in, out->pipe, bounce, bytes, nonblocking);
    }
    if (result > 0 && end_finish(end))
        return -EFAULT;
    return result;
}

static int64_t splice_files(struct splice_end *in, struct splice_end *out, uint64_t bytes,
                            uint32_t flags)
{
    in->pipe = pipe_of(in->file);
    out->pipe = pipe_of(out->file);
    if ((in->pipe && in->address) || (out->pipe && out->address))
        return -ESPIPE;
    if (!file_readable(in->file) || !file_writable(out->file))
        return -EBADF;
    phys_t frame = frame_allocate(FRAME_KERNEL, BOUNCE_ORDER, 0);
    if (!frame)
        return -ENOMEM;
    int64_t result = splice_with(in, out, phys_to_virt(frame), min(bytes, SPLICE_BYTES_MAX),
                                 flags & SPLICE_F_NONBLOCK);
    frame_release(frame);
    return result;
}

SYSCALL6(splice, int, in_fd, uint64_t, in_address, int, out_fd, uint64_t, out_address, uint64_t,
         bytes, uint32_t, flags)
{
    struct splice_end in = {.address = in_address}, out = {.address = out_address};
    bool in_counted, out_counted;
    int64_t result = -EBADF;

    if (!bytes)
        return 0;
    if (flags & ~SPLICE_F_KNOWN)
        return -EINVAL;
    in.file = file_borrow(in_fd, &in_counted);
    if (!in.file)
        return -EBADF;
    out.file = file_borrow(out_fd, &out_counted);
    if (out.file) {
        result = splice_files(&in, &out, bytes, flags);
        file_return(out.file, out_counted);
    }
    file_return(in.file, in_counted);
    return result;
}

/* ---- tee ---- */

static int64_t tee_files(struct file *in, struct file *out, uint64_t bytes, uint32_t flags)
{
    struct pipe *in_pipe = pipe_of(in), *out_pipe = pipe_of(out);

    if (!file_readable(in) || !file_writable(out))
        return -EBADF;
    if (!in_pipe || !out_pipe || in_pipe == out_pipe)
        return -EINVAL;
    phys_t frame = frame_allocate(FRAME_KERNEL, BOUNCE_ORDER, 0);
    if (!frame)
        return -ENOMEM;
    bool nonblocking = flags & SPLICE_F_NONBLOCK || (in->flags | out->flags) & O_NONBLOCK;
    int64_t result = pipe_to_pipe(in_pipe, out_pipe, phys_to_virt(frame), bytes, nonblocking, true);
    frame_release(frame);
    return result;
}

SYSCALL4(tee, int, in_fd, int, out_fd, uint64_t, bytes, uint32_t, flags)
{
    bool in_counted, out_counted;
    int64_t result = -EBADF;

    if (flags & ~SPLICE_F_KNOWN)
        return -EINVAL;
    if (!bytes)
        return 0;
    struct file *in = file_borrow(in_fd, &in_counted);
    if (!in)
        return -EBADF;
    struct file *out = file_borrow(out_fd, &out_counted);
    if (out) {
        result = tee_files(in, out, bytes, flags);
        file_return(out, out_counted);
    }
    file_return(in, in_counted);
    return result;
}

/* ---- vmsplice ---- */

/* As much as there is room for; waits only for the first of it. */
static int64_t memory_to_pipe(struct pipe *pipe, struct io_buffer *buffer, bool nonblocking)
{
    int64_t result = await_room(pipe, nonblocking);
    if (result)
        return result;
    result = pipe_put(pipe, buffer);
    if (result == -EPIPE)
        file_send_sigpipe();
    return result;
}

static int64_t vmsplice_file(struct file *file, uint64_t vector, uint64_t count, uint32_t flags)
{
    struct io_segment on_stack[IO_VECTORS_ON_STACK], *segments;
    struct io_buffer buffer;
    struct pipe *pipe = pipe_of(file);
    bool nonblocking = flags & SPLICE_F_NONBLOCK || file->flags & O_NONBLOCK;

    if (!file_writable(file) && !file_readable(file))
        return -EBADF;
    int64_t result = io_vector_import(vector, count, on_stack, &segments, &buffer);
    if (!result && buffer.remaining) {
        if (!pipe)
            result = -EBADF;
        else if (file_writable(file))
            result = memory_to_pipe(pipe, &buffer, nonblocking);
        else if ((result = await_bytes(pipe, nonblocking)) > 0)
            result = file->operations->read(file, &buffer, NULL);
    }
    io_vector_free(segments, on_stack);
    return result;
}

SYSCALL4(vmsplice, int, fd, uint64_t, vector, uint64_t, count, uint32_t, flags)
{
    bool counted;

    if (flags & ~SPLICE_F_KNOWN)
        return -EINVAL;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = vmsplice_file(file, vector, count, flags);
    file_return(file, counted);
    return result;
}
