/*
 * kernel/net/socket.h - a socket of the family AF_UNIX (unix(7)): one end of a conversation, or a
 * place where others knock.
 *
 * Locks: `lock` (mutex, RANK_SOCKET) guards what is not marked otherwise. Two at once: a listener
 * or the lower address first (socket_lock_two()); a listener, then a connection that nobody has
 * accepted. What sleepers and pollers look at is also read without it, and then again.
 *
 * Lifetime: counted holders: the file; the peer; messages that this socket sent and nobody has
 * read; a listener's backlog; whoever looked it up. The file's end (socket_close()) takes the
 * socket out of the names, tells the peer and drops its queue, so nothing leads to itself.
 */
#ifndef KERNEL_NET_SOCKET_H
#define KERNEL_NET_SOCKET_H

#include "kernel/fs/inode.h"
#include "kernel/lib/list.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/wait_queue.h"

struct token_object;

/* The Linux ABI. */
#define AF_UNSPEC      0
#define AF_UNIX        1
#define AF_MAX         46
#define SOCK_STREAM    1u
#define SOCK_DGRAM     2u
#define SOCK_RAW       3u
#define SOCK_SEQPACKET 5u
#define SOCK_TYPE_MAX  11u
#define SOCK_NONBLOCK  O_NONBLOCK
#define SOCK_CLOEXEC   O_CLOEXEC

#define MSG_OOB          0x1u
#define MSG_PEEK         0x2u
#define MSG_CTRUNC       0x8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_WAITALL      0x100u
#define MSG_NOSIGNAL     0x4000u
#define MSG_WAITFORONE   0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT  0x80000000u

struct linux_ucred {
    int32_t pid;
    uint32_t uid, gid;
};

#define SOCKET_PATH_MAX    108u
#define SOCKET_ADDRESS_MAX (2u + SOCKET_PATH_MAX) /* struct sockaddr_un */

/* A sockaddr_un; counted, because an accepted socket has its listener's. Never changed. */
struct socket_address {
    uint32_t references;
    uint32_t bytes; /* of the following, at most one more than a program can give (a path's NUL) */
    uint16_t family;
    char path[SOCKET_PATH_MAX + 1];
};

enum socket_state {
    SOCKET_UNCONNECTED = 0,
    SOCKET_LISTENING = 1,
    SOCKET_CONNECTED = 2,
};

enum socket_shutdown {
    SHUTDOWN_RECEIVE = 1u << 0,
    SHUTDOWN_SEND = 1u << 1,
    SHUTDOWN_BOTH = 3u,
};

#define SOCKET_FOR_EVER      UINT64_MAX
#define SOCKET_BUFFER_BYTES  212992u /* Linux's net.core.wmem_default */
#define SOCKET_BACKLOG_MAX   4096u   /* net.core.somaxconn */
#define SOCKET_DATAGRAMS_MAX 10u     /* net.unix.max_dgram_qlen */

struct socket {
    uint32_t references;
    uint32_t type;         /* SOCK_*; fixed */
    uint64_t net_number;   /* of the network namespace that it was made in; fixed */
    uint32_t state;        /* enum socket_state */
    uint32_t shutdown;     /* enum socket_shutdown */
    bool dead;             /* the file is gone */
    bool binding;          /* a bind() is on its way */
    bool pass_credentials; /* SO_PASSCRED; read without the lock */
    int32_t error;         /* SO_ERROR: reported once; atomic */
    struct mutex lock;
    struct file *file;              /* not counted; set once, NULL before accept() */
    struct socket *peer;            /* counted; of a stream: set once, until the end */
    struct socket_address *address; /* set once under the lock; counted */
    struct inode *bound_inode;      /* counted; of a path's address */
    struct list name_link;          /* names.c: its lock */

    struct list queue;      /* struct message, received */
    uint32_t message_count; /* in the queue; read without the lock */
    uint64_t queued_bytes;
    struct list backlog;      /* listeners: connections to be accepted, through backlog_link */
    struct list backlog_link; /* listener->lock */
    uint32_t backlog_count, backlog_limit;

    uint32_t charged;    /* bytes of memory of its messages that nobody has read; atomic */
    uint32_t send_limit; /* SO_SNDBUF: how much that may be */
    uint32_t receive_limit;
    uint32_t low_mark;                            /* SO_RCVLOWAT */
    uint64_t send_timeout_ns, receive_timeout_ns; /* SOCKET_FOR_EVER; 0 = do not wait */
    struct linux_ucred credentials; /* of the peer, or what connecting ones will see */
    /* client_token.c: of the server's end fixed before it is in the backlog */
    struct token_object *client; /* counted: who connected; NULL: nobody did */
    uint8_t client_level;        /* how far the server may act as who connects (here, or did) */
    uint32_t plain_options;      /* bits by number: options that are kept and without effect */

    struct wait_queue read_waiters;  /* for messages and connections */
    struct wait_queue write_waiters; /* for `charged` to fall */
    struct wait_queue room_waiters;  /* others: for this socket's queue or backlog to have room */

    struct list watch_link, watchers; /* watch lock; see socket_watch_room() */

    /* rights.c, its lock */
    uint32_t in_flight;         /* times that messages hold the file */
    uint32_t held_from_outside; /* of them, those not in sockets that are themselves only so held */
    bool doubtful, reached;
    struct list in_flight_link, reached_link;
};

/* ---- client_token.c ---- */
/* `end`, which nobody else knows yet, keeps whom the current thread, who connects by `socket`, acts as. 0 or
 * -ENOMEM. */
int socket_keep_client(struct socket *end, const struct socket *socket);
/* Undoes that; nobody else knows `end` yet. */
void socket_forget_client(struct socket *end);

/* ---- socket.c ---- */
extern const struct file_operations socket_operations;

/* One reference, no file. NULL when out of memory. */
struct socket *socket_allocate(uint32_t type);
void socket_get(struct socket *socket);
void socket_put(struct socket *socket);
/* A file that takes over the reference, also on failure. flags: O_NONBLOCK. NULL: no memory. */
struct file *socket_file_create(struct socket *socket, uint32_t flags);
/* The socket behind a file, or NULL. */
static inline struct socket *socket_of(const struct file *file)
{
    return file->operations == &socket_operations ? file->private_data : NULL;
}
/* The end of a socket that has no file (any more): everybody else learns of it. */
void socket_close(struct socket *socket);
void socket_shutdown(struct socket *socket, uint32_t ways);
/* SO_ERROR, which is then forgotten: -errno or 0. */
static inline int socket_take_error(struct socket *socket)
{
    if (likely(!READ_ONCE(socket->error)))
        return 0;
    return -__atomic_exchange_n(&socket->error, 0, __ATOMIC_RELAXED);
}
void socket_wake(struct socket *socket); /* its state changed: everyone who waits on it looks */
void socket_lock_two(struct socket *one, struct socket *other); /* other may be the same */
void socket_unlock_two(struct socket *one, struct socket *other);
/* A counted peer, or NULL. */
struct socket *socket_peer_get(struct socket *socket);
static inline bool socket_is_connection(const struct socket *socket)
{
    return socket->type != SOCK_DGRAM;
}
/* More of its messages may be made. */
static inline bool socket_may_charge(const struct socket *socket)
{
    return READ_ONCE(socket->charged) < READ_ONCE(socket->send_limit);
}
/*
 * A poller of `sender` is to look again when the full queue of `receiver`, its peer, has room: no
 * poller may register with another socket, which does not live as long.
 */
void socket_watch_room(struct socket *sender, struct socket *receiver);
void socket_unwatch_room(struct socket *sender);
/* The receiver's queue has room now, or never again. */
void socket_room_made(struct socket *receiver);
/* Nobody there reads what this one sends: the datagrams of strangers are only so many. */
static inline bool socket_is_full(const struct socket *socket)
{
    return READ_ONCE(socket->message_count) > SOCKET_DATAGRAMS_MAX;
}
void credentials_of_current(struct linux_ucred *ret);
/* What a call of this socket may wait: 0 = for ever, 1 = not at all, else a deadline. */
uint64_t socket_deadline(const struct socket *socket, const struct file *file, uint32_t flags,
                         bool receive);
#define SOCKET_NO_WAIT 1ull
/* An interrupted or ended wait as the call's result: -EAGAIN, -EINTR or -ERESTARTSYS. */
static inline int socket_wait_error(int error, uint64_t deadline)
{
    if (error == -ETIMEDOUT)
        return -EAGAIN;
    return error == -ERESTARTSYS && deadline ? -EINTR : error;
}

/* ---- connect.c ---- */
int socket_bind(struct socket *socket, const struct socket_address *address);
/* Gives a socket without an address an abstract one that nobody has. */
int socket_bind_any(struct socket *socket);
int socket_listen(struct socket *socket, int backlog);
/* address NULL: dissolve a datagram socket's connection. */
int socket_connect(struct socket *socket, const struct file *file,
                   const struct socket_address *address);
/* The next connection: a reference. */
int socket_accept(struct socket *listener, const struct file *file, struct socket **ret);
void socket_join(struct socket *one, struct socket *other); /* socketpair */

/* ---- options.c ---- */
int64_t socket_set_option(struct socket *socket, int level, int option, uint64_t value,
                          int32_t bytes);
int64_t socket_get_option(struct socket *socket, int level, int option, uint64_t value,
                          uint64_t bytes_address);

#endif
