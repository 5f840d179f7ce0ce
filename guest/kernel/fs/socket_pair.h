/*
 * kernel/fs/socket_pair.h - socketpair(2): two files, each of which reads what the other writes.
 * They are the only sockets that there are; nothing has an address.
 */
#ifndef KERNEL_FS_SOCKET_PAIR_H
#define KERNEL_FS_SOCKET_PAIR_H

#include "kernel/fs/file.h"

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

/* MSG_* that have an effect. */
#define MSG_OOB      0x1u
#define MSG_PEEK     0x2u
#define MSG_DONTWAIT 0x40u
#define MSG_NOSIGNAL 0x4000u

bool file_is_socket(const struct file *file);
/* Both ends, as files with `flags` (O_NONBLOCK). 0 or -ENOMEM. */
int socket_pair_create(uint32_t flags, struct file *ret[2]);
/* Bytes or -errno, as recv(2) and send(2) have it. */
ssize_t socket_receive(struct file *file, struct io_buffer *buffer, uint32_t flags);
ssize_t socket_send(struct file *file, struct io_buffer *buffer, uint32_t flags);
int socket_shutdown(struct file *file, int how);

#endif
