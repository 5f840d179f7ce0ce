/*
 * kernel/fs/tty/pty_master.c - the master side of a pseudo-terminal as a file: what it writes is
 * typed at the tty, what it reads is what the tty's programs wrote and the echo.
 */
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/tty/pty.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/print.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"

#define COPY_PIECE 256u /* bytes moved per turn of the lock */

#define TIOCGPTN     0x80045430u
#define TIOCSPTLCK   0x40045431u
#define TIOCGPTLCK   0x80045439u
#define TIOCPKT      0x5420u
#define TIOCGPKT     0x80045438u
#define TIOCSIG      0x40045436u
#define TIOCGPTPEER  0x5441u
#define TIOCPKT_DATA 0

static bool slaves_gone(const struct pty *pty)
{
    return READ_ONCE(pty->slave_was_open) && !READ_ONCE(pty->slaves);
}

static uint32_t readable(const struct pty *pty)
{
    return READ_ONCE(pty->head) - READ_ONCE(pty->tail);
}

/* Takes up to `limit` bytes of output. */
static size_t take(struct pty *pty, uint8_t *bytes, size_t limit)
{
    spin_lock(&pty->tty.lock);
    size_t count = min((size_t)(pty->head - pty->tail), limit);
    for (size_t i = 0; i < count; i++)
        bytes[i] = pty->output[(pty->tail + i) % PTY_OUTPUT_BYTES];
    WRITE_ONCE(pty->tail, pty->tail + (uint32_t)count);
    spin_unlock(&pty->tty.lock);
    if (count)
        wake_up_all(&pty->tty.write_waiters);
    return count;
}

static ssize_t master_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct pty *pty = file->private_data;
    uint8_t bytes[COPY_PIECE];
    ssize_t done = 0;

    (void)position;
    if (!buffer->remaining)
        return 0;
    while (!readable(pty)) {
        if (slaves_gone(pty))
            return -EIO;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_event(&pty->master, WAIT_CONSOLE_INPUT, (uint64_t)&pty->tty,
                               WAIT_INTERRUPTIBLE, 0, readable(pty) || slaves_gone(pty));
        if (error)
            return error;
    }
    mutex_lock(&pty->master_read_lock);
    if (READ_ONCE(pty->packet)) {
        bytes[0] = TIOCPKT_DATA;
        done = (ssize_t)io_copy_to(buffer, bytes, 1);
    }
    while (buffer->remaining) {
        size_t count = take(pty, bytes, min(buffer->remaining, (uint64_t)COPY_PIECE));
        size_t copied = io_copy_to(buffer, bytes, count);
        done += (ssize_t)copied;
        if (count < COPY_PIECE || copied < count)
            break;
    }
    mutex_unlock(&pty->master_read_lock);
    return done ? done : -EFAULT;
}

static ssize_t master_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct pty *pty = file->private_data;
    uint8_t bytes[COPY_PIECE];
    ssize_t done = 0;

    (void)position;
    while (buffer->remaining) {
        size_t count = io_copy_from(buffer, bytes, min(buffer->remaining, (uint64_t)COPY_PIECE));
        if (!count)
            return done ? done : -EFAULT;
        for (size_t typed = 0;;) {
            mutex_lock(&pty->master_write_lock);
            size_t taken = tty_receive(&pty->tty, bytes + typed, count - typed);
            mutex_unlock(&pty->master_write_lock);
            typed += taken;
            done += (ssize_t)taken;
            if (typed == count)
                break;
            if (taken)
                continue; /* a signal character ended the piece, or there is room again */
            int error = -EAGAIN;
            if (!(file->flags & O_NONBLOCK))
                error = wait_event(&pty->master, WAIT_CONSOLE_OUTPUT, (uint64_t)&pty->tty,
                                   WAIT_INTERRUPTIBLE, 0, tty_may_receive(&pty->tty));
            if (error)
                return done ? done : error;
        }
        preemption_point();
    }
    return done;
}

static uint32_t master_poll(struct file *file, struct poll_table *table)
{
    struct pty *pty = file->private_data;
    uint32_t mask = 0;

    poll_wait(table, &pty->master);
    if (readable(pty))
        mask |= POLLIN | POLLRDNORM;
    if (slaves_gone(pty))
        mask |= POLLHUP;
    if (tty_may_receive(&pty->tty))
        mask |= POLLOUT | POLLWRNORM;
    return mask;
}

static void master_release(struct file *file)
{
    pty_close_master(file->private_data);
}

/* ---- ioctl ---- */

/* A descriptor for the slave without walking a path, which may be another's in a changed root. */
static int64_t open_peer(struct pty *pty, uint32_t flags)
{
    char name[16];
    struct path node = {NULL, NULL};
    struct file *file;

    snprintf(name, sizeof(name), "/dev/pts/%u", pty->index);
    if (path_lookup(AT_FDCWD, name, PATH_FOLLOW, &node)) {
        node.dentry = NULL;
    } else if (node.dentry->inode != pty->node) {
        path_put(&node);
        node.dentry = NULL;
    }
    file = file_create(node.dentry ? &node : NULL, pty->node, flags, NULL, NULL);
    if (node.dentry)
        path_put(&node);
    if (!file)
        return -ENOMEM;
    int error = tty_open(&pty->tty, file);
    file->flags &= ~(uint32_t)O_NOCTTY;
    int fd = error ? error : file_table_install(file, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(file);
    return fd;
}

static int64_t set_flag(bool *flag, uint64_t address)
{
    int32_t value;
    if (get_user(value, address))
        return -EFAULT;
    WRITE_ONCE(*flag, value != 0);
    return 0;
}

static int64_t send_signal(struct pty *pty, uint64_t signal)
{
    if (signal < 1 || signal > SIGNALS)
        return -EINVAL;
    tty_signal_foreground(&pty->tty, (int)signal);
    return 0;
}

static int64_t master_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct pty *pty = file->private_data;
    int32_t value;

    switch (command) {
    case TIOCGPTN:
        value = (int32_t)pty->index;
        return put_user(value, argument);
    case TIOCSPTLCK:
        return set_flag(&pty->locked, argument);
    case TIOCGPTLCK:
        value = pty->locked;
        return put_user(value, argument);
    case TIOCPKT:
        return set_flag(&pty->packet, argument);
    case TIOCGPKT:
        value = pty->packet;
        return put_user(value, argument);
    case TIOCSIG:
        return send_signal(pty, argument);
    case TIOCGPTPEER:
        return open_peer(pty, (uint32_t)argument);
    case FIONREAD:
        value = (int32_t)readable(pty);
        return put_user(value, argument);
    case TIOCGPGRP:
        /* Whoever holds the master may ask, in whatever session it is. */
        value = pid_seen(READ_ONCE(pty->tty.foreground_group));
        return put_user(value, argument);
    case TIOCGSID:
        value = READ_ONCE(pty->tty.session);
        return value ? put_user(value, argument) : -ENOTTY;
    default:
        return tty_ioctl_on(&pty->tty, file, command, argument);
    }
}

const struct file_operations pty_master_operations = {
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = master_ioctl,
    .release = master_release,
};
