/*
 * kernel/net/connect.c - how sockets meet: bind, listen, connect, accept, socketpair.
 *
 * A connection waits in the listener's backlog as a socket without a file; connect() is over then,
 * accept() only gives it one.
 */
#include "arch/cpu.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/name_calls.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/net/message.h"
#include "kernel/net/names.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

/* ---- bind ---- */

/* One at a time; -EINVAL if it has an address. The address is looked at before the path is. */
static int binding_begin(struct socket *socket)
{
    mutex_lock(&socket->lock);
    bool busy = socket->binding || socket->address;
    if (!busy)
        socket->binding = true;
    mutex_unlock(&socket->lock);
    return busy ? -EINVAL : 0;
}

static int binding_end(struct socket *socket, int result)
{
    mutex_lock(&socket->lock);
    socket->binding = false;
    mutex_unlock(&socket->lock);
    return result;
}

static int bind_path(struct socket *socket, struct socket_address *address)
{
    struct inode *inode;
    int error = name_make_socket(address->path, &inode);

    if (error)
        return error == -EEXIST ? -EADDRINUSE : error;
    error = names_enter(socket, address, inode);
    inode_put(inode);
    return error;
}

static struct socket_address *copy_address(const struct socket_address *address)
{
    struct socket_address *copy = kmalloc(sizeof(*copy));
    if (copy) {
        *copy = *address;
        copy->references = 1;
    }
    return copy;
}

/* Linux looks at the path first: a name that exists is EADDRINUSE for a bound socket too. */
static int bound_already(const struct socket_address *address)
{
    struct path place;

    if (!socket_address_is_path(address) || path_lookup(AT_FDCWD, address->path, 0, &place))
        return -EINVAL;
    path_put(&place);
    return -EADDRINUSE;
}

int socket_bind(struct socket *socket, const struct socket_address *address)
{
    if (binding_begin(socket))
        return bound_already(address);
    struct socket_address *copy = copy_address(address);
    if (!copy)
        return binding_end(socket, -ENOMEM);
    int error =
        socket_address_is_path(copy) ? bind_path(socket, copy) : names_enter(socket, copy, NULL);
    if (error)
        socket_address_put(copy);
    return binding_end(socket, error);
}

int socket_bind_any(struct socket *socket)
{
    static uint32_t last;
    struct socket_address address;

    if (binding_begin(socket))
        return 0;
    struct socket_address *copy = NULL;
    memset(&address, 0, sizeof(address));
    address.family = AF_UNIX;
    address.bytes = sizeof(address.family) + 6; /* NUL and five hexadecimal digits */
    int error = -EADDRINUSE;
    for (uint32_t tries = 0; error == -EADDRINUSE && tries < 1u << 20; tries++) {
        uint32_t number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) & 0xfffff;
        snprintf(address.path + 1, 6, "%05x", number);
        copy = copy_address(&address);
        error = copy ? names_enter(socket, copy, NULL) : -ENOMEM;
        if (error)
            socket_address_put(copy);
    }
    return binding_end(socket, error == -EADDRINUSE ? -ENOSPC : error);
}

/* ---- listen and connect ---- */

int socket_listen(struct socket *socket, int backlog)
{
    int error = 0;

    if (!socket_is_connection(socket))
        return -EOPNOTSUPP;
    mutex_lock(&socket->lock);
    if (!socket->address || socket->state == SOCKET_CONNECTED) {
        error = -EINVAL;
    } else {
        WRITE_ONCE(socket->backlog_limit, min((uint32_t)backlog, SOCKET_BACKLOG_MAX));
        WRITE_ONCE(socket->state, SOCKET_LISTENING);
        credentials_of_current(&socket->credentials);
    }
    mutex_unlock(&socket->lock);
    if (!error)
        wake_up_all(&socket->room_waiters);
    return error;
}

static bool backlog_has_room(const struct socket *listener)
{
    return READ_ONCE(listener->backlog_count) <= READ_ONCE(listener->backlog_limit) ||
           READ_ONCE(listener->shutdown) || READ_ONCE(listener->dead);
}

/* The new end, whom `socket` talks to; both locked. */
static void knock(struct socket *socket, struct socket *listener, struct socket *end)
{
    end->state = SOCKET_CONNECTED;
    credentials_of_current(&end->credentials);
    end->address = listener->address;
    socket_address_get(end->address);
    socket_get(socket);
    end->peer = socket;
    socket_get(end);
    socket->peer = end;
    socket->credentials = listener->credentials;
    WRITE_ONCE(socket->state, SOCKET_CONNECTED);
    list_push_back(&listener->backlog, &end->backlog_link);
    WRITE_ONCE(listener->backlog_count, listener->backlog_count + 1);
}

/* 0, or -EBUSY: the backlog is full; `end` was not used then. */
static int connect_once(struct socket *socket, struct socket *listener, struct socket *end)
{
    int error = 0;

    socket_lock_two(socket, listener);
    if (listener->dead || listener->state != SOCKET_LISTENING ||
        listener->shutdown & SHUTDOWN_RECEIVE)
        error = -ECONNREFUSED;
    else if (listener->backlog_count > listener->backlog_limit)
        error = -EBUSY;
    else if (socket->state != SOCKET_UNCONNECTED)
        error = socket->state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
    else
        knock(socket, listener, end);
    socket_unlock_two(socket, listener);
    if (!error)
        wake_up_one(&listener->read_waiters);
    return error;
}

static int connect_stream(struct socket *socket, const struct file *file,
                          const struct socket_address *address)
{
    uint64_t deadline = socket_deadline(socket, file, 0, false);
    struct socket *end = socket_allocate(socket->type), *listener;
    int error;

    if (!end)
        return -ENOMEM;
    for (;;) {
        error = names_find(address, socket, &listener);
        if (error)
            break;
        error = socket_keep_client(end, socket);
        if (!error)
            error = connect_once(socket, listener, end);
        if (error == -EBUSY) {
            socket_forget_client(end); /* while it waits, nothing leads to the end */
            error = deadline == SOCKET_NO_WAIT
                        ? -EAGAIN
                        : wait_event_mode(&listener->room_waiters, WAIT_SOCKET, (uint64_t)listener,
                                          WAIT_INTERRUPTIBLE, deadline, true,
                                          backlog_has_room(listener));
            socket_put(listener);
            if (!error)
                continue;
            error = socket_wait_error(error, deadline);
            break;
        }
        socket_put(listener);
        break;
    }
    if (error)
        socket_put(end);
    return error;
}

/* Datagrams of the old peer are gone; if it was connected to us, it learns that we left. */
static void leave_peer(struct socket *socket, struct socket *old)
{
    struct list messages;

    list_init(&messages);
    mutex_lock(&socket->lock);
    while (!list_empty(&socket->queue)) {
        struct message *message = list_first(&socket->queue, struct message, link);
        message_unqueue(socket, message);
        list_push_back(&messages, &message->link);
    }
    mutex_unlock(&socket->lock);
    if (!list_empty(&messages)) {
        mutex_lock(&old->lock);
        bool mutual = !old->dead && old->peer == socket;
        if (mutual)
            WRITE_ONCE(old->error, ECONNRESET);
        mutex_unlock(&old->lock);
        if (mutual)
            socket_wake(old);
    }
    while (!list_empty(&messages)) {
        struct message *message = list_first(&messages, struct message, link);
        list_remove(&message->link);
        message_free(message);
    }
    socket_room_made(socket);
}

static int connect_datagram(struct socket *socket, const struct socket_address *address)
{
    struct socket *peer = NULL;

    if (address) {
        int error = names_find(address, socket, &peer);
        if (error)
            return error;
        mutex_lock(&peer->lock);
        bool others = peer->peer && peer->peer != socket;
        mutex_unlock(&peer->lock);
        if (others) {
            socket_put(peer);
            return -EPERM;
        }
    }
    mutex_lock(&socket->lock);
    struct socket *old = socket->peer;
    WRITE_ONCE(socket->peer, peer);
    WRITE_ONCE(socket->state, peer ? SOCKET_CONNECTED : SOCKET_UNCONNECTED);
    if (peer)
        socket->credentials = peer->credentials;
    mutex_unlock(&socket->lock);
    if (old) {
        socket_unwatch_room(socket);
        if (old != peer)
            leave_peer(socket, old);
        socket_put(old);
    }
    wake_up_all(&socket->write_waiters);
    return 0;
}

int socket_connect(struct socket *socket, const struct file *file,
                   const struct socket_address *address)
{
    if (address && READ_ONCE(socket->pass_credentials) && !READ_ONCE(socket->address)) {
        int error = socket_bind_any(socket);
        if (error)
            return error;
    }
    return socket_is_connection(socket) ? connect_stream(socket, file, address)
                                        : connect_datagram(socket, address);
}

/* ---- accept ---- */

int socket_accept(struct socket *listener, const struct file *file, struct socket **ret)
{
    uint64_t deadline = socket_deadline(listener, file, 0, true);
    struct socket *end = NULL;

    if (!socket_is_connection(listener))
        return -EOPNOTSUPP;
    while (!end) {
        if (READ_ONCE(listener->state) != SOCKET_LISTENING)
            return -EINVAL;
        mutex_lock(&listener->lock);
        if (!list_empty(&listener->backlog)) {
            end = list_first(&listener->backlog, struct socket, backlog_link);
            list_remove(&end->backlog_link);
            WRITE_ONCE(listener->backlog_count, listener->backlog_count - 1);
        }
        mutex_unlock(&listener->lock);
        if (end)
            break;
        if (READ_ONCE(listener->shutdown) & SHUTDOWN_RECEIVE)
            return -EINVAL;
        if (deadline == SOCKET_NO_WAIT)
            return -EAGAIN;
        int error = wait_event_by(&current->waiter, &listener->read_waiters, WAIT_SOCKET,
                                  (uint64_t)listener, WAIT_INTERRUPTIBLE, deadline, true,
                                  READ_ONCE(listener->backlog_count) ||
                                      READ_ONCE(listener->shutdown) & SHUTDOWN_RECEIVE);
        if (error)
            return socket_wait_error(error, deadline);
    }
    wake_up_one(&listener->room_waiters);
    if (READ_ONCE(listener->backlog_count)) /* the wake-up that brought us may have been for two */
        wake_up_one(&listener->read_waiters);
    *ret = end;
    return 0;
}

void socket_join(struct socket *one, struct socket *other)
{
    socket_get(one);
    socket_get(other);
    one->peer = other;
    other->peer = MUTANT(SOCKET_PEER_ONE_SIDED) ? NULL : one;
    one->state = other->state = SOCKET_CONNECTED;
    credentials_of_current(&one->credentials);
    other->credentials = one->credentials;
}
