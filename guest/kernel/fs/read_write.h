/* kernel/fs/read_write.h - what read_write.c shares with the other calls that move bytes. */
#ifndef KERNEL_FS_READ_WRITE_H
#define KERNEL_FS_READ_WRITE_H

#include "kernel/fs/file.h"

/*
 * Reads or writes at the file's own position, under its lock if anyone else can use it; `counted`
 * is what file_borrow() said. The operation must exist. Bytes or -errno.
 */
ssize_t file_transfer(struct file *file, struct io_buffer *buffer, bool write, bool counted);

#define IO_BYTES_MAX        0x7ffff000ul /* one call moves no more; Linux's MAX_RW_COUNT */
#define IO_VECTORS_ON_STACK 8u

/*
 * Copies and checks a vector of user pieces. *segments points at `on_stack` or at memory to be
 * freed with io_vector_free(), also after an error. The total is cut at IO_BYTES_MAX. 0 or -EINVAL,
 * -EFAULT, -ENOMEM.
 */
int io_vector_import(uint64_t vector, uint64_t count, struct io_segment *on_stack,
                     struct io_segment **segments, struct io_buffer *buffer);
void io_vector_free(struct io_segment *segments, const struct io_segment *on_stack);

#endif
