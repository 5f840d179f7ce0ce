/*
 * kernel/ipc/sysv/namespace.h - an IPC namespace (ipc_namespaces(7)): the System V objects that some
 * tasks see, and their limits.
 *
 * Lifetime: as of every namespace (kernel/namespace); an undo list holds one, too. With the last
 * holder its objects go. A segment of shared memory that is still attached then stays until nobody
 * is, and belongs to no namespace any more. Limits are single words, written without a lock.
 */
#ifndef KERNEL_IPC_SYSV_NAMESPACE_H
#define KERNEL_IPC_SYSV_NAMESPACE_H

#include "kernel/ipc/sysv/object.h"
#include "kernel/lib/list.h"
#include "kernel/namespace/namespace.h"

enum ipc_kind { IPC_SEMAPHORES, IPC_MESSAGES, IPC_SHARED_MEMORY, IPC_KINDS };

struct ipc_namespace {
    struct namespace head;
    struct ipc_table tables[IPC_KINDS];
    uint64_t shm_max, shm_all; /* bytes of a segment; pages of all */
    uint64_t shm_pages;        /* of all; its table's lock */
    uint32_t sem_per_set, sem_all, sem_operations;
    uint64_t semaphores; /* of all sets; its table's lock */
    uint32_t message_max, queue_max;
    uint64_t message_bytes, message_count; /* of all queues; its table's lock */
    struct list mqueues; /* struct mqueue, POSIX ones with a name; ipc/mqueue, its lock */
    uint32_t mqueue_count;
};

extern struct ipc_namespace initial_ipc_namespace;

/* The current task's. Valid during a system call. */
struct ipc_namespace *ipc_namespace_current(void);

static inline struct ipc_table *ipc_table_of(struct ipc_namespace *space, enum ipc_kind kind)
{
    return &space->tables[kind];
}

/* Removes all objects of a kind (POSIX queues: ipc/mqueue); nobody is in the namespace any more. */
void shm_remove_all(struct ipc_namespace *space);
void semaphore_sets_remove_all(struct ipc_namespace *space);
void message_queues_remove_all(struct ipc_namespace *space);

#endif
