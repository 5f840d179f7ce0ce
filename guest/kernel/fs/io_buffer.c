/*
 * kernel/fs/io_buffer.c - copying between the kernel and the pieces of memory that a read or write
 * names: whatever is more than one piece of user memory. See io_buffer.h.
 */
#include "kernel/fs/io_buffer.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"

enum direction { COPY_TO, COPY_FROM, FILL_ZERO };

/* What was cleared before a page that is not there counts, so that a read may end in front of it.
 */
static size_t clear_user_partial(uint64_t destination, size_t bytes)
{
    if (likely(!clear_user(destination, bytes)))
        return bytes;
    for (size_t done = 0; done < bytes;) {
        size_t piece = min(bytes - done, PAGE_SIZE - ((destination + done) & (PAGE_SIZE - 1)));
        if (clear_user(destination + done, piece))
            return done;
        done += piece;
    }
    return bytes;
}

static inline size_t copy_piece(bool kernel, uint64_t address, void *memory, size_t bytes,
                                enum direction direction)
{
    if (kernel) {
        if (direction == COPY_TO)
            memcpy((void *)address, memory, bytes);
        else if (direction == COPY_FROM)
            memcpy(memory, (const void *)address, bytes);
        else
            memset((void *)address, 0, bytes);
        return bytes;
    }
    if (direction == COPY_TO)
        return copy_to_user_partial(address, memory, bytes);
    if (direction == COPY_FROM)
        return copy_from_user_partial(memory, address, bytes);
    return clear_user_partial(address, bytes);
}

static inline size_t copy(struct io_buffer *buffer, void *memory, size_t bytes,
                          enum direction direction)
{
    size_t done = 0;

    if (bytes > buffer->remaining)
        bytes = buffer->remaining;
    while (done < bytes) {
        while (!buffer->piece) {
            buffer->address = buffer->following->address;
            buffer->piece = buffer->following->bytes;
            buffer->following++;
        }
        size_t piece = min(buffer->piece, bytes - done);
        void *at = memory ? (uint8_t *)memory + done : NULL; /* COPY_ZERO has none */
        size_t copied = copy_piece(buffer->kernel, buffer->address, at, piece, direction);
        io_buffer_advance(buffer, copied);
        done += copied;
        if (copied < piece)
            break;
    }
    return done;
}

size_t io_copy_to_pieces(struct io_buffer *buffer, const void *source, size_t bytes)
{
    return copy(buffer, (void *)source, bytes, COPY_TO);
}

size_t io_copy_from_pieces(struct io_buffer *buffer, void *destination, size_t bytes)
{
    return copy(buffer, destination, bytes, COPY_FROM);
}

size_t io_zero(struct io_buffer *buffer, size_t bytes)
{
    return copy(buffer, NULL, bytes, FILL_ZERO);
}
