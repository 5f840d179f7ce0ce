/* kernel/fs/tty/stream.h - a standard stream that is no terminal: one channel as a file that looks
 * like a pipe. */
#ifndef KERNEL_FS_TTY_STREAM_H
#define KERNEL_FS_TTY_STREAM_H

#include "kernel/fs/file.h"
#include "kernel/fs/tty/channel.h"

struct inode;

extern const struct file_operations stream_operations;

/* A file open on the channel; one reference. NULL when out of memory. */
struct file *stream_file_create(enum glass_channel_index index);
/* Makes `file` (just opened, by whatever name) a stream on the channel. */
void stream_attach(struct file *file, enum glass_channel_index index);
/* Opening the inode of a stream anew, through /proc/PID/fd: 0 or -EACCES for the wrong direction.
 */
int stream_reopen(struct inode *inode, struct file *file);

#endif
