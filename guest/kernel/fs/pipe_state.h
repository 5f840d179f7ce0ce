/* kernel/fs/pipe_state.h - the inside of a pipe, for pipe.c, pipe_calls.c and fifo.c. Locks and
 * lifetime: pipe.c. */
#ifndef KERNEL_FS_PIPE_STATE_H
#define KERNEL_FS_PIPE_STATE_H

#include "kernel/fs/pipe.h"
#include "kernel/lib/list.h"

#define PIPE_INLINE_PAGES (PIPE_DEFAULT_BYTES / 4096u)
#define PIPE_SMALL_BYTES  256u

/*
 * Bytes written and read so far, modulo 2^32: byte n lies at n % capacity, head - tail bytes are in
 * it. One word, so that whoever looks without the lock sees a pair that belongs together.
 */
union pipe_ends {
    struct {
        uint32_t head, tail;
    };
    uint64_t both;
};

struct pipe {
    struct mutex lock; /* RANK_PIPE */
    union pipe_ends ends;
    uint32_t capacity;                   /* bytes, a power of two, at least a page */
    uint32_t readers, writers;           /* open ends */
    uint32_t reader_opens, writer_opens; /* ends ever opened; wrap around */
    void **pages; /* capacity / PAGE_SIZE of them, NULL until first written */
    struct wait_queue read_waiters, write_waiters;
    void *inline_pages[PIPE_INLINE_PAGES];
    uint32_t users; /* files that hold it (and opens of a FIFO that wait); atomic, last one frees */
    /* FIFOs only, under fifo.c's table lock (users too) */
    struct inode *inode;
    struct list table_link;
    /* Stands in for the first page until more is written than fits here: pages[0] leads to it. */
    uint8_t small[PIPE_SMALL_BYTES];
};

/* Bytes in the pipe; without the lock, what was true a moment ago. */
static inline uint32_t pipe_used(const struct pipe *pipe)
{
    union pipe_ends ends = {.both = READ_ONCE(pipe->ends.both)};
    return ends.head - ends.tail;
}

/* Without the lock it may be off while pipe_set_size() is at work, which wakes all writers then. */
static inline uint32_t pipe_room(const struct pipe *pipe)
{
    uint32_t used = pipe_used(pipe), capacity = READ_ONCE(pipe->capacity);
    return capacity > used ? capacity - used : 0;
}

/* Where the ring's byte number `position` lies; the page may be missing, or too small yet. */
static inline void **pipe_page_slot(const struct pipe *pipe, uint32_t position)
{
    return &pipe->pages[(position & (pipe->capacity - 1)) / 4096u];
}

/* The pipe or FIFO behind an open file, or NULL. */
struct pipe *pipe_of(const struct file *file);
/*
 * An empty pipe was seen: waits unless `nonblocking`. Positive: look again; 0: no writer is left; or
 * -EAGAIN, -ERESTARTSYS. Without the lock.
 */
int pipe_wait_for_bytes(struct pipe *pipe, bool nonblocking);
/* Waits for PIPE_BUF bytes of room or the last reader's end. 0, -EAGAIN or -ERESTARTSYS. */
int pipe_wait_for_room(struct pipe *pipe, bool nonblocking);
/* Up to `bytes` of what is in the pipe into kernel memory; they stay in it if `keep`. How many. */
size_t pipe_take(struct pipe *pipe, void *to, size_t bytes, bool keep);
/*
 * Puts bytes that were just taken in front of all others. 0, or how many of the first ones are lost:
 * others have filled the pipe meanwhile, or there is no memory.
 */
size_t pipe_put_back(struct pipe *pipe, const void *from, size_t bytes);
/* Bytes of the buffer that found room now, 0 if none; -EPIPE without a signal if nobody can read
 * them, -EFAULT or -ENOMEM. */
ssize_t pipe_put(struct pipe *pipe, struct io_buffer *buffer);

/* A page of the ring, or NULL; and giving `count` of them back, missing ones and the small stand-in
 * left out. */
void *pipe_page_new(void);
void pipe_pages_free(const struct pipe *pipe, void **pages, uint32_t count);

#endif
