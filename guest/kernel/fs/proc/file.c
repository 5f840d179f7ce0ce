/*
 * kernel/fs/proc/file.c - reading and writing the files of /proc. The text is made anew whenever
 * reading begins at position 0, and kept with the open file, so that a reader with a small buffer
 * sees one moment and a reader that rewinds sees the next.
 *
 * Locks: the text of an open file is guarded by its position lock; pread() goes without it and
 * therefore makes a text of its own.
 */
#include "kernel/fs/proc/file.h"

#include "kernel/lib/errno.h"

#define WRITE_MAX 256u

static int make_text(const struct proc_key *key, struct proc_text *text)
{
    struct proc_target target;

    proc_text_clear(text);
    int error = proc_target_get(key, &target);
    if (error)
        return error;
    error = key->entry->show(text, &target);
    proc_target_put(&target);
    if (!error && text->out_of_memory)
        error = -ENOMEM;
    return error;
}

int proc_file_open(struct inode *inode, struct file *file)
{
    const struct proc_key *key = proc_key_of(inode);
    struct proc_target target;

    file->private_data = NULL;
    int error = proc_target_get(key, &target);
    if (error)
        return error == -ESRCH ? -ENOENT : error;
    proc_target_put(&target);
    if (!key->entry->text_at_open)
        return 0;
    struct proc_text *text = proc_text_create();
    if (!text)
        return -ENOMEM;
    error = make_text(key, text);
    if (error) {
        proc_text_destroy(text);
        return error;
    }
    file->private_data = text;
    return 0;
}

static ssize_t read_raw(const struct proc_key *key, struct io_buffer *buffer, uint64_t *position)
{
    struct proc_target target;

    ssize_t result = proc_target_get(key, &target);
    if (result)
        return result;
    result = key->entry->read(&target, buffer, *position);
    proc_target_put(&target);
    if (result > 0)
        *position += (uint64_t)result;
    return result;
}

static ssize_t read_text(struct file *file, const struct proc_key *key, struct io_buffer *buffer,
                         uint64_t *position)
{
    bool own_position = position == &file->position;
    struct proc_text *text = own_position || key->entry->text_at_open ? file->private_data : NULL;
    bool fresh = !text;
    ssize_t result = 0;

    if (fresh) {
        text = proc_text_create();
        if (!text)
            return -ENOMEM;
    }
    if (!key->entry->text_at_open && (fresh || !*position))
        result = make_text(key, text);
    if (!result)
        result = proc_text_read(text, *position, buffer);
    if (result > 0)
        *position += (uint64_t)result;
    if (fresh && own_position)
        file->private_data = text;
    else if (fresh)
        proc_text_destroy(text);
    return result;
}

static ssize_t proc_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    const struct proc_key *key = proc_key_of(file->inode);

    if (!buffer->remaining)
        return 0;
    if (key->entry->read)
        return read_raw(key, buffer, position);
    if (key->entry->show)
        return read_text(file, key, buffer, position);
    return -EINVAL;
}

static ssize_t proc_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    const struct proc_key *key = proc_key_of(file->inode);
    struct proc_target target;
    char text[WRITE_MAX];

    if (key->entry->write_at) {
        ssize_t done = proc_target_get(key, &target);
        if (done)
            return done;
        done = key->entry->write_at(&target, buffer, *position);
        proc_target_put(&target);
        *position += done > 0 && !key->entry->position_stays ? (uint64_t)done : 0;
        return done;
    }
    if (!key->entry->write)
        return -EIO;
    size_t bytes = buffer->remaining;
    if (bytes >= sizeof(text))
        return -EINVAL;
    if (io_copy_from(buffer, text, bytes) != bytes)
        return -EFAULT;
    text[bytes] = 0;
    size_t length = bytes;
    if (length && text[length - 1] == '\n')
        text[--length] = 0;
    ssize_t result = proc_target_get(key, &target);
    if (result)
        return result;
    result = key->entry->write(&target, text, length);
    proc_target_put(&target);
    if (result)
        return result;
    *position += bytes;
    return (ssize_t)bytes;
}

static int64_t proc_seek(struct file *file, int64_t offset, int whence)
{
    if (whence == SEEK_END)
        return -EINVAL; /* the end is not known before it is read */
    return file_seek_within(file, offset, whence, 0);
}

static void proc_release(struct file *file)
{
    proc_text_destroy(file->private_data);
}

const struct file_operations proc_file_operations = {
    .read = proc_read,
    .write = proc_write,
    .seek = proc_seek,
    .release = proc_release,
};
