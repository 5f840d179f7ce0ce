/* kernel/fs/read_write.h - what read_write.c shares with the other calls that move bytes. */
#ifndef KERNEL_FS_READ_WRITE_H
#define KERNEL_FS_READ_WRITE_H

#include "kernel/fs/file.h"

/*
 * Reads or writes at the file's own position, under its lock if anyone else can use it; `counted`
 * is what file_borrow() said. The operation must exist. Bytes or -errno.
 */
ssize_t file_transfer(struct file *file, struct io_buffer *buffer, bool write, bool counted);

#endif
