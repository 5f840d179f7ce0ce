/*
 * kernel/fs/eventfd.c - eventfd(2): a 64-bit counter to sleep on. The counter is changed by
 * compare-and-swap, so no lock is needed.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

#define EFD_SEMAPHORE 1u
#define EVENT_MAX     (UINT64_MAX - 1)

struct event_counter {
    uint64_t count;
    bool semaphore;
    struct wait_queue read_waiters, write_waiters;
};

/* Takes the count, or one of it. False if there is none. */
static bool take(struct event_counter *event, uint64_t *ret)
{
    uint64_t count = READ_ONCE(event->count);

    do {
        if (!count)
            return false;
        *ret = event->semaphore ? 1 : count;
    } while (!__atomic_compare_exchange_n(&event->count, &count, count - *ret, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

static bool add(struct event_counter *event, uint64_t value)
{
    uint64_t count = READ_ONCE(event->count);

    do {
        if (value > EVENT_MAX - count)
            return false;
    } while (!__atomic_compare_exchange_n(&event->count, &count, count + value, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

static ssize_t eventfd_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct event_counter *event = file->private_data;
    uint64_t value;

    (void)position;
    if (buffer->remaining < sizeof(value))
        return -EINVAL;
    while (!take(event, &value)) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_event_mode(&event->read_waiters, WAIT_EVENT, (uint64_t)event,
                                    WAIT_INTERRUPTIBLE, 0, true, READ_ONCE(event->count) != 0);
        if (error)
            return error;
    }
    wake_up_all(&event->write_waiters);
    if (READ_ONCE(event->count))
        wake_up_one(&event->read_waiters);
    return io_copy_to(buffer, &value, sizeof(value)) == sizeof(value) ? (ssize_t)sizeof(value)
                                                                      : -EFAULT;
}

static ssize_t eventfd_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct event_counter *event = file->private_data;
    uint64_t value;

    (void)position;
    if (buffer->remaining < sizeof(value))
        return -EINVAL;
    if (io_copy_from(buffer, &value, sizeof(value)) != sizeof(value))
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    while (!add(event, value)) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_event(&event->write_waiters, WAIT_EVENT, (uint64_t)event,
                               WAIT_INTERRUPTIBLE, 0, value <= EVENT_MAX - READ_ONCE(event->count));
        if (error)
            return error;
    }
    wake_up_one(&event->read_waiters);
    return sizeof(value);
}

static uint32_t eventfd_poll(struct file *file, struct poll_table *table)
{
    struct event_counter *event = file->private_data;

    poll_wait(table, &event->read_waiters);
    poll_wait(table, &event->write_waiters);
    uint64_t count = READ_ONCE(event->count);
    return (count ? POLLIN : 0) | (count < EVENT_MAX ? POLLOUT : 0);
}

static void eventfd_release(struct file *file)
{
    kfree(file->private_data);
}

static const struct file_operations eventfd_operations = {
    .kind = "anon_inode:[eventfd]",
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .release = eventfd_release,
};

static int64_t eventfd_create(uint32_t initial, uint32_t flags)
{
    if (flags & ~(uint32_t)(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    struct event_counter *event = kmalloc(sizeof(*event));
    struct inode *inode = event ? anonymous_inode(0600, "eventfd") : NULL;
    if (!inode) {
        kfree(event);
        return -ENOMEM;
    }
    event->count = initial;
    event->semaphore = flags & EFD_SEMAPHORE;
    wait_queue_init(&event->read_waiters);
    wait_queue_init(&event->write_waiters);
    struct file *file =
        file_create(NULL, inode, O_RDWR | (flags & O_NONBLOCK), &eventfd_operations, event);
    inode_put(inode);
    if (!file) {
        kfree(event);
        return -ENOMEM;
    }
    int fd = file_table_install(file, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(file);
    return fd;
}

SYSCALL1(eventfd, uint32_t, initial)
{
    return eventfd_create(initial, 0);
}

SYSCALL2(eventfd2, uint32_t, initial, uint32_t, flags)
{
    return eventfd_create(initial, flags);
}
