/* kernel/net/calls.h - what the system calls share: descriptors and addresses of programs. */
#ifndef KERNEL_NET_CALLS_H
#define KERNEL_NET_CALLS_H

#include "kernel/net/socket.h"

/* The socket behind a descriptor, for the time of a call. */
struct borrowed_socket {
    struct socket *socket;
    struct file *file; /* NULL = nothing is borrowed */
    bool counted;      /* as file_borrow() says */
};
/* 0, -EBADF or -ENOTSOCK. A variable made by BORROWED_SOCKET() gives back at the end of its scope. */
int socket_borrow(int fd, struct borrowed_socket *ret);
void socket_give_back(struct borrowed_socket *borrowed);
#define BORROWED_SOCKET(name)                                                                      \
    __attribute__((cleanup(socket_give_back))) struct borrowed_socket name = {.file = NULL}

#define SOCKADDR_BYTES_MAX 128 /* struct sockaddr_storage */

/* Copies a program's sockaddr of so many bytes, at most SOCKADDR_BYTES_MAX: 0, -EINVAL, -EFAULT. */
int sockaddr_import(uint64_t user, int32_t bytes, uint8_t sockaddr[SOCKADDR_BYTES_MAX]);
/* Writes an address (NULL: none) where there may be room for it, and how long it really is. */
int sockaddr_export(const struct socket_address *address, uint64_t user, uint64_t bytes_address);
/* The same for getsockname and its kin, where a socket without an address has a family at least. */
int sockaddr_export_name(struct socket *socket, uint64_t user, uint64_t bytes_address);

#endif
