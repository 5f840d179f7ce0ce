/*
 * kernel/net/message_calls.c - the system calls that move messages: sendto, recvfrom, sendmsg,
 * recvmsg and their plural forms. Every header, vector and address of a program is copied once.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/poll_time.h"
#include "kernel/fs/read_write.h"
#include "kernel/net/calls.h"
#include "kernel/net/message.h"
#include "kernel/net/names.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/syscall.h"

#define MESSAGES_MAX 1024u /* UIO_MAXIOV */

struct linux_message_entry {
    struct linux_message_header header;
    uint32_t bytes; /* sent or received */
    uint32_t pad;
};

/* The destination's address in *ret, if it has a meaning for the type of socket. */
static int import_destination(const struct socket *socket, const uint8_t *sockaddr, int32_t bytes,
                              struct socket_address *address, struct outgoing *outgoing)
{
    if (!bytes)
        return 0;
    outgoing->address = address;
    if (socket->type != SOCK_DGRAM)
        return 0; /* what is wrong with it does not matter */
    return socket_address_make(address, sockaddr, (uint32_t)bytes);
}

SYSCALL6(sendto, int, fd, uint64_t, data, uint64_t, bytes, uint32_t, flags, uint64_t, user, int32_t,
         address_bytes)
{
    BORROWED_SOCKET(borrowed);
    uint8_t sockaddr[SOCKADDR_BYTES_MAX];
    struct socket_address address;
    struct io_buffer buffer;
    struct outgoing outgoing = {.buffer = &buffer, .flags = flags};

    bytes = min(bytes, IO_BYTES_MAX);
    if (!user_range_valid(data, bytes))
        return -EFAULT;
    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    outgoing.file = borrowed.file;
    io_buffer_init(&buffer, false, data, bytes);
    if (user) {
        result = sockaddr_import(user, address_bytes, sockaddr);
        if (!result)
            result =
                import_destination(borrowed.socket, sockaddr, address_bytes, &address, &outgoing);
    }
    if (!result)
        result = socket_send(borrowed.socket, &outgoing);
    return result;
}

SYSCALL6(recvfrom, int, fd, uint64_t, data, uint64_t, bytes, uint32_t, flags, uint64_t, user,
         uint64_t, bytes_address)
{
    BORROWED_SOCKET(borrowed);
    struct io_buffer buffer;
    struct incoming incoming;

    bytes = min(bytes, IO_BYTES_MAX);
    if (!user_range_valid(data, bytes))
        return -EFAULT;
    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    io_buffer_init(&buffer, false, data, bytes);
    incoming_init(&incoming, &buffer, borrowed.file, flags);
    result = socket_receive(borrowed.socket, &incoming);
    if (result >= 0 && user && sockaddr_export(incoming.from, user, bytes_address))
        result = -EFAULT;
    incoming_end(&incoming);
    return result;
}

/* ---- with headers ---- */

/* A program's header; the lengths in it are checked. */
static int header_import(uint64_t user, struct linux_message_header *ret)
{
    if (get_user(*ret, user))
        return -EFAULT;
    if (!ret->name)
        ret->name_bytes = 0;
    if ((int32_t)ret->name_bytes < 0)
        return -EINVAL;
    ret->name_bytes = min(ret->name_bytes, (uint32_t)SOCKADDR_BYTES_MAX);
    return ret->vector_count > MESSAGES_MAX ? -EMSGSIZE : 0;
}

static int64_t send_one(struct socket *socket, const struct file *file, uint64_t user,
                        uint32_t flags)
{
    uint8_t sockaddr[SOCKADDR_BYTES_MAX];
    struct io_segment on_stack[IO_VECTORS_ON_STACK], *segments;
    struct socket_address address;
    struct linux_message_header header;
    struct io_buffer buffer;
    struct outgoing outgoing = {.buffer = &buffer, .file = file, .flags = flags};

    int64_t result = header_import(user, &header);
    if (!result)
        result = sockaddr_import(header.name, (int32_t)header.name_bytes, sockaddr);
    if (result)
        return result;
    result = io_vector_import(header.vector, header.vector_count, on_stack, &segments, &buffer);
    if (!result)
        result = control_import(&header, &outgoing);
    if (!result)
        result =
            import_destination(socket, sockaddr, (int32_t)header.name_bytes, &address, &outgoing);
    if (!result)
        result = socket_send(socket, &outgoing);
    rights_drop(outgoing.rights);
    io_vector_free(segments, on_stack);
    return result;
}

SYSCALL3(sendmsg, int, fd, uint64_t, user, uint32_t, flags)
{
    BORROWED_SOCKET(borrowed);

    if (flags & MSG_CMSG_COMPAT)
        return -EINVAL;
    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    return send_one(borrowed.socket, borrowed.file, user, flags);
}

SYSCALL4(sendmmsg, int, fd, uint64_t, user, uint32_t, count, uint32_t, flags)
{
    BORROWED_SOCKET(borrowed);
    uint32_t done = 0;

    if (flags & MSG_CMSG_COMPAT)
        return -EINVAL;
    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    for (count = min(count, MESSAGES_MAX); done < count && !task_interrupted(current); done++) {
        uint64_t entry = user + done * sizeof(struct linux_message_entry);
        result = send_one(borrowed.socket, borrowed.file, entry, flags);
        if (result < 0)
            break;
        uint32_t sent = (uint32_t)result;
        result = put_user(sent, entry + offsetof(struct linux_message_entry, bytes));
        if (result)
            break;
        preemption_point();
    }
    return done ? done : result;
}

/* What a receive found, into the program's header. */
static int header_export(const struct socket *socket, uint64_t user,
                         struct linux_message_header *header, struct incoming *incoming)
{
    uint64_t control_bytes = header->control_bytes;
    uint32_t flags = incoming->message_flags | (incoming->flags & MSG_CMSG_CLOEXEC);

    flags |= control_export(socket, header, incoming);
    if (header->name && sockaddr_export(incoming->from, header->name,
                                        user + offsetof(struct linux_message_header, name_bytes)))
        return -EFAULT;
    control_bytes -= header->control_bytes;
    if (put_user(flags, user + offsetof(struct linux_message_header, flags)))
        return -EFAULT;
    return put_user(control_bytes, user + offsetof(struct linux_message_header, control_bytes));
}

static int64_t receive_one(struct socket *socket, const struct file *file, uint64_t user,
                           uint32_t flags)
{
    struct io_segment on_stack[IO_VECTORS_ON_STACK], *segments;
    struct linux_message_header header;
    struct io_buffer buffer;
    struct incoming incoming;

    int64_t result = header_import(user, &header);
    if (result)
        return result;
    result = io_vector_import(header.vector, header.vector_count, on_stack, &segments, &buffer);
    if (!result) {
        incoming_init(&incoming, &buffer, file, flags);
        result = socket_receive(socket, &incoming);
        if (result >= 0 && header_export(socket, user, &header, &incoming))
            result = -EFAULT;
        incoming_end(&incoming);
    }
    io_vector_free(segments, on_stack);
    return result;
}

SYSCALL3(recvmsg, int, fd, uint64_t, user, uint32_t, flags)
{
    BORROWED_SOCKET(borrowed);

    if (flags & MSG_CMSG_COMPAT)
        return -EINVAL;
    int64_t result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    return receive_one(borrowed.socket, borrowed.file, user, flags);
}

/* The deadline is looked at after each message only, as Linux does it: a wait may outlast it. */
static int64_t receive_several(struct socket *socket, const struct file *file, uint64_t user,
                               uint32_t count, uint32_t flags, uint64_t deadline_ns)
{
    int64_t result = socket_take_error(socket);
    uint32_t done = 0;

    if (result)
        return result;
    while (done < count) {
        uint64_t entry = user + done * sizeof(struct linux_message_entry);
        result = receive_one(socket, file, entry, flags & ~MSG_WAITFORONE);
        if (result < 0)
            break;
        uint32_t received = (uint32_t)result;
        result = put_user(received, entry + offsetof(struct linux_message_entry, bytes));
        if (result)
            break;
        done++;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (deadline_ns != POLL_FOR_EVER && clock_monotonic_ns() >= deadline_ns)
            break;
        preemption_point();
    }
    /* The program learns of what stopped it with its next call. */
    if (done && result < 0 && result > -ERESTARTSYS && result != -EAGAIN)
        WRITE_ONCE(socket->error, (int32_t)-result);
    return done ? done : result;
}

SYSCALL5(recvmmsg, int, fd, uint64_t, user, uint32_t, count, uint32_t, flags, uint64_t, timeout)
{
    BORROWED_SOCKET(borrowed);
    uint64_t deadline_ns;

    if (flags & MSG_CMSG_COMPAT)
        return -EINVAL;
    int64_t result = poll_deadline_timespec(timeout, &deadline_ns);
    if (result)
        return result;
    result = socket_borrow(fd, &borrowed);
    if (result)
        return result;
    result = receive_several(borrowed.socket, borrowed.file, user, min(count, MESSAGES_MAX), flags,
                             deadline_ns);
    if (result > 0)
        result = poll_report_rest(timeout, deadline_ns, false, result);
    return result;
}
