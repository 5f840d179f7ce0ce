/*
 * vmm/inspect/sockets.h - reading sockets, for those who show them and those who ask who could wake
 * whom.
 */
#ifndef VITRINE_INSPECT_SOCKETS_H
#define VITRINE_INSPECT_SOCKETS_H

#include "vmm/inspect/files.h"

#define GUEST_SOCKET_FIELDS(F)                                                                     \
    F(kind, "type")                                                                                \
    F(state, "state")                                                                              \
    F(peer, "peer")                                                                                \
    F(file, "file")                                                                                \
    F(address, "address")                                                                          \
    F(dead, "dead")                                                                                \
    F(shutdown, "shutdown")                                                                        \
    F(messages, "message_count")                                                                   \
    F(bytes, "queued_bytes")                                                                       \
    F(backlog, "backlog_count")                                                                    \
    F(backlog_limit, "backlog_limit")                                                              \
    F(in_flight, "in_flight")                                                                      \
    F(read_waiters, "read_waiters")                                                                \
    F(write_waiters, "write_waiters") F(room_waiters, "room_waiters")
LAYOUT(guest_socket_layout, GUEST_SOCKET_FIELDS);

#define GUEST_SOCKET_ADDRESS_FIELDS(F) F(bytes, "bytes") F(path, "path")
LAYOUT(guest_socket_address_layout, GUEST_SOCKET_ADDRESS_FIELDS);

#define GUEST_SOCKET_NAME_MAX 110u /* '@' and the 108 bytes of sun_path */

struct guest_sockets {
    struct guest_socket_layout socket;
    struct guest_socket_address_layout address;
};

/* VT_ERROR_FORMAT: this kernel does not publish its sockets. */
struct vt_error *guest_sockets_init(const struct vt_guest *guest, struct guest_sockets *ret);

/* The raw bytes of the name of the socket at this address: how many, 0 = it has none. */
size_t guest_socket_name(const struct guest_sockets *sockets, struct guest_loads *loads,
                         uint64_t socket, char name[GUEST_SOCKET_NAME_MAX]);

/* The open file of the socket at this address; 0 if it is closed, or not accepted yet. */
uint64_t guest_socket_file(const struct guest_sockets *sockets, struct guest_loads *loads,
                           uint64_t socket);

#endif
