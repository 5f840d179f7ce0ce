/*
 * kernel/observe/describe_namespaces.h - published: namespaces of all kinds and who is in which. Mount
 * namespaces are with the mounts (describe_files.h), those of IPC with their objects
 * (describe_ipc.h). See describe.c.
 */
#ifndef KERNEL_OBSERVE_DESCRIBE_NAMESPACES_H
#define KERNEL_OBSERVE_DESCRIBE_NAMESPACES_H

#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/namespace/time_namespace.h"
#include "kernel/namespace/uts.h"

#define NAMESPACE_FIELDS(F)                                                                        \
    F(namespace, references, UNSIGNED, "")                                                         \
    F(namespace, type, ADDRESS, "namespace_type")                                                  \
    F(namespace, number, UNSIGNED, "")                                                             \
    F(namespace, link, STRUCT, "list")

#define NAMESPACE_TYPE_FIELDS(F)                                                                   \
    F(namespace_type, kind, UNSIGNED, "")                                                          \
    F(namespace_type, name, UNSIGNED, "")

#define NSPROXY_FIELDS(F)                                                                          \
    F(nsproxy, references, UNSIGNED, "")                                                           \
    F(nsproxy, children_differ, UNSIGNED, "")                                                      \
    F(nsproxy, of, BYTES, "")                                                                      \
    F(nsproxy, time_for_children, ADDRESS, "namespace")

#define PID_NAMESPACE_FIELDS(F)                                                                    \
    F(pid_namespace, head, STRUCT, "namespace")                                                    \
    F(pid_namespace, parent, ADDRESS, "pid_namespace")                                             \
    F(pid_namespace, level, UNSIGNED, "")                                                          \
    F(pid_namespace, init, ADDRESS, "process")                                                     \
    F(pid_namespace, had_init, UNSIGNED, "")                                                       \
    F(pid_namespace, count, UNSIGNED, "")                                                          \
    F(pid_namespace, chunks, BYTES, "")

#define PID_NUMBERS_FIELDS(F)                                                                      \
    F(pid_numbers, namespace, ADDRESS, "pid_namespace")                                            \
    F(pid_numbers, level, UNSIGNED, "")                                                            \
    F(pid_numbers, number[0], SIGNED, "")

#define TIME_NAMESPACE_FIELDS(F)                                                                   \
    F(time_namespace, head, STRUCT, "namespace")                                                   \
    F(time_namespace, joined, UNSIGNED, "")                                                        \
    F(time_namespace, monotonic_ns, SIGNED, "")                                                    \
    F(time_namespace, boottime_ns, SIGNED, "")

#define UTS_NAMESPACE_FIELDS(F)                                                                    \
    F(uts_namespace, head, STRUCT, "namespace")                                                    \
    F(uts_namespace, host_name, STRING, "")                                                        \
    F(uts_namespace, domain_name, STRING, "")

#define NAMESPACE_TYPES(T)                                                                         \
    T(namespace, "namespace", NAMESPACE_FIELDS)                                                    \
    T(namespace_type, "namespace_type", NAMESPACE_TYPE_FIELDS)                                     \
    T(nsproxy, "nsproxy", NSPROXY_FIELDS)                                                          \
    T(pid_namespace, "pid_namespace", PID_NAMESPACE_FIELDS)                                        \
    T(pid_numbers, "pid_numbers", PID_NUMBERS_FIELDS)                                              \
    T(time_namespace, "time_namespace", TIME_NAMESPACE_FIELDS)                                     \
    T(uts_namespace, "uts_namespace", UTS_NAMESPACE_FIELDS)

#endif
