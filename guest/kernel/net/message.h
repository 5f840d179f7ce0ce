/*
 * kernel/net/message.h - one message in a socket's queue: bytes, who sent them, and descriptors.
 * A datagram is one message; a stream is cut into messages of a page at most, and readers may take
 * a part of one.
 *
 * Locks: a message belongs to its maker, then to the queue (that socket's lock), then to who took
 * it off.
 */
#ifndef KERNEL_NET_MESSAGE_H
#define KERNEL_NET_MESSAGE_H

#include "kernel/net/socket.h"

/* SCM_MAX_FD: so many descriptors travel with one message. */
#define RIGHTS_MAX 253

/* Descriptors on their way (rights.c). */
struct rights {
    struct list link;      /* all of them; rights lock */
    struct list drop_link; /* of the task that drops it */
    bool in_flight;        /* counted in their sockets' `in_flight`; rights lock */
    uint32_t count;
    struct file *files[RIGHTS_MAX]; /* counted */
};

struct message_piece {
    struct message_piece *next;
    uint8_t data[PAGE_SIZE - sizeof(struct message_piece *)];
};

struct message {
    struct list link;
    struct socket *sender; /* counted; its `charged` has `charge` of this */
    struct rights *rights; /* owned, or NULL */
    struct linux_ucred credentials;
    bool has_credentials;
    uint32_t charge;
    uint32_t bytes, taken; /* read so far */
    struct message_piece *more;
    uint8_t data[];
};

#define MESSAGE_FIRST_BYTES (PAGE_SIZE - sizeof(struct message))

/* Room for `bytes`, charged to the sender without a look at its limit. NULL: no memory. */
struct message *message_create(struct socket *sender, uint32_t bytes);
/* Gives everything back, descriptors too; wakes the sender if it waits. May sleep; no socket's
 * lock may be held. */
void message_free(struct message *message);
/* Bytes from the buffer, all of them: 0 or -EFAULT. */
int message_fill(struct message *message, struct io_buffer *buffer);
/* At most `bytes` from byte number `from` on: how many were copied. */
size_t message_copy(const struct message *message, struct io_buffer *buffer, uint32_t from,
                    size_t bytes);
void message_queue(struct socket *socket, struct message *message);   /* its lock held */
void message_unqueue(struct socket *socket, struct message *message); /* its lock held */

/* ---- what one call sends or receives ---- */

struct outgoing {
    struct io_buffer *buffer;
    const struct file *file;              /* O_NONBLOCK */
    const struct socket_address *address; /* or NULL */
    uint32_t flags;                       /* MSG_* */
    struct rights *rights;                /* owned; the first message takes it (then NULL here) */
    struct linux_ucred credentials;
    bool has_credentials; /* given by the program */
};
/* Bytes, or -errno. */
ssize_t socket_send(struct socket *socket, struct outgoing *outgoing);

struct incoming {
    struct io_buffer *buffer;
    const struct file *file;
    uint32_t flags; /* MSG_* */
    /* OUT, also on failure: */
    uint32_t message_flags;      /* MSG_TRUNC */
    struct socket_address *from; /* counted, or NULL */
    struct rights *rights;       /* owned, or NULL: to be given out or dropped */
    struct linux_ucred credentials;
    bool has_credentials;
};
ssize_t socket_receive(struct socket *socket, struct incoming *incoming);
void incoming_init(struct incoming *incoming, struct io_buffer *buffer, const struct file *file,
                   uint32_t flags);
void incoming_end(struct incoming *incoming);

/* ---- rights.c ---- */

/* Queues that hold descriptors are only taken from with this held: against the collector. */
extern struct mutex rights_lock; /* RANK_RIGHTS */
extern struct list rights_list;
extern struct list sockets_in_flight; /* those that messages hold; rights_lock */

struct rights *rights_allocate(void); /* empty; NULL: no memory */
/* The files, whose references are taken over, travel from now on. */
void rights_send(struct rights *rights);
/* They have arrived, and are held by the caller alone; rights_lock held. */
void rights_arrive(struct rights *rights);
/* Another set of references, arrived ones; rights_lock held. NULL: no memory. */
struct rights *rights_copy(const struct rights *rights);
/* Puts the files and frees it; NULL is fine. May sleep; of sockets' locks none may be held. */
void rights_drop(struct rights *rights);
/* Ends sockets that only messages in their own queues hold. */
void rights_collect(void);

/* ---- control.c ---- */

struct linux_message_header {
    uint64_t name;
    uint32_t name_bytes;
    uint32_t pad;
    uint64_t vector;
    uint64_t vector_count;
    uint64_t control;
    uint64_t control_bytes;
    uint32_t flags;
    uint32_t pad_2;
};
_Static_assert(sizeof(struct linux_message_header) == 56, "struct msghdr is part of the ABI");

/* What the program says beside the bytes. 0 or -errno; rights are the caller's to drop then too. */
int control_import(const struct linux_message_header *header, struct outgoing *outgoing);
/* Writes what came to the header's control buffer, which shrinks by it; installs descriptors.
 * Returns flags: MSG_CTRUNC. */
uint32_t control_export(const struct socket *socket, struct linux_message_header *header,
                        struct incoming *incoming);

#endif
