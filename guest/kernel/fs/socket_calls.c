/*
 * socket_calls.c - the system calls about sockets. There is no network and nothing has an address:
 * socketpair(2) makes the only sockets, AF_UNIX streams; other families are EAFNOSUPPORT, and what
 * needs an address is refused as Linux refuses it on a connected pair. Descriptors cannot be passed.
 */
#include "arch/user_access.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/read_write.h"
#include "kernel/fs/socket_pair.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define AF_UNIX     1
#define SOCK_STREAM 1u
#define SOCK_TYPES  0xfu

#define SOL_SOCKET    1
#define SO_TYPE       3
#define SO_ERROR      4
#define SO_SNDBUF     7
#define SO_RCVBUF     8
#define SO_PEERCRED   17
#define SO_ACCEPTCONN 30
#define SO_PROTOCOL   38
#define SO_DOMAIN     39
#define BUFFER_BYTES  16384

/* The socket behind fd as a counted file: 0, -EBADF or -ENOTSOCK. */
static int socket_get(int fd, struct file **ret)
{
    struct file *file = file_table_find(fd);
    if (!file)
        return -EBADF;
    *ret = file;
    if (file_is_socket(file))
        return 0;
    file_put(file);
    return -ENOTSOCK;
}

/* For what no socket here can do. */
static int64_t refuse(int fd, int error)
{
    struct file *file;
    int result = socket_get(fd, &file);
    if (result)
        return result;
    file_put(file);
    return error;
}

static int check_kind(int family, uint32_t type, int protocol)
{
    if (type & ~(SOCK_TYPES | (uint32_t)O_NONBLOCK | (uint32_t)O_CLOEXEC))
        return -EINVAL;
    if (family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    return 0;
}

SYSCALL3(socket, int, family, uint32_t, type, int, protocol)
{
    int error = check_kind(family, type, protocol);
    return error ? error : -EAFNOSUPPORT;
}

SYSCALL4(socketpair, int, family, uint32_t, type, int, protocol, uint64_t, address)
{
    struct file *ends[2];
    int32_t fds[2];
    int error = check_kind(family, type, protocol);
    if (error)
        return error;
    if ((type & SOCK_TYPES) != SOCK_STREAM)
        return -EOPNOTSUPP; /* neither datagrams nor packets */
    error = socket_pair_create(type & O_NONBLOCK, ends);
    if (error)
        return error;
    for (unsigned i = 0; i < 2; i++) {
        fds[i] = file_table_install(ends[i], 0, type & O_CLOEXEC);
        if (fds[i] >= 0)
            continue;
        file_put(ends[i]);
        if (i)
            file_table_close(fds[0]);
        else
            file_put(ends[1]);
        return fds[i];
    }
    if (!put_user(fds, address))
        return 0;
    file_table_close(fds[0]);
    file_table_close(fds[1]);
    return -EFAULT;
}

SYSCALL3(bind, int, fd, uint64_t, address, uint32_t, bytes)
{
    (void)address;
    (void)bytes;
    return refuse(fd, -EINVAL);
}

SYSCALL3(connect, int, fd, uint64_t, address, uint32_t, bytes)
{
    (void)address;
    (void)bytes;
    return refuse(fd, -EISCONN);
}

SYSCALL2(listen, int, fd, int, backlog)
{
    (void)backlog;
    return refuse(fd, -EINVAL);
}

SYSCALL3(accept, int, fd, uint64_t, address, uint64_t, bytes)
{
    (void)address;
    (void)bytes;
    return refuse(fd, -EINVAL);
}

SYSCALL4(accept4, int, fd, uint64_t, address, uint64_t, bytes, uint32_t, flags)
{
    (void)address;
    (void)bytes;
    (void)flags;
    return refuse(fd, -EINVAL);
}

/* An address without a name: the family alone. */
static int64_t tell_name(int fd, uint64_t address, uint64_t bytes_address)
{
    uint16_t family = AF_UNIX;
    int32_t room, bytes = sizeof(family);
    int64_t error = refuse(fd, 0);
    if (error)
        return error;
    if (get_user(room, bytes_address))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (copy_to_user(address, &family, (size_t)min(room, bytes)) || put_user(bytes, bytes_address))
        return -EFAULT;
    return 0;
}

SYSCALL3(getsockname, int, fd, uint64_t, address, uint64_t, bytes)
{
    return tell_name(fd, address, bytes);
}

SYSCALL3(getpeername, int, fd, uint64_t, address, uint64_t, bytes)
{
    return tell_name(fd, address, bytes);
}

SYSCALL2(shutdown, int, fd, int, how)
{
    struct file *file;
    int error = socket_get(fd, &file);
    if (error)
        return error;
    error = socket_shutdown(file, how);
    file_put(file);
    return error;
}

/* ---- moving bytes ---- */

static int64_t transfer(int fd, struct io_buffer *buffer, uint32_t flags, bool send)
{
    struct file *file;
    int64_t result = socket_get(fd, &file);
    if (result)
        return result;
    result = send ? socket_send(file, buffer, flags) : socket_receive(file, buffer, flags);
    file_put(file);
    return result;
}

SYSCALL6(sendto, int, fd, uint64_t, data, uint64_t, bytes, uint32_t, flags, uint64_t, address,
         uint32_t, address_bytes)
{
    struct io_buffer buffer;
    (void)address_bytes;
    if (!user_range_valid(data, bytes))
        return -EFAULT;
    if (address)
        return refuse(fd, -EISCONN);
    io_buffer_init(&buffer, false, data, min(bytes, (uint64_t)INT32_MAX));
    return transfer(fd, &buffer, flags, true);
}

SYSCALL6(recvfrom, int, fd, uint64_t, data, uint64_t, bytes, uint32_t, flags, uint64_t, address,
         uint64_t, address_bytes)
{
    struct io_buffer buffer;
    int32_t none = 0;
    if (!user_range_valid(data, bytes))
        return -EFAULT;
    io_buffer_init(&buffer, false, data, min(bytes, (uint64_t)INT32_MAX));
    int64_t result = transfer(fd, &buffer, flags, false);
    if (result >= 0 && address && put_user(none, address_bytes))
        return -EFAULT;
    return result;
}

struct linux_message {
    uint64_t name;
    uint32_t name_bytes, padding;
    uint64_t vector, vector_count;
    uint64_t control, control_bytes;
    int32_t flags, padding_too;
};
_Static_assert(sizeof(struct linux_message) == 56, "struct msghdr of the x86-64 ABI");

static int64_t transfer_message(int fd, uint64_t address, uint32_t flags, bool send)
{
    struct linux_message message;
    struct io_segment on_stack[IO_VECTORS_ON_STACK], *segments;
    struct io_buffer buffer;
    int64_t result = refuse(fd, 0);
    if (result)
        return result;
    if (get_user(message, address))
        return -EFAULT;
    if (send && message.control_bytes)
        return -EOPNOTSUPP; /* no descriptors, no credentials */
    if (send && message.name_bytes)
        return -EISCONN;
    result = io_vector_import(message.vector, message.vector_count, on_stack, &segments, &buffer);
    if (!result)
        result = transfer(fd, &buffer, flags, send);
    io_vector_free(segments, on_stack);
    if (send || result < 0)
        return result;
    message.name_bytes = 0;
    message.control_bytes = 0;
    message.flags = 0;
    return put_user(message, address) ? -EFAULT : result;
}

SYSCALL3(sendmsg, int, fd, uint64_t, message, uint32_t, flags)
{
    return transfer_message(fd, message, flags, true);
}

SYSCALL3(recvmsg, int, fd, uint64_t, message, uint32_t, flags)
{
    return transfer_message(fd, message, flags, false);
}

/* ---- options ---- */

SYSCALL5(setsockopt, int, fd, int, level, int, option, uint64_t, value, uint32_t, bytes)
{
    int64_t error = refuse(fd, 0);
    int32_t wanted;
    (void)option;
    if (error)
        return error;
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (bytes < sizeof(wanted))
        return -EINVAL;
    return get_user(wanted, value) ? -EFAULT : 0; /* hints: buffer sizes, times, keep-alive */
}

SYSCALL5(getsockopt, int, fd, int, level, int, option, uint64_t, value, uint64_t, bytes_address)
{
    const struct process *process = current->process;
    int32_t room, result[3] = {0}, bytes = sizeof(result[0]);
    int64_t error = refuse(fd, 0);
    if (error)
        return error;
    if (get_user(room, bytes_address))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    switch (option) {
    case SO_TYPE:
        result[0] = SOCK_STREAM;
        break;
    case SO_DOMAIN:
        result[0] = AF_UNIX;
        break;
    case SO_SNDBUF:
    case SO_RCVBUF:
        result[0] = BUFFER_BYTES;
        break;
    case SO_PEERCRED:
        result[0] = process->pid;
        result[1] = (int32_t)process->credentials.euid;
        result[2] = (int32_t)process->credentials.egid;
        bytes = sizeof(result);
        break;
    case SO_ERROR:
    case SO_ACCEPTCONN:
    case SO_PROTOCOL:
        break;
    default:
        return -ENOPROTOOPT;
    }
    bytes = min(bytes, room);
    return copy_to_user(value, result, (size_t)bytes) || put_user(bytes, bytes_address) ? -EFAULT
                                                                                        : 0;
}
