/*
 * vitrine/sockets.h - open sockets: what they are, what they are bound to, and who has the other
 * end. guest.h says how such readings behave.
 */
#ifndef VITRINE_SOCKETS_H
#define VITRINE_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "tasks.h"
#include "version.h"

VITRINE_BEGIN

enum vt_socket_state {
    VT_SOCKET_UNCONNECTED = 0,
    VT_SOCKET_LISTENING,
    VT_SOCKET_CONNECTED,
    VT_SOCKET_STATES
};

/* One descriptor of a socket (unix(7): there are no others). */
struct vt_socket {
    int32_t fd;
    uint32_t type; /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET of Linux */
    enum vt_socket_state state;
    bool receives_no_more, sends_no_more; /* shutdown(2) */
    uint64_t object;                      /* as vt_file.object, vt_wait.object: compare only */
    uint64_t inode;
    const char *name; /* what it is bound to: the path as it was given, or '@' and an abstract name;
                         an accepted socket has its listener's. NULL = nothing */
    /* to be received: messages (a stream is cut into such, too) and their bytes */
    uint32_t messages;
    uint64_t bytes;
    /* of one that listens: connections that nobody has accepted, and how many may wait so */
    uint32_t backlog, backlog_limit;

    /* The socket that it is connected to. */
    uint64_t peer;         /* its object; 0 = none */
    bool peer_closed;      /* nobody has it open any more */
    const char *peer_name; /* as `name` */
    uint64_t peer_inode;   /* 0 = it has not been accepted yet, or is closed */
    /* Who has it open: so many descriptors of so many tables; the process with the lowest PID, and
     * its lowest descriptor. Nobody (0, 0, -1): not accepted yet, or on its way in a message. */
    uint32_t peer_holders;
    int32_t peer_pid, peer_fd;
};

/* The sockets among the open files of a task, by descriptor. *ret_sockets: one block, names
 * included; free(). VT_ERROR_FORMAT: a kernel of a build without published sockets. */
struct vt_error *vt_guest_sockets(struct vt_guest *guest, const struct vt_task *task,
                                  struct vt_socket **ret_sockets, size_t *ret_count);
const char *vt_socket_type_name(uint32_t type);               /* "stream" "dgram" "seqpacket" */
const char *vt_socket_state_name(enum vt_socket_state state); /* "listening" ... */

VITRINE_END

#endif
