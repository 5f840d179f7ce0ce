/*
 * kernel/net/names.h - who is bound to what: paths, by their inode, and abstract names, by their
 * bytes, the type of socket and its network namespace (by number: a socket holds none, and none is
 * given twice). Paths lead across network namespaces.
 */
#ifndef KERNEL_NET_NAMES_H
#define KERNEL_NET_NAMES_H

#include "kernel/net/socket.h"

/* Who is bound, by name or inode: names_lock. A bucket whose next is NULL was never used. */
#define SOCKET_NAME_BUCKETS 64u
extern struct list socket_names[SOCKET_NAME_BUCKETS];

/* Checks a sockaddr_un of `bytes` and copies it; a path gets its NUL and its length. */
int socket_address_make(struct socket_address *ret, const void *sockaddr, uint32_t bytes);
void socket_address_get(struct socket_address *address);
void socket_address_put(struct socket_address *address); /* NULL is fine */
static inline bool socket_address_is_path(const struct socket_address *address)
{
    return address->path[0] != '\0';
}

/*
 * Enters the socket under its address: by `inode` (a reference is kept) if that is not NULL.
 * -EADDRINUSE: an abstract name that somebody has.
 */
int names_enter(struct socket *socket, struct socket_address *address, struct inode *inode);
void names_leave(struct socket *socket);
/* The socket of the same type that an address means for `from`, counted. -ECONNREFUSED, -EPROTOTYPE
 * or the path's errors. */
int names_find(const struct socket_address *address, const struct socket *from,
               struct socket **ret);

#endif
