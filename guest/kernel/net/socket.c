/*
 * kernel/net/socket.c - sockets as objects and as files: making, counting, polling and ending them.
 * See socket.h.
 */
#include "kernel/net/socket.h"

#include "arch/cpu.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/tty/termios.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/net/message.h"
#include "kernel/net/names.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/sync/refcount.h"
#include "kernel/time/clock.h"
#include "kernel/token/token_object.h"

#define SIOCOUTQ 0x5411u

static struct object_cache socket_cache = OBJECT_CACHE_INIT("socket", struct socket);

struct socket *socket_allocate(uint32_t type)
{
    struct socket *socket = object_cache_allocate(&socket_cache);
    if (!socket)
        return NULL;
    memset(socket, 0, sizeof(*socket));
    socket->references = 1;
    socket->type = type;
    socket->net_number = current->namespaces->of[NAMESPACE_NET]->number;
    mutex_init(&socket->lock, RANK_SOCKET);
    list_init(&socket->name_link);
    list_init(&socket->queue);
    list_init(&socket->backlog);
    list_init(&socket->backlog_link);
    list_init(&socket->watch_link);
    list_init(&socket->watchers);
    list_init(&socket->in_flight_link);
    list_init(&socket->reached_link);
    socket->send_limit = socket->receive_limit = SOCKET_BUFFER_BYTES;
    socket->low_mark = 1;
    socket->client_level = LEVEL_IMPERSONATION;
    socket->send_timeout_ns = socket->receive_timeout_ns = SOCKET_FOR_EVER;
    socket->credentials = (struct linux_ucred){0, UINT32_MAX, UINT32_MAX};
    wait_queue_init(&socket->read_waiters);
    wait_queue_init(&socket->write_waiters);
    wait_queue_init(&socket->room_waiters);
    return socket;
}

void socket_get(struct socket *socket)
{
    reference_get(&socket->references);
}

void socket_put(struct socket *socket)
{
    if (!reference_put(&socket->references))
        return;
    socket_address_put(socket->address);
    if (socket->bound_inode)
        inode_put(socket->bound_inode);
    if (socket->client)
        token_put(socket->client);
    object_cache_free(&socket_cache, socket);
}

void credentials_of_current(struct linux_ucred *ret)
{
    const struct credentials *credentials = &current->process->credentials;

    *ret = (struct linux_ucred){current->tgid, credentials->euid, credentials->egid};
}

uint64_t socket_deadline(const struct socket *socket, const struct file *file, uint32_t flags,
                         bool receive)
{
    uint64_t timeout = receive ? socket->receive_timeout_ns : socket->send_timeout_ns;

    if (flags & MSG_DONTWAIT || READ_ONCE(file->flags) & O_NONBLOCK || !timeout)
        return SOCKET_NO_WAIT;
    if (likely(timeout == SOCKET_FOR_EVER))
        return 0;
    return clock_monotonic_ns() + timeout;
}

void socket_wake(struct socket *socket)
{
    wake_up_all(&socket->read_waiters);
    wake_up_all(&socket->write_waiters);
    wake_up_all(&socket->room_waiters);
}

void socket_lock_two(struct socket *one, struct socket *other)
{
    mutex_lock(&(one < other ? one : other)->lock);
    if (one != other)
        mutex_lock(&(one < other ? other : one)->lock);
}

void socket_unlock_two(struct socket *one, struct socket *other)
{
    mutex_unlock(&one->lock);
    if (one != other)
        mutex_unlock(&other->lock);
}

static struct spinlock watch_lock = SPINLOCK_INIT(RANK_SOCKET_WATCH);

void socket_watch_room(struct socket *sender, struct socket *receiver)
{
    spin_lock(&watch_lock);
    list_remove(&sender->watch_link);
    list_push_back(&receiver->watchers, &sender->watch_link);
    spin_unlock(&watch_lock);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* whoever makes room now sees it, or we the room */
}

void socket_unwatch_room(struct socket *sender)
{
    spin_lock(&watch_lock);
    list_remove(&sender->watch_link);
    spin_unlock(&watch_lock);
}

void socket_room_made(struct socket *receiver)
{
    if (MUTANT(WAKEUP_LOST_ROOM))
        return;
    wake_up_all(&receiver->room_waiters);
    if (list_empty(&receiver->watchers)) /* wake_up_all() has ordered this look */
        return;
    spin_lock(&watch_lock);
    while (!list_empty(&receiver->watchers)) {
        struct socket *sender = list_first(&receiver->watchers, struct socket, watch_link);
        list_remove(&sender->watch_link);
        wake_up_all(&sender->write_waiters);
    }
    spin_unlock(&watch_lock);
}

struct socket *socket_peer_get(struct socket *socket)
{
    mutex_lock(&socket->lock);
    struct socket *peer = socket->peer;
    if (peer)
        socket_get(peer);
    mutex_unlock(&socket->lock);
    return peer;
}

static void add_shutdown(struct socket *socket, uint32_t ways)
{
    __atomic_fetch_or(&socket->shutdown, ways, __ATOMIC_SEQ_CST);
}

void socket_shutdown(struct socket *socket, uint32_t ways)
{
    struct socket *peer = socket_peer_get(socket);

    add_shutdown(socket, ways);
    if (peer && socket_is_connection(socket) && !MUTANT(SOCKET_SHUTDOWN_ONE_SIDED)) {
        /* What one side will not send, the other cannot receive. */
        add_shutdown(peer, (ways & SHUTDOWN_RECEIVE ? SHUTDOWN_SEND : 0) |
                               (ways & SHUTDOWN_SEND ? SHUTDOWN_RECEIVE : 0));
        socket_wake(peer);
    }
    socket_wake(socket);
    if (peer)
        socket_put(peer);
}

/* ---- the end ---- */

static void tell_peer(struct socket *socket, struct socket *peer, bool unread)
{
    if (socket_is_connection(socket)) {
        mutex_lock(&peer->lock);
        add_shutdown(peer, SHUTDOWN_BOTH);
        if (unread)
            WRITE_ONCE(peer->error, ECONNRESET);
        mutex_unlock(&peer->lock);
        socket_wake(peer);
    }
    socket_put(peer);
}

/* What lies in the queue goes; connections that nobody accepted are reset. */
static void close_one(struct socket *socket, bool reset, struct list *backlog)
{
    struct list messages;

    list_init(&messages);
    names_leave(socket);
    socket_unwatch_room(socket);
    mutex_lock(&socket->lock);
    socket->dead = true;
    add_shutdown(socket, SHUTDOWN_BOTH);
    struct socket *peer = socket->peer;
    socket->peer = NULL;
    while (!list_empty(&socket->queue)) {
        struct message *message = list_first(&socket->queue, struct message, link);
        message_unqueue(socket, message);
        list_push_back(&messages, &message->link);
    }
    while (!list_empty(&socket->backlog)) {
        struct list *link = socket->backlog.next;
        list_remove(link);
        list_push_back(backlog, link);
    }
    socket->backlog_count = 0;
    mutex_unlock(&socket->lock);
    if (peer)
        tell_peer(socket, peer, reset || !list_empty(&messages));
    while (!list_empty(&messages)) {
        struct message *message = list_first(&messages, struct message, link);
        list_remove(&message->link);
        message_free(message);
    }
    socket_wake(socket);
    socket_room_made(socket);
    socket_put(socket);
}

void socket_close(struct socket *socket)
{
    struct list backlog, none;

    list_init(&backlog);
    list_init(&none);
    close_one(socket, false, &backlog);
    while (!list_empty(&backlog)) {
        struct socket *waiting = list_first(&backlog, struct socket, backlog_link);
        list_remove(&waiting->backlog_link);
        close_one(waiting, true, &none);
    }
}

/* ---- as a file ---- */

static void release(struct file *file)
{
    socket_close(file->private_data);
    rights_collect();
}

static ssize_t read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct incoming incoming;

    (void)position;
    if (!buffer->remaining)
        return 0;
    incoming_init(&incoming, buffer, file, 0);
    ssize_t result = socket_receive(file->private_data, &incoming);
    incoming_end(&incoming);
    return result;
}

static ssize_t write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct outgoing outgoing = {.buffer = buffer, .file = file};

    (void)position;
    return socket_send(file->private_data, &outgoing);
}

/* May a datagram go to whom the socket is connected to? */
static bool peer_has_room(struct socket *socket)
{
    struct socket *peer = socket->type == SOCK_DGRAM ? socket_peer_get(socket) : NULL;
    if (!peer)
        return true;
    bool room = READ_ONCE(peer->peer) == socket || !socket_is_full(peer);
    if (!room) {
        socket_watch_room(socket, peer);
        room = !socket_is_full(peer);
    }
    socket_put(peer);
    return room;
}

static uint32_t poll(struct file *file, struct poll_table *table)
{
    struct socket *socket = file->private_data;
    uint32_t mask = 0;

    poll_wait(table, &socket->read_waiters);
    poll_wait(table, &socket->write_waiters);
    uint32_t shutdown = READ_ONCE(socket->shutdown), state = READ_ONCE(socket->state);
    if (READ_ONCE(socket->error))
        mask |= POLLERR;
    if (shutdown == SHUTDOWN_BOTH)
        mask |= POLLHUP;
    if (shutdown & SHUTDOWN_RECEIVE)
        mask |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (READ_ONCE(socket->message_count) || READ_ONCE(socket->backlog_count))
        mask |= POLLIN | POLLRDNORM;
    if (socket_is_connection(socket) && state == SOCKET_UNCONNECTED)
        mask |= POLLHUP;
    /* A quarter of the limit: whoever is told to write finds room for something. */
    if (state != SOCKET_LISTENING &&
        READ_ONCE(socket->charged) <= READ_ONCE(socket->send_limit) / 4 && peer_has_room(socket))
        mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return mask;
}

static int64_t ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    struct socket *socket = file->private_data;
    int32_t bytes = 0;

    switch (command) {
    case FIONREAD:
        mutex_lock(&socket->lock);
        bool listening = socket->state == SOCKET_LISTENING;
        if (socket_is_connection(socket))
            bytes = (int32_t)socket->queued_bytes;
        else if (!list_empty(&socket->queue))
            bytes = (int32_t)list_first(&socket->queue, struct message, link)->bytes;
        mutex_unlock(&socket->lock);
        if (listening)
            return -EINVAL;
        break;
    case SIOCOUTQ:
        bytes = (int32_t)READ_ONCE(socket->charged);
        break;
    default:
        return -ENOTTY;
    }
    return put_user(bytes, argument);
}

const struct file_operations socket_operations = {
    .kind = "socket",
    .read = read,
    .write = write,
    .ioctl = ioctl,
    .poll = poll,
    .release = release,
};

struct file *socket_file_create(struct socket *socket, uint32_t flags)
{
    struct inode *inode = anonymous_inode(S_IFSOCK | 0777, "socket");
    struct file *file = NULL;

    if (inode) {
        struct credentials *credentials = &current->process->credentials;
        inode->uid = credentials->fsuid;
        inode->gid = credentials->fsgid;
        file = file_create(NULL, inode, O_RDWR | (flags & O_NONBLOCK), &socket_operations, socket);
        inode_put(inode);
    }
    if (file)
        socket->file = file;
    else
        socket_close(socket);
    return file;
}
