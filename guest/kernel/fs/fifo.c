/*
 * kernel/fs/fifo.c - named pipes (fifo(7)): the pipe that belongs to an inode of type S_IFIFO while
 * anyone has it open. Bytes that nobody read are gone when the last one closes, so nothing needs to
 * hang on the inode.
 *
 * Locks: one mutex (RANK_FIFO_TABLE) per bucket of the table of open FIFOs. It is taken when a FIFO
 * is opened and closed, never when it is read or written.
 */
#include "arch/cpu.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe_state.h"
#include "kernel/fs/tty/stream.h"
#include "kernel/lib/errno.h"

#define FIFO_BUCKETS 16

static struct fifo_bucket {
    struct mutex lock;
    struct list pipes;
} buckets[FIFO_BUCKETS];

/* Made ready at the first use: 0 not yet, 1 somebody is at it, 2 done. */
static uint32_t buckets_ready;

static void prepare_buckets(void)
{
    uint32_t expected = 0;

    if (likely(load_acquire(&buckets_ready) == 2))
        return;
    if (__atomic_compare_exchange_n(&buckets_ready, &expected, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < FIFO_BUCKETS; i++) {
            mutex_init(&buckets[i].lock, RANK_FIFO_TABLE);
            list_init(&buckets[i].pipes);
        }
        store_release(&buckets_ready, 2);
        return;
    }
    while (load_acquire(&buckets_ready) != 2)
        cpu_serve_requests();
}

static struct fifo_bucket *bucket_of(const struct inode *inode)
{
    return &buckets[((uint64_t)inode >> 6) * 0x9e3779b97f4a7c15ull >> 60];
}

/* The inode's pipe, made if need be, with one more user. Bucket locked. */
static struct pipe *pipe_for(struct fifo_bucket *bucket, struct inode *inode)
{
    struct pipe *pipe;

    list_for_each(pipe, &bucket->pipes, table_link)
    {
        if (pipe->inode == inode) {
            pipe->users++;
            return pipe;
        }
    }
    pipe = pipe_allocate();
    if (!pipe)
        return NULL;
    pipe->inode = inode; /* kept alive by the files and opens that use the pipe */
    pipe->users = 1;
    list_push_back(&bucket->pipes, &pipe->table_link);
    return pipe;
}

/* One user less, who also held an end if `open_flags` is given. */
static void leave(struct pipe *pipe, const uint32_t *open_flags)
{
    struct fifo_bucket *bucket = bucket_of(pipe->inode);

    mutex_lock(&bucket->lock);
    if (open_flags)
        pipe_drop_end(pipe, *open_flags);
    bool unused = !--pipe->users;
    if (unused)
        list_remove(&pipe->table_link);
    mutex_unlock(&bucket->lock);
    if (unused)
        pipe_free(pipe);
}

static void fifo_release(struct file *file)
{
    leave(file->private_data, &file->flags);
}

const struct file_operations fifo_operations = {
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
    .release = fifo_release,
};

int pipe_open_fifo(struct inode *inode, struct file *file)
{
    uint32_t flags = file->flags;
    uint32_t mode = flags & O_ACCMODE;
    int error = 0;

    file->operations =
        &empty_file_operations; /* until it has succeeded there is nothing to release */
    if (mode == O_ACCMODE)
        return -EINVAL;
    if (inode->file_operations == &stream_operations)
        return stream_reopen(inode, file);
    if (inode->file_operations == &pipe_operations)
        return pipe_reopen(inode, file);
    prepare_buckets();
    struct fifo_bucket *bucket = bucket_of(inode);

    mutex_lock(&bucket->lock);
    struct pipe *pipe = pipe_for(bucket, inode);
    if (!pipe) {
        mutex_unlock(&bucket->lock);
        return -ENOMEM;
    }
    if (mode == O_WRONLY && flags & O_NONBLOCK && !pipe_has_readers(pipe)) {
        mutex_unlock(&bucket->lock);
        leave(pipe, NULL);
        return -ENXIO;
    }
    mutex_lock(&pipe->lock);
    bool alone = mode == O_RDONLY ? !pipe->writers : mode == O_WRONLY ? !pipe->readers : false;
    /* Without a writer so far, this reader sees no hang-up until one came and went (pipe_poll). */
    file->position = alone && mode == O_RDONLY ? pipe->writer_opens : (uint64_t)-1;
    pipe_add_end(pipe, flags);
    mutex_unlock(&pipe->lock);
    mutex_unlock(&bucket->lock);

    /* The partner may already be asleep in its own open. */
    if (mode != O_RDONLY)
        wake_up_all(&pipe->read_waiters);
    if (mode != O_WRONLY)
        wake_up_all(&pipe->write_waiters);
    if (alone && !(flags & O_NONBLOCK))
        error = pipe_wait_for_partner(pipe, flags);
    if (error) {
        leave(pipe, &flags);
        return error;
    }
    file->operations = &fifo_operations;
    file->private_data = pipe;
    return 0;
}
