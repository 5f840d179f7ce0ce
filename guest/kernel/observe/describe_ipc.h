/*
 * kernel/observe/describe_ipc.h - published: System V objects and POSIX message queues, in their
 * namespaces. See describe.c.
 */
#ifndef KERNEL_OBSERVE_DESCRIBE_IPC_H
#define KERNEL_OBSERVE_DESCRIBE_IPC_H

#include "kernel/ipc/mqueue/mqueue.h"
#include "kernel/ipc/sysv/msg.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/ipc/sysv/shm.h"

#define IPC_NAMESPACE_FIELDS(F)                                                                    \
    F(ipc_namespace, head, STRUCT, "namespace")                                                    \
    F(ipc_namespace, tables, BYTES, "")                                                            \
    F(ipc_namespace, shm_pages, UNSIGNED, "")                                                      \
    F(ipc_namespace, semaphores, UNSIGNED, "")                                                     \
    F(ipc_namespace, message_bytes, UNSIGNED, "")                                                  \
    F(ipc_namespace, message_count, UNSIGNED, "")                                                  \
    F(ipc_namespace, mqueues, STRUCT, "list")                                                      \
    F(ipc_namespace, mqueue_count, UNSIGNED, "")

#define IPC_TABLE_FIELDS(F)                                                                        \
    F(ipc_table, lock, STRUCT, "mutex")                                                            \
    F(ipc_table, chunks, BYTES, "")                                                                \
    F(ipc_table, count, UNSIGNED, "")                                                              \
    F(ipc_table, end, UNSIGNED, "")

#define IPC_OBJECT_FIELDS(F)                                                                       \
    F(ipc_object, references, UNSIGNED, "")                                                        \
    F(ipc_object, key, SIGNED, "")                                                                 \
    F(ipc_object, id, SIGNED, "")                                                                  \
    F(ipc_object, removed, UNSIGNED, "")

#define SHM_SEGMENT_FIELDS(F)                                                                      \
    F(shm_segment, object, STRUCT, "ipc_object")                                                   \
    F(shm_segment, bytes, UNSIGNED, "")                                                            \
    F(shm_segment, attachments, UNSIGNED, "")                                                      \
    F(shm_segment, memory, ADDRESS, "dentry")

#define SEMAPHORE_FIELDS(F) F(semaphore, value, SIGNED, "")

#define SEMAPHORE_SET_FIELDS(F)                                                                    \
    F(semaphore_set, object, STRUCT, "ipc_object")                                                 \
    F(semaphore_set, count, UNSIGNED, "")                                                          \
    F(semaphore_set, waiters, STRUCT, "list")                                                      \
    F(semaphore_set, undos, STRUCT, "list")                                                        \
    F(semaphore_set, chunks, BYTES, "")

#define SEMBUF_FIELDS(F)                                                                           \
    F(linux_sembuf, number, UNSIGNED, "")                                                          \
    F(linux_sembuf, operation, SIGNED, "")

#define SEMAPHORE_WAITER_FIELDS(F)                                                                 \
    F(semaphore_waiter, link, STRUCT, "list")                                                      \
    F(semaphore_waiter, task, ADDRESS, "task")                                                     \
    F(semaphore_waiter, operations, ADDRESS, "linux_sembuf")                                       \
    F(semaphore_waiter, count, UNSIGNED, "")                                                       \
    F(semaphore_waiter, result, SIGNED, "")

#define SEM_UNDO_FIELDS(F)                                                                         \
    F(sem_undo, set_link, STRUCT, "list")                                                          \
    F(sem_undo, list_link, STRUCT, "list")                                                         \
    F(sem_undo, owner, ADDRESS, "sem_undo_list")                                                   \
    F(sem_undo, set, ADDRESS, "semaphore_set")

#define SEM_UNDO_LIST_FIELDS(F)                                                                    \
    F(sem_undo_list, references, UNSIGNED, "")                                                     \
    F(sem_undo_list, space, ADDRESS, "ipc_namespace")                                              \
    F(sem_undo_list, undos, STRUCT, "list")

#define SYSV_MESSAGE_FIELDS(F)                                                                     \
    F(sysv_message, link, STRUCT, "list")                                                          \
    F(sysv_message, type, SIGNED, "")                                                              \
    F(sysv_message, bytes, UNSIGNED, "")

#define MESSAGE_QUEUE_FIELDS(F)                                                                    \
    F(message_queue, object, STRUCT, "ipc_object")                                                 \
    F(message_queue, bytes, UNSIGNED, "")                                                          \
    F(message_queue, count, UNSIGNED, "")                                                          \
    F(message_queue, bytes_max, UNSIGNED, "")                                                      \
    F(message_queue, messages, STRUCT, "list")                                                     \
    F(message_queue, receivers, STRUCT, "list")                                                    \
    F(message_queue, senders, STRUCT, "list")

#define MESSAGE_SLEEPER_FIELDS(F)                                                                  \
    F(message_sleeper, link, STRUCT, "list")                                                       \
    F(message_sleeper, task, ADDRESS, "task")                                                      \
    F(message_sleeper, match, UNSIGNED, "")                                                        \
    F(message_sleeper, type, SIGNED, "")

#define MQ_MESSAGE_FIELDS(F)                                                                       \
    F(mq_message, link, STRUCT, "list")                                                            \
    F(mq_message, priority, UNSIGNED, "")                                                          \
    F(mq_message, bytes, UNSIGNED, "")

#define MQUEUE_FIELDS(F)                                                                           \
    F(mqueue, references, UNSIGNED, "")                                                            \
    F(mqueue, space, ADDRESS, "ipc_namespace")                                                     \
    F(mqueue, name_link, STRUCT, "list")                                                           \
    F(mqueue, all_link, STRUCT, "list")                                                            \
    F(mqueue, name, STRING, "")                                                                    \
    F(mqueue, messages_max, UNSIGNED, "")                                                          \
    F(mqueue, bytes_max, UNSIGNED, "")                                                             \
    F(mqueue, count, UNSIGNED, "")                                                                 \
    F(mqueue, bytes, UNSIGNED, "")                                                                 \
    F(mqueue, messages, STRUCT, "list")                                                            \
    F(mqueue, readers, STRUCT, "wait_queue")                                                       \
    F(mqueue, writers, STRUCT, "wait_queue")                                                       \
    F(mqueue, told, ADDRESS, "process")                                                            \
    F(mqueue, waiting_readers, UNSIGNED, "")

#define IPC_TYPES(T)                                                                               \
    T(ipc_namespace, "ipc_namespace", IPC_NAMESPACE_FIELDS)                                        \
    T(ipc_table, "ipc_table", IPC_TABLE_FIELDS)                                                    \
    T(ipc_object, "ipc_object", IPC_OBJECT_FIELDS)                                                 \
    T(shm_segment, "shm_segment", SHM_SEGMENT_FIELDS)                                              \
    T(semaphore, "semaphore", SEMAPHORE_FIELDS)                                                    \
    T(semaphore_set, "semaphore_set", SEMAPHORE_SET_FIELDS)                                        \
    T(linux_sembuf, "linux_sembuf", SEMBUF_FIELDS)                                                 \
    T(semaphore_waiter, "semaphore_waiter", SEMAPHORE_WAITER_FIELDS)                               \
    T(sem_undo, "sem_undo", SEM_UNDO_FIELDS)                                                       \
    T(sem_undo_list, "sem_undo_list", SEM_UNDO_LIST_FIELDS)                                        \
    T(sysv_message, "sysv_message", SYSV_MESSAGE_FIELDS)                                           \
    T(message_queue, "message_queue", MESSAGE_QUEUE_FIELDS)                                        \
    T(message_sleeper, "message_sleeper", MESSAGE_SLEEPER_FIELDS)                                  \
    T(mq_message, "mq_message", MQ_MESSAGE_FIELDS)                                                 \
    T(mqueue, "mqueue", MQUEUE_FIELDS)

#endif
