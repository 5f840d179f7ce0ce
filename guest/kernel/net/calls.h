/* kernel/net/calls.h - what the system calls share: descriptors and addresses of programs. */
#ifndef KERNEL_NET_CALLS_H
#define KERNEL_NET_CALLS_H

#include "kernel/net/socket.h"

/* The socket behind a descriptor; the file is given back with file_return(). -EBADF, -ENOTSOCK. */
int socket_borrow(int fd, struct file **ret_file, bool *ret_counted, struct socket **ret);

#define SOCKADDR_BYTES_MAX 128 /* struct sockaddr_storage */

/* Copies a program's sockaddr of so many bytes, at most SOCKADDR_BYTES_MAX: 0, -EINVAL, -EFAULT. */
int sockaddr_import(uint64_t user, int32_t bytes, uint8_t sockaddr[SOCKADDR_BYTES_MAX]);
/* Writes an address (NULL: none) where there may be room for it, and how long it really is. */
int sockaddr_export(const struct socket_address *address, uint64_t user, uint64_t bytes_address);
/* The same for getsockname and its kin, where a socket without an address has a family at least. */
int sockaddr_export_name(struct socket *socket, uint64_t user, uint64_t bytes_address);

#endif
