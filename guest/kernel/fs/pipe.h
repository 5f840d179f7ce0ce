/*
 * kernel/fs/pipe.h - pipes and FIFOs: a ring of bytes with readers at one end and writers at the
 * other.
 */
#ifndef KERNEL_FS_PIPE_H
#define KERNEL_FS_PIPE_H

#include "kernel/fs/file.h"

struct inode;
struct io_buffer;
struct pipe;

#define PIPE_BUF           4096u /* writes up to here are never mixed with others (pipe(7)) */
#define PIPE_DEFAULT_BYTES 65536u
#define PIPE_MAX_BYTES     (1u << 20) /* F_SETPIPE_SZ */

/* Both ends of a new pipe; flags: O_NONBLOCK. 0 or -ENOMEM / -ENFILE. */
int pipe_create_files(uint32_t flags, struct file **ret_read, struct file **ret_write);

/*
 * Called by open() for an inode of type S_IFIFO, after file_create() and without any lock: sets
 * operations and private data, and waits for the other end as fifo(7) says. 0, -ENXIO, -ERESTARTSYS
 * or -ENOMEM; on an error the caller just puts the file.
 */
int pipe_open_fifo(struct inode *inode, struct file *file);

/* fcntl(F_GETPIPE_SZ, F_SETPIPE_SZ): bytes, or -EBADF if the file is no pipe, -EINVAL, -EPERM,
 * -EBUSY, -ENOMEM. */
int64_t pipe_get_size(struct file *file);
int64_t pipe_set_size(struct file *file, uint64_t bytes);

/* SIGPIPE to the current task, for any write whose reader has gone. */
void file_send_sigpipe(void);

/* ---- between pipe.c and fifo.c ---- */
struct pipe *pipe_allocate(void);
void pipe_free(struct pipe *pipe);
void pipe_add_end(struct pipe *pipe, uint32_t open_flags);
void pipe_drop_end(struct pipe *pipe, uint32_t open_flags);
extern const struct file_operations pipe_operations;
extern const struct file_operations fifo_operations;
ssize_t pipe_read(struct file *file, struct io_buffer *buffer, uint64_t *position);
ssize_t pipe_write(struct file *file, struct io_buffer *buffer, uint64_t *position);
uint32_t pipe_poll(struct file *file, struct poll_table *table);
int64_t pipe_ioctl(struct file *file, uint32_t command, uint64_t argument);
/* Opening a pipe of pipe() anew, through /proc/PID/fd. */
int pipe_reopen(struct inode *inode, struct file *file);
/* Waits until the other end is there, or was there meanwhile. 0 or -ERESTARTSYS. */
int pipe_wait_for_partner(struct pipe *pipe, uint32_t open_flags);
bool pipe_has_readers(const struct pipe *pipe);

#endif
