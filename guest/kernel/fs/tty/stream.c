/*
 * kernel/fs/tty/stream.c - standard streams that the host says are no terminals. They look like
 * pipes: no position, end of file when the host closes its side, EPIPE and SIGPIPE when nobody
 * there reads any more.
 *
 * Locks: one mutex (RANK_TTY) per channel, because several files can be open on one. Never held
 * while asleep for bytes or room.
 */
#include "kernel/fs/tty/stream.h"

#include "arch/user_access.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/tty/termios.h"
#include "kernel/lib/errno.h"

static struct mutex locks[CHANNEL_COUNT] = {
#define STREAM_LOCK(i) [i] = {.rank = RANK_TTY, .waiters = WAIT_QUEUE_INIT(locks[i].waiters)}
    STREAM_LOCK(CHANNEL_STDIN),
    STREAM_LOCK(CHANNEL_STDOUT),
    STREAM_LOCK(CHANNEL_STDERR),
};

#define ROOM_TO_WAKE_FOR 4096u /* a sleeping writer waits for so much */

static enum glass_channel_index channel_of(const struct file *file)
{
    return (enum glass_channel_index)(uintptr_t)file->private_data;
}

static ssize_t stream_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    ssize_t done = 0;

    (void)position;
    if (channel_of(file) != CHANNEL_STDIN)
        return -EBADF;
    if (!buffer->remaining)
        return 0;
    for (;;) {
        const uint8_t *bytes;
        size_t piece, copied = 0;

        mutex_lock(&locks[CHANNEL_STDIN]);
        while (buffer->remaining && (piece = channel_peek(&bytes))) {
            piece = min(piece, buffer->remaining);
            copied = io_copy_to(buffer, bytes, piece);
            channel_took(copied);
            done += (ssize_t)copied;
            if (copied < piece) {
                if (!done)
                    done = -EFAULT;
                break;
            }
        }
        if (done > 0)
            WRITE_ONCE(channels[CHANNEL_STDIN].consumer_waits, 0);
        mutex_unlock(&locks[CHANNEL_STDIN]);
        if (done || channel_ended())
            return done;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_event(channel_waiters(CHANNEL_STDIN), WAIT_CONSOLE_INPUT, (uint64_t)file,
                               WAIT_INTERRUPTIBLE, 0, channel_want_bytes());
        if (error)
            return error;
    }
}

static ssize_t stream_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    enum glass_channel_index index = channel_of(file);
    ssize_t done = 0;

    (void)position;
    if (index == CHANNEL_STDIN)
        return -EBADF;
    while (buffer->remaining) {
        if (channel_reader_gone(index)) {
            file_send_sigpipe();
            return done ? done : -EPIPE;
        }
        mutex_lock(&locks[index]);
        ssize_t put = channel_put_from(index, buffer);
        mutex_unlock(&locks[index]);
        if (put < 0)
            return done ? done : put;
        done += put;
        if (!buffer->remaining)
            break;
        if (channel_room(index))
            continue; /* the rest of the source faults: the next round says so */
        if (file->flags & O_NONBLOCK)
            return done ? done : -EAGAIN;
        int error = wait_event(channel_waiters(index), WAIT_CONSOLE_OUTPUT, (uint64_t)file,
                               WAIT_INTERRUPTIBLE, 0, channel_want_room(index, ROOM_TO_WAKE_FOR));
        if (error)
            return done ? done : error;
    }
    return done;
}

static uint32_t stream_poll(struct file *file, struct poll_table *table)
{
    enum glass_channel_index index = channel_of(file);

    poll_wait(table, channel_waiters(index));
    if (index == CHANNEL_STDIN) {
        if (!channel_want_bytes())
            return 0;
        return channel_ended() ? POLLHUP : POLLIN | POLLRDNORM;
    }
    if (channel_reader_gone(index))
        return POLLERR;
    return channel_want_room(index, ROOM_TO_WAKE_FOR) ? POLLOUT | POLLWRNORM : 0;
}

static int64_t stream_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    enum glass_channel_index index = channel_of(file);

    if (command != FIONREAD)
        return -ENOTTY;
    int32_t bytes =
        (int32_t)(index == CHANNEL_STDIN ? channel_available() : channel_pending(index));
    return put_user(bytes, argument);
}

const struct file_operations stream_operations = {
    .kind = "pipe",
    .read = stream_read,
    .write = stream_write,
    .poll = stream_poll,
    .ioctl = stream_ioctl,
};

void stream_attach(struct file *file, enum glass_channel_index index)
{
    file->operations = &stream_operations;
    file->private_data = (void *)(uintptr_t)index;
}

struct file *stream_file_create(enum glass_channel_index index)
{
    struct inode *inode = anonymous_inode(S_IFIFO | 0600, "pipe");
    if (!inode)
        return NULL;
    inode->file_operations = &stream_operations;
    inode->private_data = (void *)(uintptr_t)index;
    struct file *file = file_create(NULL, inode, index == CHANNEL_STDIN ? O_RDONLY : O_WRONLY,
                                    &stream_operations, (void *)(uintptr_t)index);
    inode_put(inode);
    return file;
}

int stream_reopen(struct inode *inode, struct file *file)
{
    enum glass_channel_index index = (enum glass_channel_index)(uintptr_t)inode->private_data;

    if ((file->flags & O_ACCMODE) != (index == CHANNEL_STDIN ? O_RDONLY : O_WRONLY))
        return -EACCES;
    stream_attach(file, index);
    return 0;
}
