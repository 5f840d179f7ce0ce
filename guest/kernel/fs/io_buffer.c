/*
 * kernel/fs/io_buffer.c - copying between the kernel and the pieces of memory that a read or write
 * names.
 */
#include "kernel/fs/file.h"

#include "arch/user_access.h"
#include "kernel/lib/string.h"

enum direction { COPY_TO, COPY_FROM, FILL_ZERO };

static size_t clear_user_partial(uint64_t destination, size_t bytes)
{
    static const uint8_t zeros[512];
    size_t done = 0;

    while (done < bytes) {
        size_t piece = min(bytes - done, sizeof(zeros));
        size_t copied = copy_to_user_partial(destination + done, zeros, piece);
        done += copied;
        if (copied < piece)
            break;
    }
    return done;
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
        const struct io_segment *segment = buffer->segments;
        size_t piece = min(segment->bytes - buffer->offset, bytes - done);
        size_t copied = copy_piece(buffer->kernel, segment->address + buffer->offset,
                                   (uint8_t *)memory + done, piece, direction);
        done += copied;
        buffer->offset += copied;
        buffer->remaining -= copied;
        if (copied < piece)
            break;
        if (buffer->offset == segment->bytes) {
            buffer->segments++;
            buffer->count--;
            buffer->offset = 0;
        }
    }
    return done;
}

size_t io_copy_to(struct io_buffer *buffer, const void *source, size_t bytes)
{
    return copy(buffer, (void *)source, bytes, COPY_TO);
}

size_t io_copy_from(struct io_buffer *buffer, void *destination, size_t bytes)
{
    return copy(buffer, destination, bytes, COPY_FROM);
}

size_t io_zero(struct io_buffer *buffer, size_t bytes)
{
    return copy(buffer, NULL, bytes, FILL_ZERO);
}
