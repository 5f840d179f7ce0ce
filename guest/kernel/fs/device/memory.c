/*
 * kernel/fs/device/memory.c - the devices of major number 1: null, zero, full, random, urandom
 * (null(4), full(4), random(4)). They hold no state and take no lock.
 */
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/fs/device/device.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/sched/task.h"

#define MINOR_NULL    3
#define MINOR_ZERO    5
#define MINOR_FULL    7
#define MINOR_RANDOM  8
#define MINOR_URANDOM 9
#define MINOR_KMSG    11

#define RNDGETENTCNT 0x80045200u
#define ENTROPY_BITS 256 /* what random(4) reports of a ready generator */
#define ZERO_PIECE   (64 * PAGE_SIZE)

static ssize_t null_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    (void)file;
    (void)buffer;
    (void)position;
    return 0;
}

static ssize_t null_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    (void)file;
    (void)position;
    return (ssize_t)buffer->remaining;
}

static ssize_t full_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    (void)file;
    (void)buffer;
    (void)position;
    return -ENOSPC;
}

static int64_t null_seek(struct file *file, int64_t offset, int whence)
{
    (void)offset;
    (void)whence;
    file->position = 0;
    return 0;
}

static ssize_t zero_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    ssize_t done = 0;

    (void)file;
    (void)position;
    while (buffer->remaining) {
        size_t piece = min(buffer->remaining, ZERO_PIECE);
        size_t copied = io_zero(buffer, piece);
        done += (ssize_t)copied;
        if (copied < piece)
            return done ? done : -EFAULT;
        preemption_point();
        if (task_interrupted(current))
            break;
    }
    return done;
}

/* A private mapping reads as zeros; a shared one would need memory of its own and is refused. */
static int zero_get_page(struct file *file, uint64_t index, bool write, phys_t *ret)
{
    (void)file;
    (void)index;
    if (write)
        return -ENODEV;
    *ret = 0;
    return 0;
}

static ssize_t random_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    uint8_t bytes[256];
    ssize_t done = 0;

    (void)file;
    (void)position;
    for (uint32_t pieces = 1; buffer->remaining; pieces++) {
        size_t piece = min(buffer->remaining, (uint64_t)sizeof(bytes));
        random_bytes(bytes, piece);
        size_t copied = io_copy_to(buffer, bytes, piece);
        done += (ssize_t)copied;
        if (copied < piece) {
            if (!done)
                done = -EFAULT;
            break;
        }
        if (pieces % 64 == 0) {
            preemption_point();
            if (task_interrupted(current))
                break;
        }
    }
    memset(bytes, 0, sizeof(bytes));
    return done;
}

static uint32_t random_poll(struct file *file, struct poll_table *table)
{
    (void)file;
    (void)table;
    return POLL_ALWAYS_READY;
}

static int64_t random_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    int32_t bits = ENTROPY_BITS;

    (void)file;
    return command == RNDGETENTCNT ? put_user(bits, argument) : -ENOTTY;
}

static const struct file_operations null_operations = {
    .read = null_read,
    .write = null_write,
    .seek = null_seek,
};

static const struct file_operations zero_operations = {
    .read = zero_read,
    .write = null_write,
    .seek = null_seek,
    .get_page = zero_get_page,
};

static const struct file_operations full_operations = {
    .read = zero_read,
    .write = full_write,
    .seek = null_seek,
};

/* What is written into the generator is taken and not trusted: it changes nothing. */
static const struct file_operations random_operations = {
    .read = random_read,
    .write = null_write,
    .seek = null_seek,
    .poll = random_poll,
    .ioctl = random_ioctl,
};

const struct file_operations *memory_device_operations(uint32_t minor)
{
    switch (minor) {
    case MINOR_NULL:
        return &null_operations;
    case MINOR_ZERO:
        return &zero_operations;
    case MINOR_FULL:
        return &full_operations;
    case MINOR_RANDOM:
    case MINOR_URANDOM:
        return &random_operations;
    case MINOR_KMSG:
        return &kernel_log_operations;
    }
    return NULL;
}
