/*
 * kernel/fs/device/kernel_log.c - /dev/kmsg: the kernel's log as records, one per read, and a way to
 * add to it. A record's number is where its line begins in all that was ever logged: it grows, by
 * more than one.
 *
 * The log may be written with any lock held, so it wakes nobody: a reader at its end looks again
 * every LOOK_AGAIN_NS.
 */
#include "arch/cpu.h"
#include "kernel/fs/device/device.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/observe/log.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/time/clock.h"

#define LINE_BYTES    320 /* longer than any line of the log */
#define WRITE_MAX     976 /* as on Linux */
#define PRIORITY      4   /* warning: the log is for what is wrong */
#define LOOK_AGAIN_NS 50000000ull
#define SEEK_DATA     3

/* The next whole line from `position` on: its length with the newline, 0 = there is none. */
static size_t next_line(uint64_t position, char line[LINE_BYTES])
{
    size_t length = log_read(position, line, LINE_BYTES);
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '\n')
            return i + 1;
    }
    return 0;
}

/* "[  seconds.micros] text" as "priority,number,micros,-;text". The record's length. */
static size_t make_record(uint64_t position, char *line, size_t length, char *record, size_t size)
{
    uint64_t us = 0;
    size_t at = 0;
    line[length - 1] = '\0';
    if (line[0] == '[') {
        for (at = 1; at < length && line[at] && line[at] != ']'; at++) {
            if (line[at] >= '0' && line[at] <= '9')
                us = us * 10 + (uint64_t)(line[at] - '0');
        }
        at = line[at] == ']' && line[at + 1] == ' ' ? at + 2 : 0;
    }
    int made = snprintf(record, size, "%d,%lu,%lu,-;%s\n", PRIORITY, position, us, line + at);
    return min((size_t)made, size - 1);
}

static int wait_for_line(struct file *file, uint64_t position)
{
    while (position >= load_acquire(&kernel_log.head)) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        wait_prepare_alone();
        int error =
            wait_block(WAIT_SLEEP, 0, WAIT_INTERRUPTIBLE, clock_monotonic_ns() + LOOK_AGAIN_NS);
        if (error && error != -ETIMEDOUT)
            return error;
    }
    return 0;
}

static ssize_t log_device_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    char line[LINE_BYTES], record[LINE_BYTES + 64];
    int error = wait_for_line(file, *position);
    if (error)
        return error;
    uint64_t oldest = log_oldest();
    if (*position < oldest) { /* overwritten: the first line that is whole comes next */
        size_t part = next_line(oldest, line);
        *position = oldest + part;
        return -EPIPE;
    }
    size_t length = next_line(*position, line);
    if (!length)
        return -EAGAIN;
    size_t bytes = make_record(*position, line, length, record, sizeof(record));
    if (bytes > buffer->remaining)
        return -EINVAL;
    if (io_copy_to(buffer, record, bytes) != bytes)
        return -EFAULT;
    *position += length;
    return (ssize_t)bytes;
}

/* A line of a program's, with or without "<priority>" before it. What is too long is cut. */
static ssize_t log_device_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    char text[WRITE_MAX + 1];
    size_t bytes = buffer->remaining, start = 0;
    if (bytes > WRITE_MAX)
        return -EINVAL;
    if (io_copy_from(buffer, text, bytes) != bytes)
        return -EFAULT;
    text[bytes] = '\0';
    if (text[0] == '<') {
        for (start = 1; text[start] >= '0' && text[start] <= '9'; start++)
            ;
        start = start > 1 && text[start] == '>' ? start + 1 : 0;
    }
    for (size_t i = start; i < bytes; i++) {
        if (text[i] == '\n' || text[i] == '\0')
            text[i] = i + 1 < bytes ? ' ' : '\0';
    }
    log_line("%s", text + start);
    (void)file;
    (void)position;
    return (ssize_t)bytes;
}

static int64_t log_device_seek(struct file *file, int64_t offset, int whence)
{
    if (offset)
        return -ESPIPE;
    switch (whence) {
    case SEEK_SET:
        file->position = log_oldest();
        return 0;
    case SEEK_DATA: /* after the last SYSLOG_ACTION_CLEAR */
        file->position = max(READ_ONCE(log_cleared), log_oldest());
        return 0;
    case SEEK_END:
        file->position = load_acquire(&kernel_log.head);
        return 0;
    default:
        return -EINVAL;
    }
}

static uint32_t log_device_poll(struct file *file, struct poll_table *table)
{
    (void)table;
    return READ_ONCE(file->position) < load_acquire(&kernel_log.head) ? POLLIN | POLLRDNORM : 0;
}

const struct file_operations kernel_log_operations = {
    .read = log_device_read,
    .write = log_device_write,
    .seek = log_device_seek,
    .poll = log_device_poll,
};
