/*
 * kernel/fs/root/directory_read.c - reading directories of the in-memory file systems in order.
 *
 * Positions for readdir: 0 "." and 1 ".."; then the image's entries by their place in the image;
 * then entries made here, each with a number that is never used again. So a position stays good
 * whatever is added or removed meanwhile, and nothing that was there all the time is missed or seen
 * twice.
 *
 * Locks: the directory's mutex.
 */
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/root/directory.h"

#include "kernel/sched/task.h"

/* The entry with the smallest position >= `position`. */
static struct entry *entry_at(const struct node *directory, uint64_t position)
{
    struct rb_node *at = directory->directory.order.root;
    struct entry *found = NULL;
    while (at) {
        struct entry *entry = rb_entry(at, struct entry, by_position);
        if (entry->position >= position) {
            found = entry;
            at = at->left;
        } else {
            at = at->right;
        }
    }
    return found;
}

static int read_dots(struct file *file, struct directory_context *context)
{
    struct inode *inode = file->inode;
    if (context->position == 0) {
        if (context->emit(context->context, ".", 1, inode->number, S_IFDIR, 1))
            return 1;
        context->position = 1;
    }
    if (context->position == 1) {
        struct dentry *parent = dentry_parent(file->dentry);
        uint64_t number = parent->inode->number;
        dentry_put(parent);
        if (context->emit(context->context, "..", 2, number, S_IFDIR, POSITION_IMAGE))
            return 1;
        context->position = POSITION_IMAGE;
    }
    return 0;
}

static int read_image(struct node *directory, struct directory_context *context)
{
    struct image_entry entry;
    uint64_t at = context->position - POSITION_IMAGE;
    unsigned count = 0;
    while (image_next(&directory->data, &at, &entry)) {
        if ((++count & 63) == 0)
            preemption_point();
        if (!entry_find(directory, entry.name, entry.length) &&
            context->emit(context->context, entry.name, entry.length, image_inode_number(entry.nid),
                          entry.mode, POSITION_IMAGE + at))
            return 1;
        context->position = POSITION_IMAGE + at;
    }
    return 0;
}

static int directory_read(struct file *file, void *argument)
{
    struct directory_context *context = argument;
    struct node *directory = node_of(file->inode);
    struct inode *inode = file->inode;
    if (context->position > INT64_MAX)
        return -EINVAL;
    mutex_lock(&inode->lock);
    if (!inode->links) {
        mutex_unlock(&inode->lock);
        return -ENOENT;
    }
    int full = read_dots(file, context);
    if (!full && context->position < POSITION_MADE && has_image(directory))
        full = read_image(directory, context);
    if (!full && context->position < POSITION_MADE)
        context->position = POSITION_MADE;
    unsigned count = 0;
    struct entry *entry = full ? NULL : entry_at(directory, context->position);
    while (entry) {
        if (context->emit(context->context, entry->name, entry->length, entry->inode->number,
                          entry->inode->mode, entry->position + 1))
            break;
        context->position = entry->position + 1;
        if ((++count & 63) == 0)
            preemption_point();
        struct rb_node *next = rb_next(&entry->by_position);
        entry = next ? rb_entry(next, struct entry, by_position) : NULL;
    }
    if (inode->access_ns <= inode->modify_ns && !mount_keeps_access_time(file->mount, inode))
        inode->access_ns = clock_realtime_ns();
    mutex_unlock(&inode->lock);
    return 0;
}

static int64_t directory_seek(struct file *file, int64_t offset, int whence)
{
    if (whence == SEEK_CUR)
        offset += (int64_t)file->position; /* both below 2^63: cannot leave 64 bits */
    else if (whence != SEEK_SET)
        return -EINVAL;
    if (offset < 0)
        return -EINVAL;
    file->position = (uint64_t)offset;
    return offset;
}

const struct file_operations node_directory_file_operations = {
    .read_directory = directory_read,
    .seek = directory_seek,
};
