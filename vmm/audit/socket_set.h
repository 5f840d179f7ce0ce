/*
 * vmm/audit/socket_set.h - the sockets that can be found, for sockets.c, rights.c and
 * socket_names.c: behind open files, as the other end of one, in a backlog, as the sender of a
 * message that waits. Each once, with what was found that holds it or that it holds.
 */
#ifndef VITRINE_AUDIT_SOCKET_SET_H
#define VITRINE_AUDIT_SOCKET_SET_H

#include "vmm/audit/files.h"

/* The kernel's numbers (guest/kernel/net/socket.h). */
enum {
    AUDIT_SOCK_DGRAM = 2,
    AUDIT_SOCKET_UNCONNECTED = 0,
    AUDIT_SOCKET_LISTENING = 1,
    AUDIT_SOCKET_CONNECTED = 2,
    AUDIT_SHUTDOWN_RECEIVE = 1,
    AUDIT_SHUTDOWN_SEND = 2,
};

struct audit_socket {
    uint64_t address;
    const uint8_t *raw;
    uint32_t files;     /* open files that are it */
    uint32_t backlogs;  /* backlogs that it waits in */
    uint32_t peers;     /* sockets that have it as their other end */
    uint32_t sent;      /* messages of it that lie in queues ... */
    uint64_t charge;    /* ... and the memory of those */
    uint32_t queued;    /* messages in its own queue ... */
    uint64_t bytes;     /* ... and their bytes that nobody has taken */
    uint32_t uncounted; /* messages in it whose descriptors are not on their way */
    uint32_t waiting;   /* connections in its own backlog */
    uint32_t carried;   /* descriptors on their way that are it */
    bool on_the_way;    /* it is in the kernel's list of those */
    uint32_t names;     /* times it was found under a name */
    bool busy;          /* its lock is held: its queues change */
    bool torn;          /* its queue or its backlog is no list */
};

struct audit_sockets {
    struct audit_socket *sockets; /* in no order */
    size_t count;
    bool whole;                /* all were found: what is not there does not exist */
    uint32_t *places;          /* by address: index + 1 */
    struct audit_files files;  /* where the search began */
    uint32_t messages_visited; /* of all queues: hostile memory must not take for ever */
};

/* False when out of memory. */
bool audit_sockets_find(const struct audit_world *world, struct audit_sockets *ret);
void audit_sockets_free(struct audit_sockets *set);
/* NULL: none was found there. */
struct audit_socket *audit_socket_at(const struct audit_sockets *set, uint64_t address);
static inline bool audit_socket_is_connection(const struct audit_world *world,
                                              const struct audit_socket *socket)
{
    return AUDIT_GET(world, socket->raw, socket_type) != AUDIT_SOCK_DGRAM;
}

#endif
