/* kernel/fs/epoll.h - what the rest of the file system must tell epoll. */
#ifndef KERNEL_FS_EPOLL_H
#define KERNEL_FS_EPOLL_H

struct file;

/* The last reference to a watched file is gone: every epoll instance forgets it. May sleep. */
void epoll_forget_file(struct file *file);

#endif
