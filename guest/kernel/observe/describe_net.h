/*
 * kernel/observe/describe_net.h - published: sockets, their names, and descriptors on their way
 * between them. See describe.c.
 */
#ifndef KERNEL_OBSERVE_DESCRIBE_NET_H
#define KERNEL_OBSERVE_DESCRIBE_NET_H

#include "kernel/net/message.h"

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
    F(socket, in_flight, UNSIGNED, "")

#define SOCKET_ADDRESS_FIELDS(F)                                                                   \
    F(socket_address, bytes, UNSIGNED, "")                                                         \
    F(socket_address, family, UNSIGNED, "")                                                        \
    F(socket_address, path, BYTES, "")

#define RIGHTS_FIELDS(F)                                                                           \
    F(rights, link, STRUCT, "list")                                                                \
    F(rights, count, UNSIGNED, "")                                                                 \
    F(rights, files[0], ADDRESS, "file")

#define NET_TYPES(T)                                                                               \
    T(socket, "socket", SOCKET_FIELDS)                                                             \
    T(socket_address, "socket_address", SOCKET_ADDRESS_FIELDS)                                     \
    T(rights, "rights", RIGHTS_FIELDS)

#endif
