/*
 * kernel/net/receive.c - taking messages out of a socket's own queue.
 *
 * Bytes are copied to the program under the socket's lock, so that a reader of a stream takes what
 * it got and nothing else. A message with descriptors is taken only with rights_lock held too: see
 * rights.c.
 */
#include "arch/cpu.h"
#include "kernel/lib/string.h"
#include "kernel/net/message.h"
#include "kernel/net/names.h"
#include "kernel/sched/task.h"

void incoming_init(struct incoming *incoming, struct io_buffer *buffer, const struct file *file,
                   uint32_t flags)
{
    memset(incoming, 0, sizeof(*incoming));
    incoming->buffer = buffer;
    incoming->file = file;
    incoming->flags = flags;
}

void incoming_end(struct incoming *incoming)
{
    socket_address_put(incoming->from);
    rights_drop(incoming->rights);
}

static struct message *first_message(const struct socket *socket)
{
    return list_empty(&socket->queue) ? NULL : list_first(&socket->queue, struct message, link);
}

static void lock_queue(struct socket *socket, bool with_rights)
{
    if (with_rights)
        mutex_lock(&rights_lock);
    mutex_lock(&socket->lock);
}

static void unlock_queue(struct socket *socket, bool with_rights)
{
    mutex_unlock(&socket->lock);
    if (with_rights)
        mutex_unlock(&rights_lock);
}

/* Locks held, rights_lock too if it has descriptors. */
static void take_extras(struct message *message, struct incoming *incoming)
{
    struct socket_address *address = READ_ONCE(message->sender->address);

    if (address && !incoming->from) {
        socket_address_get(address);
        incoming->from = address;
    }
    incoming->credentials = message->credentials;
    incoming->has_credentials = message->has_credentials;
    if (!message->rights)
        return;
    if (incoming->flags & MSG_PEEK) {
        incoming->rights = rights_copy(message->rights);
    } else {
        rights_arrive(message->rights);
        incoming->rights = message->rights;
        message->rights = NULL;
    }
}

/* ---- streams ---- */

struct stream_read {
    size_t copied;
    uint32_t skip;   /* of the queue's bytes, seen by a peek already */
    bool signed_off; /* credentials are those of a message: others end the call */
};

static bool same_sender(const struct message *message, const struct incoming *incoming)
{
    return message->has_credentials == incoming->has_credentials &&
           !memcmp(&message->credentials, &incoming->credentials, sizeof(incoming->credentials));
}

/*
 * From the messages that are there. Positive: there is nothing more to be taken now; 0: the call is
 * over; -EDEADLK: the next has descriptors, take the other lock first. Locks held.
 */
static int take_stream(struct socket *socket, struct incoming *incoming, struct stream_read *read,
                       bool with_rights, struct list *done)
{
    struct message *message, *following;
    bool peek = incoming->flags & MSG_PEEK;

    list_for_each_safe(message, following, &socket->queue, link)
    {
        uint32_t left = message->bytes - message->taken;
        if (peek && read->skip >= left) {
            read->skip -= left;
            continue;
        }
        if (message->rights && !with_rights)
            return -EDEADLK;
        if (READ_ONCE(socket->pass_credentials)) {
            if (read->signed_off && !same_sender(message, incoming))
                return 0;
            read->signed_off = true;
        }
        uint32_t skip = peek ? read->skip : 0;
        size_t piece = min((size_t)(left - skip), incoming->buffer->remaining);
        size_t copied = message_copy(message, incoming->buffer, message->taken + skip, piece);
        if (copied < piece && !copied) {
            if (!read->copied)
                return -EFAULT;
            return 0;
        }
        take_extras(message, incoming);
        read->copied += copied;
        read->skip = 0;
        if (!peek) {
            message->taken += (uint32_t)copied;
            socket->queued_bytes -= copied;
            if (message->taken == message->bytes) {
                message_unqueue(socket, message);
                list_push_back(done, &message->link);
            }
        }
        if (copied < piece || incoming->rights || !incoming->buffer->remaining)
            return 0;
    }
    return 1;
}

static void free_messages(struct list *messages)
{
    while (!list_empty(messages)) {
        struct message *message = list_first(messages, struct message, link);
        list_remove(&message->link);
        message_free(message);
    }
}

static bool stream_ready(const struct socket *socket)
{
    return READ_ONCE(socket->message_count) || READ_ONCE(socket->error) ||
           READ_ONCE(socket->shutdown) & SHUTDOWN_RECEIVE;
}

/* More bytes than before: what a peek with MSG_WAITALL waits for. */
static bool stream_grew(const struct socket *socket, uint64_t bytes)
{
    return READ_ONCE(socket->queued_bytes) > bytes || READ_ONCE(socket->error) ||
           READ_ONCE(socket->shutdown) & SHUTDOWN_RECEIVE;
}

static int wait_for_stream(struct socket *socket, const struct stream_read *read, bool peek,
                           uint64_t deadline)
{
    int error = socket_take_error(socket);

    if (error)
        return error;
    if (READ_ONCE(socket->shutdown) & SHUTDOWN_RECEIVE)
        return -EPIPE; /* the end: not an error to the program */
    if (deadline == SOCKET_NO_WAIT)
        return -EAGAIN;
    if (peek)
        error =
            wait_event_mode(&socket->read_waiters, WAIT_SOCKET, (uint64_t)socket,
                            WAIT_INTERRUPTIBLE, deadline, false, stream_grew(socket, read->copied));
    else
        error =
            wait_event_by(&current->waiter, &socket->read_waiters, WAIT_SOCKET, (uint64_t)socket,
                          WAIT_INTERRUPTIBLE, deadline, true, stream_ready(socket));
    return error ? socket_wait_error(error, deadline) : 0;
}

static ssize_t receive_stream(struct socket *socket, struct incoming *incoming)
{
    uint64_t deadline = socket_deadline(socket, incoming->file, incoming->flags, true);
    uint64_t wanted = incoming->buffer->remaining;
    bool with_rights = false, peek = incoming->flags & MSG_PEEK;
    struct stream_read read = {0};
    struct list done;
    int result;

    if (READ_ONCE(socket->state) != SOCKET_CONNECTED)
        return -EINVAL;
    if (!(incoming->flags & MSG_WAITALL))
        wanted = min(wanted, (uint64_t)socket->low_mark);
    list_init(&done);
    for (;;) {
        lock_queue(socket, with_rights);
        /* A peek goes through the queue again: others may have taken from it meanwhile. */
        read.skip = peek ? (uint32_t)read.copied : 0;
        result = take_stream(socket, incoming, &read, with_rights, &done);
        unlock_queue(socket, with_rights);
        free_messages(&done);
        if (result == -EDEADLK) {
            with_rights = true;
            continue;
        }
        /* Even a call for no bytes waits until there are some. */
        if (result <= 0 || (read.copied && read.copied >= wanted))
            break;
        result = wait_for_stream(socket, &read, peek, deadline);
        if (result)
            break;
    }
    if (READ_ONCE(socket->message_count)) /* the wake-up that brought us may have been for two */
        wake_up_one(&socket->read_waiters);
    return read.copied || result == -EPIPE ? (ssize_t)read.copied : result;
}

/* ---- datagrams ---- */

static bool datagram_ready(const struct socket *socket)
{
    return stream_ready(socket);
}

/* The first message, taken unless it is peeked at; its bytes and what comes with it. Locks held;
 * -EDEADLK as above. */
static ssize_t take_datagram(struct socket *socket, struct incoming *incoming, bool with_rights,
                             struct message **ret)
{
    struct message *message = first_message(socket);

    if (message->rights && !with_rights)
        return -EDEADLK;
    size_t room = incoming->buffer->remaining, piece = min((size_t)message->bytes, room);
    size_t copied = message_copy(message, incoming->buffer, 0, piece);
    if (!(incoming->flags & MSG_PEEK)) {
        message_unqueue(socket, message);
        *ret = message;
    }
    if (copied < piece)
        return -EFAULT;
    take_extras(message, incoming);
    if (room < message->bytes)
        incoming->message_flags |= MSG_TRUNC;
    return incoming->flags & MSG_TRUNC ? (ssize_t)message->bytes : (ssize_t)copied;
}

/* Nothing is there. 0: look again; 1: nothing will come; or -errno. */
static int wait_for_datagram(struct socket *socket, uint64_t deadline)
{
    int error = socket_take_error(socket);
    bool ended = READ_ONCE(socket->shutdown) & SHUTDOWN_RECEIVE;

    if (error)
        return error;
    if (ended && (deadline != SOCKET_NO_WAIT || socket->type == SOCK_SEQPACKET))
        return 1;
    if (deadline == SOCKET_NO_WAIT)
        return -EAGAIN;
    error = wait_event_by(&current->waiter, &socket->read_waiters, WAIT_SOCKET, (uint64_t)socket,
                          WAIT_INTERRUPTIBLE, deadline, true, datagram_ready(socket));
    return error ? socket_wait_error(error, deadline) : 0;
}

static ssize_t receive_datagram(struct socket *socket, struct incoming *incoming)
{
    uint64_t deadline = socket_deadline(socket, incoming->file, incoming->flags, true);
    struct message *taken = NULL;
    bool with_rights = false, was_full;

    if (socket->type == SOCK_SEQPACKET && READ_ONCE(socket->state) != SOCKET_CONNECTED)
        return -ENOTCONN;
    for (;;) {
        ssize_t result = -EAGAIN;
        lock_queue(socket, with_rights);
        bool found = first_message(socket);
        was_full = socket_is_full(socket);
        if (found)
            result = take_datagram(socket, incoming, with_rights, &taken);
        unlock_queue(socket, with_rights);
        if (found && result == -EDEADLK) {
            with_rights = true;
            continue;
        }
        if (found) {
            if (taken)
                message_free(taken);
            if (was_full)
                socket_room_made(socket);
            if (READ_ONCE(socket->message_count))
                wake_up_one(&socket->read_waiters);
            return result;
        }
        int error = wait_for_datagram(socket, deadline);
        if (error)
            return error > 0 ? 0 : error;
    }
}

ssize_t socket_receive(struct socket *socket, struct incoming *incoming)
{
    if (incoming->flags & MSG_OOB)
        return socket->type == SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
    return socket->type == SOCK_STREAM ? receive_stream(socket, incoming)
                                       : receive_datagram(socket, incoming);
}
