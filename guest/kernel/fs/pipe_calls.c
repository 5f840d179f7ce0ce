/*
 * kernel/fs/pipe_calls.c - making a pipe, opening its ends anew, and changing its size. Locks: pipe.c.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe_state.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

int pipe_create_files(uint32_t flags, struct file **ret_read, struct file **ret_write)
{
    struct pipe *pipe = pipe_allocate();
    if (!pipe)
        return -ENOMEM;
    struct inode *inode = anonymous_inode(S_IFIFO | 0600, "pipe");
    if (!inode) {
        pipe_free(pipe);
        return -ENOMEM;
    }
    inode->file_operations = &pipe_operations;
    inode->private_data = pipe; /* for pipe_reopen() */
    pipe_add_end(pipe, O_RDWR);
    pipe->users = 2;
    struct file *reader = file_create(NULL, inode, O_RDONLY | flags, &pipe_operations, pipe);
    struct file *writer =
        reader ? file_create(NULL, inode, O_WRONLY | flags, &pipe_operations, pipe) : NULL;
    inode_put(inode); /* the files hold their own */
    if (!writer) {
        if (reader) {
            pipe->users = 1;
            file_put(reader);
        } else {
            pipe_free(pipe);
        }
        return -ENOMEM;
    }
    *ret_read = reader;
    *ret_write = writer;
    return 0;
}

int pipe_reopen(struct inode *inode, struct file *file)
{
    mutex_lock(&inode->lock);
    struct pipe *pipe = inode->private_data;
    if (pipe)
        reference_get(&pipe->users);
    mutex_unlock(&inode->lock);
    if (!pipe)
        return -ENXIO; /* the files that the path came from are closed by now */
    mutex_lock(&pipe->lock);
    pipe_add_end(pipe, file->flags);
    mutex_unlock(&pipe->lock);
    file->operations = &pipe_operations;
    file->private_data = pipe;
    return 0;
}

static int64_t pipe_call(uint64_t address, uint32_t flags)
{
    struct file *files[2];

    /* O_DIRECT (packet mode) is not offered: EINVAL, as on a Linux that does not know it. */
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int error = pipe_create_files(flags & O_NONBLOCK, &files[0], &files[1]);
    if (error)
        return error;
    return file_table_install_pair(files, flags & O_CLOEXEC, address);
}

SYSCALL1(pipe, uint64_t, address)
{
    return pipe_call(address, 0);
}

SYSCALL2(pipe2, uint64_t, address, uint32_t, flags)
{
    return pipe_call(address, flags);
}

struct pipe *pipe_of(const struct file *file)
{
    if (file->operations != &pipe_operations && file->operations != &fifo_operations)
        return NULL;
    return file->private_data;
}

int64_t pipe_get_size(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    return pipe ? (int64_t)READ_ONCE(pipe->capacity) : -EBADF;
}

/* Straightens the content out into fresh pages for a ring of another size. Lock held. 0 or -ENOMEM.
 */
static int move_content(struct pipe *pipe, void **pages)
{
    uint64_t used = pipe_used(pipe);

    for (uint64_t done = 0; done < used;) {
        uint32_t from = (uint32_t)(pipe->ends.tail + done) & (pipe->capacity - 1);
        uint64_t piece = min(PAGE_SIZE - from % PAGE_SIZE, PAGE_SIZE - done % PAGE_SIZE);
        piece = min(piece, used - done);
        void **page = &pages[done / PAGE_SIZE];
        if (!*page && !(*page = pipe_page_new()))
            return -ENOMEM;
        memcpy((uint8_t *)*page + done % PAGE_SIZE,
               (uint8_t *)pipe->pages[from / PAGE_SIZE] + from % PAGE_SIZE, piece);
        done += piece;
    }
    return 0;
}

int64_t pipe_set_size(struct file *file, uint64_t bytes)
{
    struct pipe *pipe = pipe_of(file);
    uint32_t capacity = PAGE_SIZE;
    int64_t error = 0;

    if (!pipe)
        return -EBADF;
    if (bytes > 1ull << 31)
        return -EINVAL;
    if (bytes > PIPE_MAX_BYTES)
        return -EPERM;
    while (capacity < bytes)
        capacity *= 2;
    uint32_t count = capacity / PAGE_SIZE;
    void **pages = kzalloc(count * sizeof(void *));
    if (!pages)
        return -ENOMEM;
    mutex_lock(&pipe->lock);
    if (pipe_used(pipe) > capacity)
        error = -EBUSY;
    else
        error = move_content(pipe, pages);
    if (!error) {
        void **old = pipe->pages;
        pipe_pages_free(pipe, old, pipe->capacity / PAGE_SIZE);
        WRITE_ONCE(pipe->ends.both, (union pipe_ends){.head = pipe_used(pipe)}.both);
        pipe->pages = pages;
        WRITE_ONCE(pipe->capacity, capacity);
        pages = old == pipe->inline_pages ? NULL : old;
        count = 0;
    }
    mutex_unlock(&pipe->lock);
    pipe_pages_free(pipe, pages, count);
    kfree(pages);
    if (error)
        return error;
    wake_up_all(&pipe->write_waiters);
    return capacity;
}
