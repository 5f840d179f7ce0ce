/*
 * kernel/net/calls.c - the system calls that make sockets, connect them and ask about them. Checks
 * are made in Linux's order.
 */
#include "kernel/net/calls.h"

#include "kernel/fs/file_table.h"
#include "kernel/lib/string.h"
#include "kernel/net/names.h"
#include "kernel/syscall/syscall.h"

#define SOCK_TYPE_MASK 0xfu

int socket_borrow(int fd, struct borrowed_socket *ret)
{
    ret->file = file_borrow(fd, &ret->counted);
    if (!ret->file)
        return -EBADF;
    ret->socket = socket_of(ret->file);
    if (ret->socket)
        return 0;
    return ret->file->flags & O_PATH ? -EBADF : -ENOTSOCK;
}

void socket_give_back(struct borrowed_socket *borrowed)
{
    if (borrowed->file)
        file_return(borrowed->file, borrowed->counted);
}

int sockaddr_import(uint64_t user, int32_t bytes, uint8_t sockaddr[SOCKADDR_BYTES_MAX])
{
    if (bytes < 0 || bytes > SOCKADDR_BYTES_MAX)
        return -EINVAL;
    return bytes && copy_from_user(sockaddr, user, (size_t)bytes) ? -EFAULT : 0;
}

static int export(const void *address, int32_t bytes, uint64_t user, uint64_t bytes_address)
{
    int32_t room;

    if (get_user(room, bytes_address))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    room = min(room, bytes);
    if (room && copy_to_user(user, address, (size_t)room))
        return -EFAULT;
    return put_user(bytes, bytes_address);
}

int sockaddr_export(const struct socket_address *address, uint64_t user, uint64_t bytes_address)
{
    return export(address ? &address->family : NULL, address ? (int32_t)address->bytes : 0, user,
                  bytes_address);
}

int sockaddr_export_name(struct socket *socket, uint64_t user, uint64_t bytes_address)
{
    static const uint16_t unnamed = AF_UNIX;
    const struct socket_address *address = load_acquire(&socket->address);

    if (address)
        return sockaddr_export(address, user, bytes_address);
    return export(&unnamed, sizeof(unnamed), user, bytes_address);
}

/* ---- making ---- */

/* The type of socket that is meant, in *type; the flags that came with it in *flags. */
static int check_kind(int family, uint32_t *type, int protocol, uint32_t *flags)
{
    *flags = *type & ~SOCK_TYPE_MASK;
    *type &= SOCK_TYPE_MASK;
    if (*flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    if (family < 0 || family >= AF_MAX)
        return -EAFNOSUPPORT;
    if (*type >= SOCK_TYPE_MAX)
        return -EINVAL;
    if (family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (*type == SOCK_RAW)
        *type = SOCK_DGRAM; /* as it always was */
    return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
               ? 0
               : -ESOCKTNOSUPPORT;
}

/* Takes over the socket's reference. A descriptor or -errno. */
static int install(struct socket *socket, uint32_t flags)
{
    struct file *file = socket_file_create(socket, flags);
    if (!file)
        return -ENFILE;
    int fd = file_table_install(file, 0, flags & SOCK_CLOEXEC);
    if (fd < 0)
        file_put(file);
    return fd;
}

SYSCALL3(socket, int, family, uint32_t, type, int, protocol)
{
    uint32_t flags;
    int error = check_kind(family, &type, protocol, &flags);
    if (error)
        return error;
    struct socket *socket = socket_allocate(type);
    return socket ? install(socket, flags) : -ENOMEM;
}

SYSCALL4(socketpair, int, family, uint32_t, type, int, protocol, uint64_t, address)
{
    struct file *files[2];
    uint32_t flags;
    int error = check_kind(family, &type, protocol, &flags);
    if (error)
        return error;
    struct socket *one = socket_allocate(type), *other = one ? socket_allocate(type) : NULL;
    if (!other) {
        if (one)
            socket_put(one);
        return -ENOMEM;
    }
    socket_join(one, other);
    files[0] = socket_file_create(one, flags);
    if (!files[0]) {
        socket_close(other);
        return -ENFILE;
    }
    files[1] = socket_file_create(other, flags);
    if (!files[1]) {
        file_put(files[0]);
        return -ENFILE;
    }
    return file_table_install_pair(files, flags & SOCK_CLOEXEC, address);
}

/* ---- connecting ---- */

SYSCALL3(bind, int, fd, uint64_t, user, int32_t, bytes)
{
    BORROWED_SOCKET(borrowed);
    uint8_t sockaddr[SOCKADDR_BYTES_MAX];
    struct socket_address address;

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    result = sockaddr_import(user, bytes, sockaddr);
    if (!result && bytes == sizeof(address.family)) {
        memcpy(&address.family, sockaddr, sizeof(address.family));
        result = address.family == AF_UNIX ? socket_bind_any(borrowed.socket) : -EINVAL;
    } else if (!result) {
        result = socket_address_make(&address, sockaddr, (uint32_t)bytes);
        if (!result)
            result = socket_bind(borrowed.socket, &address);
    }
    return result;
}

SYSCALL3(connect, int, fd, uint64_t, user, int32_t, bytes)
{
    BORROWED_SOCKET(borrowed);
    uint8_t sockaddr[SOCKADDR_BYTES_MAX];
    struct socket_address address;
    uint16_t family;

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    result = sockaddr_import(user, bytes, sockaddr);
    if (!result && bytes < (int32_t)sizeof(family))
        result = -EINVAL;
    if (!result) {
        memcpy(&family, sockaddr, sizeof(family));
        if (family == AF_UNSPEC && borrowed.socket->type == SOCK_DGRAM) {
            result = socket_connect(borrowed.socket, borrowed.file, NULL);
        } else {
            result = socket_address_make(&address, sockaddr, (uint32_t)bytes);
            if (!result)
                result = socket_connect(borrowed.socket, borrowed.file, &address);
        }
    }
    return result;
}

SYSCALL2(listen, int, fd, int, backlog)
{
    BORROWED_SOCKET(borrowed);

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    return socket_listen(borrowed.socket, backlog);
}

static int64_t accept_call(int fd, uint64_t user, uint64_t bytes_address, uint32_t flags)
{
    BORROWED_SOCKET(borrowed);
    struct socket *end;
    struct file *new_file;

    if (flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    result = socket_accept(borrowed.socket, borrowed.file, &end);
    if (result)
        return result;
    new_file = socket_file_create(end, flags);
    if (!new_file)
        return -ENFILE;
    if (user) {
        struct socket *peer = socket_peer_get(end);
        result = sockaddr_export_name(peer ? peer : end, user, bytes_address);
        if (peer)
            socket_put(peer);
    }
    if (!result)
        result = file_table_install(new_file, 0, flags & SOCK_CLOEXEC);
    if (result < 0)
        file_put(new_file);
    return result;
}

SYSCALL3(accept, int, fd, uint64_t, user, uint64_t, bytes_address)
{
    return accept_call(fd, user, bytes_address, 0);
}

SYSCALL4(accept4, int, fd, uint64_t, user, uint64_t, bytes_address, uint32_t, flags)
{
    return accept_call(fd, user, bytes_address, flags);
}

SYSCALL2(shutdown, int, fd, uint32_t, how)
{
    BORROWED_SOCKET(borrowed);

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    if (how > 2)
        result = -EINVAL;
    else
        socket_shutdown(borrowed.socket, how + 1); /* SHUT_RD, _WR, _RDWR as bits */
    return result;
}

/* ---- asking ---- */

SYSCALL3(getsockname, int, fd, uint64_t, user, uint64_t, bytes_address)
{
    BORROWED_SOCKET(borrowed);

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    return sockaddr_export_name(borrowed.socket, user, bytes_address);
}

SYSCALL3(getpeername, int, fd, uint64_t, user, uint64_t, bytes_address)
{
    BORROWED_SOCKET(borrowed);
    struct socket *peer;

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    peer = socket_peer_get(borrowed.socket);
    result = peer ? sockaddr_export_name(peer, user, bytes_address) : -ENOTCONN;
    if (peer)
        socket_put(peer);
    return result;
}

SYSCALL5(setsockopt, int, fd, int, level, int, option, uint64_t, value, int32_t, bytes)
{
    BORROWED_SOCKET(borrowed);

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    return socket_set_option(borrowed.socket, level, option, value, bytes);
}

SYSCALL5(getsockopt, int, fd, int, level, int, option, uint64_t, value, uint64_t, bytes_address)
{
    BORROWED_SOCKET(borrowed);

    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    return socket_get_option(borrowed.socket, level, option, value, bytes_address);
}
