/*
 * kernel/observe/describe_net.h - published: sockets, their names, and descriptors on their way
 * between them. See describe.c.
 */
#ifndef KERNEL_OBSERVE_DESCRIBE_NET_H
#define KERNEL_OBSERVE_DESCRIBE_NET_H

#include "kernel/net/message.h"
#include "kernel/net/names.h"

#define SOCKET_FIELDS(F)                                                                           \
    F(socket, references, UNSIGNED, "")                                                            \
    F(socket, type, UNSIGNED, "")                                                                  \
    F(socket, state, UNSIGNED, "")                                                                 \
    F(socket, shutdown, UNSIGNED, "")                                                              \
    F(socket, dead, UNSIGNED, "")                                                                  \
    F(socket, lock, STRUCT, "mutex")                                                               \
    F(socket, file, ADDRESS, "file")                                                               \
    F(socket, peer, ADDRESS, "socket")                                                             \
    F(socket, address, ADDRESS, "socket_address")                                                  \
    F(socket, message_count, UNSIGNED, "")                                                         \
    F(socket, queued_bytes, UNSIGNED, "")                                                          \
    F(socket, backlog_count, UNSIGNED, "")                                                         \
    F(socket, backlog_limit, UNSIGNED, "")                                                         \
    F(socket, charged, UNSIGNED, "")                                                               \
    F(socket, send_limit, UNSIGNED, "")                                                            \
    F(socket, read_waiters, STRUCT, "wait_queue")                                                  \
    F(socket, write_waiters, STRUCT, "wait_queue")                                                 \
    F(socket, room_waiters, STRUCT, "wait_queue")                                                  \
    F(socket, in_flight, UNSIGNED, "")                                                             \
    F(socket, in_flight_link, STRUCT, "list")                                                      \
    F(socket, error, UNSIGNED, "")                                                                 \
    F(socket, bound_inode, ADDRESS, "inode")                                                       \
    F(socket, name_link, STRUCT, "list")                                                           \
    F(socket, queue, STRUCT, "list")                                                               \
    F(socket, backlog, STRUCT, "list")                                                             \
    F(socket, client, ADDRESS, "token_object")                                                     \
    F(socket, backlog_link, STRUCT, "list")

#define MESSAGE_FIELDS(F)                                                                          \
    F(message, link, STRUCT, "list")                                                               \
    F(message, sender, ADDRESS, "socket")                                                          \
    F(message, rights, ADDRESS, "rights")                                                          \
    F(message, charge, UNSIGNED, "")                                                               \
    F(message, bytes, UNSIGNED, "")                                                                \
    F(message, taken, UNSIGNED, "")

#define SOCKET_ADDRESS_FIELDS(F)                                                                   \
    F(socket_address, bytes, UNSIGNED, "")                                                         \
    F(socket_address, family, UNSIGNED, "")                                                        \
    F(socket_address, path, BYTES, "")

#define RIGHTS_FIELDS(F)                                                                           \
    F(rights, link, STRUCT, "list")                                                                \
    F(rights, in_flight, UNSIGNED, "")                                                             \
    F(rights, count, UNSIGNED, "")                                                                 \
    F(rights, files[0], ADDRESS, "file")

#define NET_TYPES(T)                                                                               \
    T(socket, "socket", SOCKET_FIELDS)                                                             \
    T(socket_address, "socket_address", SOCKET_ADDRESS_FIELDS)                                     \
    T(rights, "rights", RIGHTS_FIELDS)                                                             \
    T(message, "message", MESSAGE_FIELDS)

#define NET_ROOTS(R)                                                                               \
    R("socket_names", "list", socket_names, SOCKET_NAME_BUCKETS)                                   \
    R("sockets_in_flight", "list", &sockets_in_flight, 1)

#endif
