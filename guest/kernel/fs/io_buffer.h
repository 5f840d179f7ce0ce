/*
 * kernel/fs/io_buffer.h - where bytes come from or go to in one read or write: the pieces of user
 * memory of a vectored call, one piece of user memory (nearly always), or kernel memory. Copying
 * advances it.
 *
 * Invariant: `remaining` is `piece` and the bytes of all `following` pieces; so a copy of at most
 * `piece` bytes needs to look at nothing else, and that way is inline.
 */
#ifndef KERNEL_FS_IO_BUFFER_H
#define KERNEL_FS_IO_BUFFER_H

#include "arch/user_access.h"
#include "kernel/lib/types.h"

/* struct iovec of the Linux ABI. */
struct io_segment {
    uint64_t address;
    uint64_t bytes;
};

struct io_buffer {
    uint64_t address;   /* of the next byte ... */
    uint64_t piece;     /* ... and how many lie from there in one piece */
    uint64_t remaining; /* bytes in all */
    const struct io_segment
        *following;    /* the pieces after this one; kernel memory, already range-checked */
    bool kernel;       /* addresses are the kernel's */
    uint8_t placement; /* enum io_placement; of writes to files that have positions */
};

/* Where a write begins. */
enum io_placement {
    IO_AS_OPENED,   /* at the position, or at the end with O_APPEND */
    IO_AT_END,      /* RWF_APPEND */
    IO_AT_POSITION, /* RWF_NOAPPEND */
};

/* A buffer over one piece. */
static inline void io_buffer_init(struct io_buffer *buffer, bool kernel, uint64_t address,
                                  uint64_t bytes)
{
    buffer->address = address;
    buffer->piece = bytes;
    buffer->remaining = bytes;
    buffer->following = NULL;
    buffer->kernel = kernel;
    buffer->placement = IO_AS_OPENED;
}

/* Over user pieces, range-checked by the caller, that live as long as the buffer. total: the sum of
 * their bytes. */
static inline void io_buffer_init_vector(struct io_buffer *buffer,
                                         const struct io_segment *segments, uint64_t total)
{
    buffer->address = 0;
    buffer->piece = 0;
    buffer->remaining = total;
    buffer->following = segments;
    buffer->kernel = false;
    buffer->placement = IO_AS_OPENED;
}

/* Any buffer, any number of bytes; use the functions below. */
size_t io_copy_to_pieces(struct io_buffer *buffer, const void *source, size_t bytes);
size_t io_copy_from_pieces(struct io_buffer *buffer, void *destination, size_t bytes);

static inline void io_buffer_advance(struct io_buffer *buffer, size_t bytes)
{
    buffer->address += bytes;
    buffer->piece -= bytes;
    buffer->remaining -= bytes;
}

/* Bytes copied; fewer than asked only at the end of the buffer or at a page that is not there. */
static inline size_t io_copy_to(struct io_buffer *buffer, const void *source, size_t bytes)
{
    if (unlikely(bytes > buffer->piece || buffer->kernel))
        return io_copy_to_pieces(buffer, source, bytes);
    size_t copied = copy_to_user_partial(buffer->address, source, bytes);
    io_buffer_advance(buffer, copied);
    return copied;
}
static inline size_t io_copy_from(struct io_buffer *buffer, void *destination, size_t bytes)
{
    if (unlikely(bytes > buffer->piece || buffer->kernel))
        return io_copy_from_pieces(buffer, destination, bytes);
    size_t copied = copy_from_user_partial(destination, buffer->address, bytes);
    io_buffer_advance(buffer, copied);
    return copied;
}
size_t io_zero(struct io_buffer *buffer, size_t bytes);

#endif
