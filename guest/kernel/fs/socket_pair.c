/*
 * socket_pair.c - a pair of connected stream sockets: two rings of bytes, one in each direction
 * (unix(7), SOCK_STREAM).
 *
 * Lifetime: the pair goes with its second file. Lock: one mutex (RANK_PIPE) for both directions;
 * each side sleeps, for bytes as for room, on its own queue, which the other side wakes.
 */
#include "kernel/fs/socket_pair.h"

#include "arch/cpu.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"

#define RING_BYTES   16384u /* a power of two */
#define ROOM_TO_POLL (RING_BYTES / 2)

struct socket_side {
    struct socket_pair *pair;
    bool closed, read_shut, write_shut;
    bool reset;          /* the other side closed without reading everything */
    uint32_t head, tail; /* of what this side reads */
    struct wait_queue waiters;
    uint8_t ring[RING_BYTES];
};

struct socket_pair {
    struct mutex lock;
    uint32_t files; /* atomic */
    struct socket_side sides[2];
};

static struct socket_side *side_of(const struct file *file)
{
    return file->private_data;
}

static struct socket_side *other(struct socket_side *side)
{
    return &side->pair->sides[side == &side->pair->sides[0]];
}

static uint32_t filled(const struct socket_side *side)
{
    return READ_ONCE(side->head) - READ_ONCE(side->tail);
}

/* No byte will ever come. */
static bool input_ended(struct socket_side *side)
{
    const struct socket_side *peer = other(side);
    return READ_ONCE(side->read_shut) || READ_ONCE(peer->closed) || READ_ONCE(peer->write_shut);
}

/* No byte will ever be read. */
static bool output_ended(struct socket_side *side)
{
    const struct socket_side *peer = other(side);
    return READ_ONCE(side->write_shut) || READ_ONCE(peer->closed) || READ_ONCE(peer->read_shut);
}

/* ---- moving bytes ---- */

static ssize_t receive_now(struct socket_side *side, struct io_buffer *buffer, bool peek)
{
    ssize_t done = 0;
    uint32_t at = side->tail;
    while (buffer->remaining && at != side->head) {
        uint32_t offset = at % RING_BYTES;
        size_t piece = min((size_t)min(side->head - at, RING_BYTES - offset), buffer->remaining);
        size_t copied = io_copy_to(buffer, side->ring + offset, piece);
        at += (uint32_t)copied;
        done += (ssize_t)copied;
        if (copied < piece)
            break;
    }
    if (!peek)
        WRITE_ONCE(side->tail, at);
    return done ? done : -EFAULT;
}

ssize_t socket_receive(struct file *file, struct io_buffer *buffer, uint32_t flags)
{
    struct socket_side *side = side_of(file);
    bool wait = !(file->flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (!buffer->remaining)
        return 0;
    for (;;) {
        ssize_t result = 0;
        mutex_lock(&side->pair->lock);
        bool some = filled(side) != 0, ended = input_ended(side);
        if (some) {
            result = receive_now(side, buffer, flags & MSG_PEEK);
        } else if (side->reset) {
            side->reset = false;
            result = -ECONNRESET;
        }
        mutex_unlock(&side->pair->lock);
        if (some)
            wake_up_all(&other(side)->waiters);
        if (some || result || ended)
            return result;
        if (!wait)
            return -EAGAIN;
        int error = wait_event(&side->waiters, WAIT_SOCKET, (uint64_t)side, WAIT_INTERRUPTIBLE, 0,
                               filled(side) || input_ended(side));
        if (error)
            return error;
    }
}

static ssize_t send_now(struct socket_side *peer, struct io_buffer *buffer)
{
    ssize_t done = 0;
    while (buffer->remaining && filled(peer) < RING_BYTES) {
        uint32_t offset = peer->head % RING_BYTES;
        size_t piece =
            min((size_t)min(RING_BYTES - filled(peer), RING_BYTES - offset), buffer->remaining);
        size_t copied = io_copy_from(buffer, peer->ring + offset, piece);
        WRITE_ONCE(peer->head, peer->head + (uint32_t)copied);
        done += (ssize_t)copied;
        if (copied < piece)
            return done ? done : -EFAULT;
    }
    return done;
}

ssize_t socket_send(struct file *file, struct io_buffer *buffer, uint32_t flags)
{
    struct socket_side *side = side_of(file), *peer = other(side);
    bool wait = !(file->flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
    ssize_t done = 0;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    do {
        mutex_lock(&side->pair->lock);
        bool broken = output_ended(side);
        ssize_t sent = broken ? -EPIPE : send_now(peer, buffer);
        mutex_unlock(&side->pair->lock);
        if (broken && !(flags & MSG_NOSIGNAL))
            file_send_sigpipe();
        if (sent < 0)
            return done ? done : sent;
        done += sent;
        if (sent)
            wake_up_all(&peer->waiters);
        if (!buffer->remaining)
            break;
        if (!wait)
            return done ? done : -EAGAIN;
        int error = wait_event(&side->waiters, WAIT_SOCKET, (uint64_t)side, WAIT_INTERRUPTIBLE, 0,
                               filled(peer) < RING_BYTES || output_ended(side));
        if (error)
            return done ? done : error;
    } while (buffer->remaining);
    return done;
}

int socket_shutdown(struct file *file, int how)
{
    struct socket_side *side = side_of(file);
    if (how < SHUT_RD || how > SHUT_RDWR)
        return -EINVAL;
    mutex_lock(&side->pair->lock);
    if (how != SHUT_WR)
        WRITE_ONCE(side->read_shut, true);
    if (how != SHUT_RD)
        WRITE_ONCE(side->write_shut, true);
    mutex_unlock(&side->pair->lock);
    wake_up_all(&side->waiters);
    wake_up_all(&other(side)->waiters);
    return 0;
}

/* ---- the file ---- */

static ssize_t socket_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    (void)position;
    return socket_receive(file, buffer, 0);
}

static ssize_t socket_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    (void)position;
    return socket_send(file, buffer, 0);
}

static uint32_t socket_poll(struct file *file, struct poll_table *table)
{
    struct socket_side *side = side_of(file), *peer = other(side);
    uint32_t mask = 0;
    poll_wait(table, &side->waiters);
    bool input_over = input_ended(side), output_over = output_ended(side);
    if (filled(side) || input_over)
        mask |= POLLIN | POLLRDNORM;
    if (input_over)
        mask |= POLLRDHUP;
    if (input_over && output_over)
        mask |= POLLHUP;
    if (READ_ONCE(side->reset))
        mask |= POLLERR;
    if (output_over || RING_BYTES - filled(peer) >= ROOM_TO_POLL)
        mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return mask;
}

#define FIONREAD 0x541bu

static int64_t socket_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    int32_t bytes = (int32_t)filled(side_of(file));
    return command == FIONREAD ? put_user(bytes, argument) : -ENOTTY;
}

static void socket_release(struct file *file)
{
    struct socket_side *side = side_of(file), *peer = other(side);
    struct socket_pair *pair = side->pair;
    mutex_lock(&pair->lock);
    WRITE_ONCE(side->closed, true);
    if (filled(side))
        WRITE_ONCE(peer->reset, true);
    mutex_unlock(&pair->lock);
    wake_up_all(&peer->waiters);
    if (__atomic_sub_fetch(&pair->files, 1, __ATOMIC_ACQ_REL) == 0)
        kfree(pair);
}

static const struct file_operations socket_operations = {
    .kind = "socket",
    .read = socket_read,
    .write = socket_write,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .release = socket_release,
};

bool file_is_socket(const struct file *file)
{
    return file->operations == &socket_operations;
}

int socket_pair_create(uint32_t flags, struct file *ret[2])
{
    struct socket_pair *pair = kzalloc(sizeof(*pair));
    if (!pair)
        return -ENOMEM;
    mutex_init(&pair->lock, RANK_PIPE);
    for (unsigned i = 0; i < 2; i++) {
        struct socket_side *side = &pair->sides[i];
        side->pair = pair;
        wait_queue_init(&side->waiters);
        struct inode *inode = anonymous_inode(S_IFSOCK | 0777, "socket");
        ret[i] = inode ? file_create(NULL, inode, O_RDWR | flags, &socket_operations, side) : NULL;
        if (inode)
            inode_put(inode);
        if (ret[i]) {
            pair->files++;
            continue;
        }
        if (i)
            file_put(ret[0]);
        else
            kfree(pair);
        return -ENOMEM;
    }
    return 0;
}
