/*
 * kernel/fs/pipe.c - pipes: a ring of bytes on pages that are allocated when first written. A pipe
 * that runs empty starts again at its beginning, where some bytes have room in the pipe's own
 * object: a conversation of small messages needs no page.
 *
 * Locks: `lock` (mutex, RANK_PIPE) guards everything; ends, capacity, readers and writers are also
 * read without it by sleepers and pollers, who then check again. Bytes are copied from and to user
 * memory under the mutex, so a write of up to PIPE_BUF bytes is never mixed with another one.
 * Lifetime: an end per open file; the last one frees the pipe (of a FIFO: fifo.c's table does).
 */
#include "kernel/fs/pipe.h"

#include "arch/layout.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe_state.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/tty/termios.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

static struct object_cache pipe_cache = OBJECT_CACHE_INIT("pipe", struct pipe);

struct pipe *pipe_allocate(void)
{
    struct pipe *pipe = object_cache_allocate(&pipe_cache);
    if (!pipe)
        return NULL;
    memset(pipe, 0, sizeof(*pipe));
    mutex_init(&pipe->lock, RANK_PIPE);
    wait_queue_init(&pipe->read_waiters);
    wait_queue_init(&pipe->write_waiters);
    pipe->capacity = PIPE_DEFAULT_BYTES;
    pipe->pages = pipe->inline_pages;
    pipe->pages[0] = pipe->small;
    return pipe;
}

void pipe_pages_free(const struct pipe *pipe, void **pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pages[i] && pages[i] != pipe->small)
            frame_release(virt_to_phys(pages[i]));
    }
}

void pipe_free(struct pipe *pipe)
{
    pipe_pages_free(pipe, pipe->pages, pipe->capacity / PAGE_SIZE);
    if (pipe->pages != pipe->inline_pages)
        kfree(pipe->pages);
    object_cache_free(&pipe_cache, pipe);
}

static inline bool pipe_readable(const struct pipe *pipe)
{
    return pipe_used(pipe) || !READ_ONCE(pipe->writers);
}

/* Sleeping writers wait for PIPE_BUF bytes of room, enough for any write that must not be split. */
static inline bool pipe_writable(const struct pipe *pipe)
{
    return pipe_room(pipe) >= PIPE_BUF || !READ_ONCE(pipe->readers);
}

bool pipe_has_readers(const struct pipe *pipe)
{
    return READ_ONCE(pipe->readers) != 0;
}

/* Bytes that a page of the ring has; NULL, a missing one: none. */
static inline uint32_t page_bytes(const struct pipe *pipe, const void *page)
{
    return likely(page == pipe->small) ? PIPE_SMALL_BYTES : page ? (uint32_t)PAGE_SIZE : 0;
}

/* Bytes taken: who finds the ring empty starts at its beginning again. Lock held. */
static inline void tail_advance(struct pipe *pipe, uint32_t tail)
{
    if (likely(tail == pipe->ends.head))
        WRITE_ONCE(pipe->ends.both, 0);
    else
        WRITE_ONCE(pipe->ends.tail, tail);
}

/*
 * Copies out of a ring that is not empty. Bytes, fewer than there are only if the buffer ends or a
 * page of it is missing: what lies in one page of the ring is taken as a whole or not at all, as
 * Linux does it. Lock held.
 */
static __attribute__((noinline)) size_t take_pieces(struct pipe *pipe, struct io_buffer *buffer)
{
    uint32_t tail = pipe->ends.tail, used = pipe->ends.head - tail;
    size_t done = 0;

    while (used && buffer->remaining) {
        uint32_t in_page = tail % PAGE_SIZE;
        uint64_t piece = min(min(PAGE_SIZE - in_page, (uint64_t)used), buffer->remaining);
        if (io_copy_to(buffer, (uint8_t *)*pipe_page_slot(pipe, tail) + in_page, piece) < piece)
            break;
        tail += (uint32_t)piece;
        used -= (uint32_t)piece;
        done += piece;
    }
    tail_advance(pipe, tail);
    return done;
}

/* The same; mostly all bytes lie in one page. */
static inline size_t take_bytes(struct pipe *pipe, struct io_buffer *buffer)
{
    uint32_t tail = pipe->ends.tail, in_page = tail % PAGE_SIZE;
    uint64_t bytes = min((uint64_t)(pipe->ends.head - tail), buffer->remaining);

    if (unlikely(bytes > PAGE_SIZE - in_page))
        return take_pieces(pipe, buffer);
    if (unlikely(io_copy_to(buffer, (uint8_t *)*pipe_page_slot(pipe, tail) + in_page, bytes) <
                 bytes))
        return 0;
    tail_advance(pipe, tail + (uint32_t)bytes);
    return bytes;
}

void *pipe_page_new(void)
{
    phys_t frame = frame_allocate(FRAME_KERNEL, 0, 0);
    return frame ? phys_to_virt(frame) : NULL;
}

/* A whole page for one that is missing or too small, with what that holds. False: no memory. */
static bool page_provide(const struct pipe *pipe, void **slot)
{
    void *page = pipe_page_new();
    if (!page)
        return false;
    if (*slot == pipe->small)
        memcpy(page, pipe->small, PIPE_SMALL_BYTES);
    *slot = page;
    return true;
}

/*
 * Copies into a ring as much as fits into `room`, which is not 0, of a buffer that has bytes.
 * Bytes, in whole pieces as when reading, or -EFAULT / -ENOMEM if none. Lock held.
 */
static ssize_t put_pieces(struct pipe *pipe, struct io_buffer *buffer, uint32_t room)
{
    uint32_t head = pipe->ends.head;
    ssize_t done = 0, error = 0;

    while (room && buffer->remaining) {
        uint32_t in_page = head % PAGE_SIZE;
        uint64_t piece = min(min(PAGE_SIZE - in_page, (uint64_t)room), buffer->remaining);
        void **page = pipe_page_slot(pipe, head);
        if (in_page + piece > page_bytes(pipe, *page) && !page_provide(pipe, page)) {
            error = -ENOMEM;
            break;
        }
        if (io_copy_from(buffer, (uint8_t *)*page + in_page, piece) < piece) {
            error = -EFAULT;
            break;
        }
        head += (uint32_t)piece;
        room -= (uint32_t)piece;
        done += (ssize_t)piece;
    }
    WRITE_ONCE(pipe->ends.head, head);
    return done ? done : error;
}

__attribute__((noinline)) int pipe_wait_for_bytes(struct pipe *pipe, bool nonblocking)
{
    if (!READ_ONCE(pipe->writers))
        return pipe_used(pipe) != 0; /* the last one may have written since we looked */
    if (nonblocking)
        return -EAGAIN;
    int error = wait_event_by(&current->waiter, &pipe->read_waiters, WAIT_PIPE_READ, (uint64_t)pipe,
                              WAIT_INTERRUPTIBLE, 0, true, pipe_readable(pipe));
    return error ? error : 1;
}

/* After a read, without the lock: writers for the room, the next reader for the bytes left. */
static inline void wake_after_read(struct pipe *pipe)
{
    if (unlikely(wait_queue_active(&pipe->write_waiters)) && pipe_room(pipe) >= PIPE_BUF)
        wake_up_one(&pipe->write_waiters);
    /* The wake-up that brought us may have been for two. */
    if (unlikely(wait_queue_active(&pipe->read_waiters)) && pipe_used(pipe))
        wake_up_one(&pipe->read_waiters);
}

ssize_t pipe_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct pipe *pipe = file->private_data;

    (void)position;
    if (unlikely(!buffer->remaining))
        return 0;
    for (;;) {
        if (!pipe_used(pipe)) {
            int result = pipe_wait_for_bytes(pipe, file->flags & O_NONBLOCK);
            if (unlikely(result <= 0))
                return result;
        }
        mutex_lock(&pipe->lock);
        if (likely(pipe_used(pipe)))
            break;
        mutex_unlock(&pipe->lock); /* another reader was faster */
    }
    size_t taken = take_bytes(pipe, buffer);
    mutex_unlock(&pipe->lock);
    wake_after_read(pipe);
    return likely(taken) ? (ssize_t)taken : -EFAULT;
}

void file_send_sigpipe(void)
{
    struct linux_siginfo info;

    memset(&info, 0, sizeof(info));
    info.code = SI_USER;
    info.sender.pid = current->seen_tgid;
    info.sender.uid = current->process->credentials.uid;
    signal_send_task(current, SIGPIPE, &info);
}

__attribute__((noinline)) int pipe_wait_for_room(struct pipe *pipe, bool nonblocking)
{
    if (nonblocking)
        return -EAGAIN;
    return wait_event_by(&current->waiter, &pipe->write_waiters, WAIT_PIPE_WRITE, (uint64_t)pipe,
                         WAIT_INTERRUPTIBLE, 0, true, pipe_writable(pipe));
}

/* After a write, without the lock: readers for the bytes, the next writer for the room left. */
static inline void wake_after_write(struct pipe *pipe)
{
    if (MUTANT_EVERY(WAKEUP_LOST_PIPE, 50))
        return;
    wake_up_one(MUTANT_EVERY(WAKEUP_WRONG_END, 50) ? &pipe->write_waiters : &pipe->read_waiters);
    /* The wake-up that brought us may have been for two. */
    if (unlikely(wait_queue_active(&pipe->write_waiters)) && pipe_room(pipe) >= PIPE_BUF)
        wake_up_one(&pipe->write_waiters);
}

/* A write in general. Called with the lock held, returns without it. */
static __attribute__((noinline)) ssize_t write_pieces(struct file *file, struct pipe *pipe,
                                                      struct io_buffer *buffer)
{
    /* Up to PIPE_BUF bytes go in together or not at all. */
    uint64_t needed = buffer->remaining <= PIPE_BUF ? buffer->remaining : 1;
    ssize_t result = 0;

    for (;; mutex_lock(&pipe->lock)) {
        if (!pipe->readers) {
            mutex_unlock(&pipe->lock);
            file_send_sigpipe();
            return result ? result : -EPIPE;
        }
        uint32_t room = pipe_room(pipe);
        if (MUTANT(PIPE_OVERFILLED))
            room += 64;
        if (room >= needed) {
            ssize_t put = put_pieces(pipe, buffer, room);
            bool full = !pipe_room(pipe);
            mutex_unlock(&pipe->lock);
            wake_after_write(pipe);
            if (put < 0)
                return result ? result : put;
            result += put;
            /* Not full: a page of the source is missing, or memory is short. */
            if (!buffer->remaining || !full)
                return result;
        } else {
            mutex_unlock(&pipe->lock);
        }
        int error = pipe_wait_for_room(pipe, file->flags & O_NONBLOCK);
        if (error)
            return result ? result : error;
    }
}

ssize_t pipe_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct pipe *pipe = file->private_data;
    uint64_t bytes = buffer->remaining;

    (void)position;
    if (unlikely(!bytes))
        return 0;
    mutex_lock(&pipe->lock);
    uint32_t head = pipe->ends.head, room = pipe->capacity - (head - pipe->ends.tail);
    uint32_t in_page = head % PAGE_SIZE;
    uint8_t *page = *pipe_page_slot(pipe, head);

    /* Mostly all bytes fit into one page that is there. */
    if (unlikely(bytes > room || in_page + bytes > page_bytes(pipe, page) || !pipe->readers))
        return write_pieces(file, pipe, buffer);
    ssize_t result = -EFAULT;
    if (likely(io_copy_from(buffer, page + in_page, bytes) == bytes)) {
        WRITE_ONCE(pipe->ends.head, head + (uint32_t)bytes);
        result = (ssize_t)bytes;
    }
    mutex_unlock(&pipe->lock);
    wake_after_write(pipe);
    return result;
}

/* ---- for splice.c: between a pipe and kernel memory, without waiting ---- */

size_t pipe_take(struct pipe *pipe, void *to, size_t bytes, bool keep)
{
    mutex_lock(&pipe->lock);
    uint32_t tail = pipe->ends.tail;
    bytes = min(bytes, (size_t)pipe_used(pipe));
    for (size_t done = 0; done < bytes;) {
        uint32_t at = tail + (uint32_t)done, in_page = at % PAGE_SIZE;
        size_t piece = min((size_t)(PAGE_SIZE - in_page), bytes - done);
        memcpy((uint8_t *)to + done, (uint8_t *)*pipe_page_slot(pipe, at) + in_page, piece);
        done += piece;
    }
    if (!keep && bytes)
        tail_advance(pipe, tail + (uint32_t)bytes);
    mutex_unlock(&pipe->lock);
    if (!keep)
        wake_after_read(pipe);
    return bytes;
}

size_t pipe_put_back(struct pipe *pipe, const void *from, size_t bytes)
{
    mutex_lock(&pipe->lock);
    size_t left = min(bytes, (size_t)pipe_room(pipe));
    uint32_t tail = pipe->ends.tail;
    while (left) {
        size_t piece = min(left, (size_t)((tail - 1) % PAGE_SIZE + 1));
        void **page = pipe_page_slot(pipe, tail - 1);
        if (page_bytes(pipe, *page) < PAGE_SIZE && !page_provide(pipe, page))
            break;
        tail -= (uint32_t)piece;
        left -= piece;
        bytes -= piece;
        memcpy((uint8_t *)*page + tail % PAGE_SIZE, (const uint8_t *)from + bytes, piece);
    }
    WRITE_ONCE(pipe->ends.tail, tail);
    mutex_unlock(&pipe->lock);
    wake_up_one(&pipe->read_waiters);
    return bytes;
}

ssize_t pipe_put(struct pipe *pipe, struct io_buffer *buffer)
{
    ssize_t result = 0;

    mutex_lock(&pipe->lock);
    uint32_t room = pipe_room(pipe);
    if (!pipe->readers)
        result = -EPIPE;
    else if (room && buffer->remaining)
        result = put_pieces(pipe, buffer, room);
    mutex_unlock(&pipe->lock);
    if (result > 0)
        wake_after_write(pipe);
    return result;
}

uint32_t pipe_poll(struct file *file, struct poll_table *table)
{
    struct pipe *pipe = file->private_data;
    uint32_t mask = 0;

    if (file_readable(file)) {
        poll_wait(table, &pipe->read_waiters);
        if (pipe_used(pipe))
            mask |= POLLIN | POLLRDNORM;
        /* file->position of a FIFO's reader: the writers that had come before it; none since = no
         * hang-up. */
        if (!READ_ONCE(pipe->writers) && file->position != READ_ONCE(pipe->writer_opens))
            mask |= POLLHUP;
    }
    if (file_writable(file)) {
        poll_wait(table, &pipe->write_waiters);
        if (pipe_room(pipe) >= PIPE_BUF)
            mask |= POLLOUT | POLLWRNORM;
        if (!READ_ONCE(pipe->readers))
            mask |= POLLERR;
    }
    return mask;
}

int64_t pipe_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct pipe *pipe = file->private_data;

    if (command != FIONREAD)
        return -ENOTTY;
    int32_t bytes = (int32_t)pipe_used(pipe);
    return put_user(bytes, argument);
}

void pipe_add_end(struct pipe *pipe, uint32_t open_flags)
{
    if ((open_flags & O_ACCMODE) != O_WRONLY) {
        pipe->readers++;
        pipe->reader_opens++;
    }
    if ((open_flags & O_ACCMODE) != O_RDONLY) {
        pipe->writers++;
        pipe->writer_opens++;
    }
}

void pipe_drop_end(struct pipe *pipe, uint32_t open_flags)
{
    mutex_lock(&pipe->lock);
    if ((open_flags & O_ACCMODE) != O_WRONLY)
        pipe->readers--;
    if ((open_flags & O_ACCMODE) != O_RDONLY)
        pipe->writers--;
    if (!pipe->writers)
        wake_up_all(&pipe->read_waiters);
    if (!pipe->readers)
        wake_up_all(&pipe->write_waiters);
    mutex_unlock(&pipe->lock);
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = file->private_data;
    struct inode *inode = file->inode;

    pipe_drop_end(pipe, file->flags);
    mutex_lock(&inode->lock); /* against pipe_reopen() */
    bool last = reference_put(&pipe->users);
    if (last)
        inode->private_data = NULL;
    mutex_unlock(&inode->lock);
    if (last)
        pipe_free(pipe);
}

HOT_TABLE const struct file_operations pipe_operations = {
    .kind = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
    .release = pipe_release,
};

/* Waits on behalf of a FIFO's open; see fifo(7). */
int pipe_wait_for_partner(struct pipe *pipe, uint32_t open_flags)
{
    if ((open_flags & O_ACCMODE) == O_RDONLY) {
        uint32_t before = READ_ONCE(pipe->writer_opens);
        return wait_event(&pipe->read_waiters, WAIT_PIPE_READ, (uint64_t)pipe, WAIT_INTERRUPTIBLE,
                          0, READ_ONCE(pipe->writers) || READ_ONCE(pipe->writer_opens) != before);
    }
    uint32_t before = READ_ONCE(pipe->reader_opens);
    return wait_event(&pipe->write_waiters, WAIT_PIPE_WRITE, (uint64_t)pipe, WAIT_INTERRUPTIBLE, 0,
                      READ_ONCE(pipe->readers) || READ_ONCE(pipe->reader_opens) != before);
}
