/*
 * vmm/audit/ipc_walk.h - the System V objects of all IPC namespaces, for sysv_memory.c, semaphores.c and
 * message_queues.c.
 */
#ifndef VITRINE_AUDIT_IPC_WALK_H
#define VITRINE_AUDIT_IPC_WALK_H

#include "vmm/audit/namespace_walk.h"

/* guest/kernel/ipc/sysv/namespace.h: enum ipc_kind */
enum audit_ipc_kind { AUDIT_IPC_SEMAPHORES, AUDIT_IPC_MESSAGES, AUDIT_IPC_MEMORY };

struct audit_ipc_table {
    uint64_t namespace;      /* struct ipc_namespace */
    const uint8_t *space;    /* ... of it */
    uint64_t count;          /* of its objects, as the kernel says */
    const uint64_t *objects; /* that were found; freed with the walk */
    uint32_t found;
};

/* The table of this kind of every IPC namespace, one after the other. False: not all could be found. */
bool audit_each_ipc_table(const struct audit_world *world, enum audit_ipc_kind kind,
                          void (*visit)(void *context, const struct audit_ipc_table *table),
                          void *context);

#endif
