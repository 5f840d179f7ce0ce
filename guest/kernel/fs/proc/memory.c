/*
 * kernel/fs/proc/memory.c - /proc/PID/maps, and the parts of a program's own memory that /proc
 * shows: cmdline, environ, auxv. Another process's memory is read page by page through
 * address_space_access().
 */
#include "arch/layout.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"

#define MAPS_NAME_COLUMN 73 /* where proc(5)'s examples put the name */

static void add_name(struct maps_walk *walk, const struct vma *vma)
{
    if (vma->file) {
        if (file_path(vma->file, walk->path, PATH_MAX) >= 0)
            text_add_escaped(walk->text, walk->path, "\n");
        else
            text_print(walk->text, "/dev/zero (deleted)");
    } else if (vma->flags & VMA_HEAP) {
        text_print(walk->text, "[heap]");
    } else if (vma->flags & VMA_STACK) {
        text_print(walk->text, "[stack]");
    }
}

void proc_show_mapping(struct maps_walk *walk, const struct vma *vma)
{
    const struct inode *inode = vma->file ? vma->file->inode : NULL;
    uint32_t device = inode ? inode->filesystem->device : 0;
    size_t start = walk->text->length;

    text_print(walk->text, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", vma->start, vma->end,
               vma->flags & VMA_READ ? 'r' : '-', vma->flags & VMA_WRITE ? 'w' : '-',
               vma->flags & VMA_EXECUTE ? 'x' : '-', vma->flags & VMA_SHARED ? 's' : 'p',
               inode ? vma->file_offset : 0ul, device >> 8, device & 0xff,
               inode ? inode->number : 0ul);
    if (vma->file || vma->flags & (VMA_HEAP | VMA_STACK)) {
        size_t written = walk->text->length - start;
        while (written++ < MAPS_NAME_COLUMN)
            text_add(walk->text, " ", 1);
        add_name(walk, vma);
    }
    text_add(walk->text, "\n", 1);
}

static int visit_vma(void *context, const struct vma *vma)
{
    proc_show_mapping(context, vma);
    return 0;
}

int proc_show_maps(struct proc_text *text, const struct proc_target *target)
{
    struct maps_walk walk = {.text = text, .space = task_address_space_get(target->task)};
    int error = 0;

    if (!walk.space)
        return 0;
    walk.path = kmalloc(PATH_MAX);
    if (walk.path)
        error = address_space_for_each(walk.space, visit_vma, &walk);
    else
        error = -ENOMEM;
    kfree(walk.path);
    address_space_put(walk.space);
    return error;
}

/* Copies [start + position, end) of the process's memory out. Bytes, 0 at the end, or -errno. */
static ssize_t read_memory(struct address_space *space, uint64_t start, uint64_t end,
                           uint64_t position, struct io_buffer *buffer)
{
    char piece[512];
    ssize_t done = 0;

    while (buffer->remaining && start < end && position < end - start) {
        size_t count = min(min(sizeof(piece), buffer->remaining), end - start - position);
        ssize_t got = address_space_access(space, start + position, piece, count, false);
        if (got <= 0)
            return done;
        size_t copied = io_copy_to(buffer, piece, (size_t)got);
        done += (ssize_t)copied;
        position += copied;
        if (copied < (size_t)got)
            return done ? done : -EFAULT;
        if ((size_t)got < count)
            break;
    }
    return done;
}

ssize_t proc_read_command_line(const struct proc_target *target, struct io_buffer *buffer,
                               uint64_t position)
{
    struct address_space *space = task_address_space_get(target->task);
    if (!space)
        return 0;
    ssize_t result =
        read_memory(space, space->argument_start, space->argument_end, position, buffer);
    address_space_put(space);
    return result;
}

ssize_t proc_read_environment(const struct proc_target *target, struct io_buffer *buffer,
                              uint64_t position)
{
    struct address_space *space = task_address_space_get(target->task);
    if (!space)
        return 0;
    ssize_t result =
        read_memory(space, space->environment_start, space->environment_end, position, buffer);
    address_space_put(space);
    return result;
}

/* All of it, as a tracer may: whatever the mappings allow the program itself. */
static ssize_t access_memory(const struct proc_target *target, struct io_buffer *buffer,
                             uint64_t position, bool write)
{
    struct address_space *space = task_address_space_get(target->task);
    char piece[512];
    ssize_t done = 0;
    if (!space)
        return 0;
    while (buffer->remaining) {
        size_t count = min(sizeof(piece), buffer->remaining), copied = count;
        if (write)
            copied = io_copy_from(buffer, piece, count);
        ssize_t got = copied ? address_space_access_forced(space, position + (uint64_t)done, piece,
                                                           copied, write)
                             : -EFAULT;
        if (got > 0 && !write)
            got = (ssize_t)io_copy_to(buffer, piece, (size_t)got);
        if (got <= 0) {
            done = done ? done : copied && got < 0 ? -EIO : -EFAULT;
            break;
        }
        done += got;
        if ((size_t)got < count)
            break;
        preemption_point();
    }
    address_space_put(space);
    return done;
}

ssize_t proc_read_memory(const struct proc_target *target, struct io_buffer *buffer,
                         uint64_t position)
{
    return access_memory(target, buffer, position, false);
}

ssize_t proc_write_memory(const struct proc_target *target, struct io_buffer *buffer,
                          uint64_t position)
{
    return access_memory(target, buffer, position, true);
}

ssize_t proc_read_auxv(const struct proc_target *target, struct io_buffer *buffer,
                       uint64_t position)
{
    struct address_space *space = task_address_space_get(target->task);
    if (!space)
        return 0;
    /* Pairs up to and with AT_NULL. */
    size_t words = 0;
    while (words + 2 <= ARRAY_COUNT(space->auxv) && space->auxv[words])
        words += 2;
    size_t bytes = min(words + 2, ARRAY_COUNT(space->auxv)) * sizeof(space->auxv[0]);
    ssize_t result = 0;
    if (position < bytes) {
        size_t count = min(bytes - position, buffer->remaining);
        result = (ssize_t)io_copy_to(buffer, (const char *)space->auxv + position, count);
        if (!result && count)
            result = -EFAULT;
    }
    address_space_put(space);
    return result;
}
