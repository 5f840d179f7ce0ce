/*
 * kernel/net/send.c - putting messages into the queue of another socket. The bytes are copied from
 * the program before any lock is taken.
 */
#include "arch/cpu.h"
#include "kernel/fs/pipe.h"
#include "kernel/lib/string.h"
#include "kernel/net/message.h"
#include "kernel/net/names.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"

/* Memory for one message on the socket's account, waiting until that has room. */
static int charge(struct socket *socket, uint64_t deadline, uint32_t bytes, struct message **ret)
{
    for (;;) {
        int error = socket_take_error(socket);
        if (error)
            return error;
        if (READ_ONCE(socket->shutdown) & SHUTDOWN_SEND)
            return -EPIPE;
        if (socket_may_charge(socket)) {
            *ret = message_create(socket, bytes);
            return *ret ? 0 : -ENOBUFS;
        }
        if (deadline == SOCKET_NO_WAIT)
            return -EAGAIN;
        error = wait_event_by(&current->waiter, &socket->write_waiters, WAIT_SOCKET,
                              (uint64_t)socket, WAIT_INTERRUPTIBLE, deadline, true,
                              socket_may_charge(socket) || READ_ONCE(socket->error) ||
                                  READ_ONCE(socket->shutdown) & SHUTDOWN_SEND);
        if (error)
            return socket_wait_error(error, deadline);
    }
}

/* Who sends it, if either side wants to know or the program said so. */
static void sign(struct message *message, const struct socket *socket, const struct socket *other,
                 const struct outgoing *outgoing)
{
    if (outgoing->has_credentials) {
        message->credentials = outgoing->credentials;
    } else if (READ_ONCE(socket->pass_credentials) || READ_ONCE(other->pass_credentials) ||
               !other->file) {
        credentials_of_current(&message->credentials);
    } else {
        return;
    }
    message->has_credentials = true;
}

/* The next message with its bytes and the call's descriptors. */
static int make(struct socket *socket, struct outgoing *outgoing, uint64_t deadline, uint32_t bytes,
                struct message **ret)
{
    struct message *message;
    int error = charge(socket, deadline, bytes, &message);

    if (error)
        return error;
    error = message_fill(message, outgoing->buffer);
    if (error) {
        message_free(message);
        return error;
    }
    message->rights = outgoing->rights;
    outgoing->rights = NULL;
    *ret = message;
    return 0;
}

static int send_piece(struct socket *socket, struct socket *peer, struct message *message)
{
    mutex_lock(&peer->lock);
    bool gone = peer->dead || peer->shutdown & SHUTDOWN_RECEIVE ||
                READ_ONCE(socket->shutdown) & SHUTDOWN_SEND;
    if (!gone)
        message_queue(peer, message);
    mutex_unlock(&peer->lock);
    if (gone) {
        message_free(message);
        return -EPIPE;
    }
    if (!MUTANT_EVERY(WAKEUP_LOST_SOCKET, 2))
        wake_up_one(&peer->read_waiters);
    return 0;
}

static ssize_t send_stream(struct socket *socket, struct outgoing *outgoing)
{
    uint64_t deadline = socket_deadline(socket, outgoing->file, outgoing->flags, false);
    struct socket *peer = READ_ONCE(socket->peer); /* of a stream it stays, and so it lives */
    ssize_t sent = 0;
    int error = 0;

    if (outgoing->address)
        return READ_ONCE(socket->state) == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (!peer)
        return -ENOTCONN;
    if (READ_ONCE(socket->shutdown) & SHUTDOWN_SEND)
        error = -EPIPE;
    while (!error && outgoing->buffer->remaining) {
        struct message *message;
        uint64_t most = min((uint64_t)MESSAGE_FIRST_BYTES, (uint64_t)socket->send_limit / 2);
        uint32_t bytes = (uint32_t)min(outgoing->buffer->remaining, most);
        error = make(socket, outgoing, deadline, bytes, &message);
        if (error)
            break;
        sign(message, socket, peer, outgoing);
        error = send_piece(socket, peer, message);
        if (!error)
            sent += bytes;
    }
    if (error == -EPIPE && !sent && !(outgoing->flags & MSG_NOSIGNAL))
        file_send_sigpipe();
    return sent ? sent : error;
}

/* The peer is gone: a datagram socket is unconnected then. */
static int peer_is_dead(struct socket *socket, struct socket *peer)
{
    bool mine = false;

    if (socket_is_connection(socket))
        return -EPIPE;
    mutex_lock(&socket->lock);
    if (socket->peer == peer) {
        WRITE_ONCE(socket->peer, NULL);
        WRITE_ONCE(socket->state, SOCKET_UNCONNECTED);
        mine = true;
    }
    mutex_unlock(&socket->lock);
    if (mine) {
        socket_unwatch_room(socket);
        socket_put(peer);
    }
    return -ECONNREFUSED;
}

enum { DELIVERED = 0, QUEUE_FULL = 1, IS_DEAD = 2 };

/* One of the above, or -errno. */
static int deliver(struct socket *socket, struct socket *other, struct message *message)
{
    int result = DELIVERED;

    mutex_lock(&other->lock);
    if (other->peer && other->peer != socket)
        result = -EPERM;
    else if (other->dead)
        result = IS_DEAD;
    else if (other->shutdown & SHUTDOWN_RECEIVE)
        result = -EPIPE;
    else if (other != socket && other->peer != socket && socket_is_full(other))
        result = QUEUE_FULL;
    else
        message_queue(other, message);
    mutex_unlock(&other->lock);
    return result;
}

static int destination(struct socket *socket, const struct outgoing *outgoing, struct socket **ret)
{
    if (outgoing->address)
        return names_find(outgoing->address, socket, ret);
    *ret = socket_peer_get(socket);
    return *ret ? 0 : -ENOTCONN;
}

/* Until it is in somebody's queue. */
static int send_message(struct socket *socket, const struct outgoing *outgoing, uint64_t deadline,
                        struct message *message)
{
    for (;;) {
        struct socket *other;
        int error = destination(socket, outgoing, &other);
        if (error)
            return error;
        if (!message->has_credentials)
            sign(message, socket, other, outgoing);
        int result = deliver(socket, other, message);
        if (result == DELIVERED)
            wake_up_one(&other->read_waiters);
        else if (result == IS_DEAD && !outgoing->address)
            result = peer_is_dead(socket, other);
        else if (result == QUEUE_FULL && deadline == SOCKET_NO_WAIT)
            result = -EAGAIN;
        else if (result == QUEUE_FULL)
            error = wait_event_mode(&other->room_waiters, WAIT_SOCKET, (uint64_t)other,
                                    WAIT_INTERRUPTIBLE, deadline, true,
                                    !socket_is_full(other) || READ_ONCE(other->shutdown));
        socket_put(other);
        if (error)
            return socket_wait_error(error, deadline);
        if (result <= 0)
            return result;
        /* There is room, or the path may mean another socket by now. */
    }
}

static ssize_t send_datagram(struct socket *socket, struct outgoing *outgoing)
{
    uint64_t deadline = socket_deadline(socket, outgoing->file, outgoing->flags, false);
    uint64_t bytes = outgoing->buffer->remaining;
    struct message *message;

    if (!outgoing->address && !READ_ONCE(socket->peer))
        return -ENOTCONN;
    if (READ_ONCE(socket->pass_credentials) && !READ_ONCE(socket->address)) {
        int error = socket_bind_any(socket);
        if (error)
            return error;
    }
    if (bytes + 32 > socket->send_limit) /* as Linux has it */
        return -EMSGSIZE;
    int error = make(socket, outgoing, deadline, (uint32_t)bytes, &message);
    if (error)
        return error;
    error = send_message(socket, outgoing, deadline, message);
    if (error) {
        message_free(message);
        return error;
    }
    return (ssize_t)bytes;
}

ssize_t socket_send(struct socket *socket, struct outgoing *outgoing)
{
    if (outgoing->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (socket->type == SOCK_STREAM)
        return send_stream(socket, outgoing);
    if (socket->type == SOCK_SEQPACKET) {
        int error = socket_take_error(socket);
        if (error)
            return error;
        if (READ_ONCE(socket->state) != SOCKET_CONNECTED)
            return -ENOTCONN;
        outgoing->address = NULL;
    }
    return send_datagram(socket, outgoing);
}
