/*
 * kernel/net/options.c - getsockopt and setsockopt at SOL_SOCKET (socket(7), unix(7)), the only
 * level there is. Options for networks are kept and have no effect.
 */
#include "kernel/lib/string.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/net/names.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"

#define SOL_SOCKET 1

enum socket_option {
    SO_DEBUG = 1,
    SO_REUSEADDR = 2,
    SO_TYPE = 3,
    SO_ERROR = 4,
    SO_DONTROUTE = 5,
    SO_BROADCAST = 6,
    SO_SNDBUF = 7,
    SO_RCVBUF = 8,
    SO_KEEPALIVE = 9,
    SO_OOBINLINE = 10,
    SO_PRIORITY = 12,
    SO_LINGER = 13,
    SO_REUSEPORT = 15,
    SO_PASSCRED = 16,
    SO_PEERCRED = 17,
    SO_RCVLOWAT = 18,
    SO_SNDLOWAT = 19,
    SO_RCVTIMEO = 20,
    SO_SNDTIMEO = 21,
    SO_PEERNAME = 28,
    SO_TIMESTAMP = 29,
    SO_ACCEPTCONN = 30,
    SO_SNDBUFFORCE = 32,
    SO_RCVBUFFORCE = 33,
    SO_PROTOCOL = 38,
    SO_DOMAIN = 39,
    SO_RCVTIMEO_NEW = 66, /* the same as the old ones where time is 64 bits wide */
    SO_SNDTIMEO_NEW = 67,
};

#define PLAIN_SWITCHES                                                                             \
    (1u << SO_DEBUG | 1u << SO_REUSEADDR | 1u << SO_DONTROUTE | 1u << SO_BROADCAST |               \
     1u << SO_KEEPALIVE | 1u << SO_OOBINLINE | 1u << SO_REUSEPORT | 1u << SO_TIMESTAMP)

#define SEND_BYTES_MIN    4608 /* Linux's SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF */
#define RECEIVE_BYTES_MIN 2304

struct linux_timeval {
    int64_t seconds, microseconds;
};

static int set_timeout(uint64_t *timeout_ns, uint64_t value, int32_t bytes)
{
    struct linux_timeval time;

    if (bytes < (int32_t)sizeof(time))
        return -EINVAL;
    if (get_user(time, value))
        return -EFAULT;
    if (time.microseconds < 0 || time.microseconds >= 1000000)
        return -EDOM;
    uint64_t limit = SOCKET_FOR_EVER;
    if (time.seconds < 0)
        limit = 0;
    else if ((time.seconds || time.microseconds) && time.seconds < 4000000000)
        limit = (uint64_t)time.seconds * 1000000000u + (uint64_t)time.microseconds * 1000u;
    WRITE_ONCE(*timeout_ns, limit);
    return 0;
}

/* Twice what was asked for, for the kernel's own bookkeeping, as Linux counts. */
static uint32_t buffer_limit(int32_t asked, bool force, int32_t least)
{
    int64_t most = force ? INT32_MAX / 2 : (int64_t)SOCKET_BUFFER_BYTES;
    int64_t limit = min(force ? max(asked, 0) : (int64_t)(uint32_t)asked, most) * 2;

    return (uint32_t)max(limit, (int64_t)least);
}

static int set_number(struct socket *socket, int option, int32_t number)
{
    switch (option) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        WRITE_ONCE(socket->send_limit,
                   buffer_limit(number, option == SO_SNDBUFFORCE, SEND_BYTES_MIN));
        wake_up_all(&socket->write_waiters);
        return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        WRITE_ONCE(socket->receive_limit,
                   buffer_limit(number, option == SO_RCVBUFFORCE, RECEIVE_BYTES_MIN));
        return 0;
    case SO_PASSCRED:
        WRITE_ONCE(socket->pass_credentials, number != 0);
        return 0;
    case SO_RCVLOWAT:
        WRITE_ONCE(socket->low_mark, number < 0 ? INT32_MAX : (uint32_t)max(number, 1));
        return 0;
    case SO_PRIORITY:
        return 0;
    default:
        if (option < 1 || option > 31 || !(PLAIN_SWITCHES >> option & 1))
            return -ENOPROTOOPT;
        if (number)
            __atomic_fetch_or(&socket->plain_options, 1u << option, __ATOMIC_RELAXED);
        else
            __atomic_fetch_and(&socket->plain_options, ~(1u << option), __ATOMIC_RELAXED);
        return 0;
    }
}

int64_t socket_set_option(struct socket *socket, int level, int option, uint64_t value,
                          int32_t bytes)
{
    int32_t number;

    if (bytes < 0)
        return -EINVAL;
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (bytes < (int32_t)sizeof(number))
        return -EINVAL;
    if (get_user(number, value))
        return -EFAULT;
    switch (option) {
    case SO_RCVTIMEO:
    case SO_RCVTIMEO_NEW:
        return set_timeout(&socket->receive_timeout_ns, value, bytes);
    case SO_SNDTIMEO:
    case SO_SNDTIMEO_NEW:
        return set_timeout(&socket->send_timeout_ns, value, bytes);
    case SO_LINGER:
        return bytes < 8 ? -EINVAL : 0; /* nothing lingers in memory */
    default:
        return set_number(socket, option, number);
    }
}

/* At most as many bytes as the program has room for; it learns how many. */
static int give(const void *data, uint32_t bytes, uint64_t value, int32_t room,
                uint64_t bytes_address)
{
    int32_t given = min((int32_t)bytes, room);

    if (copy_to_user(value, data, (size_t)given))
        return -EFAULT;
    return put_user(given, bytes_address);
}

static struct linux_timeval timeval_of(uint64_t timeout_ns)
{
    if (timeout_ns == SOCKET_FOR_EVER)
        return (struct linux_timeval){0, 0};
    return (struct linux_timeval){(int64_t)(timeout_ns / 1000000000u),
                                  (int64_t)(timeout_ns % 1000000000u / 1000)};
}

static int64_t give_peer_name(struct socket *socket, uint64_t value, int32_t room,
                              uint64_t bytes_address)
{
    uint16_t unnamed = AF_UNIX;
    struct socket *peer = socket_peer_get(socket);

    if (!peer)
        return -ENOTCONN;
    const struct socket_address *address = READ_ONCE(peer->address);
    uint32_t bytes = address ? address->bytes : sizeof(unnamed);
    int64_t result = (uint32_t)room < bytes
                         ? -EINVAL
                         : give(address ? (const void *)&address->family : &unnamed, bytes, value,
                                (int32_t)bytes, bytes_address);
    socket_put(peer);
    return result;
}

static int get_number(struct socket *socket, int option, int32_t *ret)
{
    *ret = 0;
    switch (option) {
    case SO_TYPE:
        *ret = (int32_t)socket->type;
        return 0;
    case SO_DOMAIN:
        *ret = AF_UNIX;
        return 0;
    case SO_ERROR:
        *ret = -socket_take_error(socket);
        return 0;
    case SO_SNDBUF:
        *ret = (int32_t)socket->send_limit;
        return 0;
    case SO_RCVBUF:
        *ret = (int32_t)socket->receive_limit;
        return 0;
    case SO_PASSCRED:
        *ret = socket->pass_credentials;
        return 0;
    case SO_ACCEPTCONN:
        *ret = READ_ONCE(socket->state) == SOCKET_LISTENING;
        return 0;
    case SO_RCVLOWAT:
        *ret = (int32_t)socket->low_mark;
        return 0;
    case SO_SNDLOWAT:
        *ret = 1;
        return 0;
    case SO_PROTOCOL:
    case SO_PRIORITY:
        return 0;
    default:
        if (option < 1 || option > 31 || !(PLAIN_SWITCHES >> option & 1))
            return -ENOPROTOOPT;
        *ret = READ_ONCE(socket->plain_options) >> option & 1;
        return 0;
    }
}

int64_t socket_get_option(struct socket *socket, int level, int option, uint64_t value,
                          uint64_t bytes_address)
{
    static const int32_t no_linger[2];
    struct linux_ucred credentials;
    struct linux_timeval time;
    int32_t room, number;

    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (get_user(room, bytes_address))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    switch (option) {
    case SO_PEERCRED:
        mutex_lock(&socket->lock);
        credentials = socket->credentials;
        credentials.pid = pid_seen(credentials.pid);
        mutex_unlock(&socket->lock);
        return give(&credentials, sizeof(credentials), value, room, bytes_address);
    case SO_PEERNAME:
        return give_peer_name(socket, value, room, bytes_address);
    case SO_LINGER:
        return give(no_linger, sizeof(no_linger), value, room, bytes_address);
    case SO_RCVTIMEO:
    case SO_RCVTIMEO_NEW:
        time = timeval_of(READ_ONCE(socket->receive_timeout_ns));
        return give(&time, sizeof(time), value, room, bytes_address);
    case SO_SNDTIMEO:
    case SO_SNDTIMEO_NEW:
        time = timeval_of(READ_ONCE(socket->send_timeout_ns));
        return give(&time, sizeof(time), value, room, bytes_address);
    default: {
        int error = get_number(socket, option, &number);
        return error ? error : give(&number, sizeof(number), value, room, bytes_address);
    }
    }
}
