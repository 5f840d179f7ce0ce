/*
 * kernel/ipc/sysv/object.h - what the three kinds of System V IPC have in common (sysvipc(7),
 * svipc(7)): objects with a key, an id, owners and permissions, in a table per kind and namespace.
 *
 * An id is a place in the table plus 32768 times a sequence number, so that an id is not soon given
 * out again; places are given out in turns. Lock: the table's mutex guards the table, and everything
 * in its objects that does not say otherwise. Lifetime: one reference for being in the table, one
 * per temporary holder; `removed` is set under the lock when it leaves the table.
 */
#ifndef KERNEL_IPC_SYSV_OBJECT_H
#define KERNEL_IPC_SYSV_OBJECT_H

#include "kernel/lib/types.h"
#include "kernel/sync/mutex.h"

#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_NOWAIT  04000
/* Commands of shmctl, semctl and msgctl. */
#define IPC_RMID 0
#define IPC_SET  1
#define IPC_STAT 2
#define IPC_INFO 3

#define IPC_READ  0444u /* asked of ipc_permitted(): by anybody who has the right */
#define IPC_WRITE 0222u

#define IPC_PLACES       32768u /* in a table at most: IPCMNI of Linux */
#define IPC_CHUNK_PLACES 512u

struct ipc_object {
    uint32_t references;
    int32_t key, id;
    uint32_t uid, gid, cuid, cgid;
    uint32_t mode; /* 0777, and flags of the kind */
    uint16_t sequence;
    bool removed;
};

struct ipc_table {
    struct mutex lock; /* RANK_IPC */
    struct ipc_object **chunks[IPC_PLACES / IPC_CHUNK_PLACES];
    uint32_t count;
    uint32_t end;       /* above the highest place in use */
    uint32_t next;      /* where the search for a free place begins */
    uint32_t last;      /* place that was given out last */
    uint16_t sequence;  /* of the next object */
    uint32_t count_max; /* SHMMNI, MSGMNI, SEMMNI */
};

/* struct ipc64_perm of the Linux ABI. */
struct linux_ipc_perm {
    int32_t key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t sequence, reserved[3];
    uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_ipc_perm) == 48, "ipc64_perm is part of the ABI");

void ipc_table_init(struct ipc_table *table, uint32_t count_max);

/* Nothing is in it, nobody knows it. */
void ipc_table_deinit(struct ipc_table *table);

/* ---- the table's lock is held for all that follows ---- */

/*
 * Enters a new object with key, mode and the current process's ids; one reference, which is the
 * table's. 0, -ENOSPC or -ENOMEM.
 */
int ipc_insert(struct ipc_table *table, struct ipc_object *object, int32_t key, uint32_t mode);
/* Takes it out and marks it removed; the table's reference is the caller's to drop now. */
void ipc_remove(struct ipc_table *table, struct ipc_object *object);
/* By key (not IPC_PRIVATE), by id, by place; NULL if there is none. */
struct ipc_object *ipc_find_key(struct ipc_table *table, int32_t key);
struct ipc_object *ipc_find(struct ipc_table *table, int32_t id);
struct ipc_object *ipc_at(struct ipc_table *table, uint32_t place);
/* Largest place in use, or 0: what IPC_INFO returns. */
static inline int64_t ipc_highest(const struct ipc_table *table)
{
    return table->end ? table->end - 1 : 0;
}

/* May the current process do what the permission bits `wanted` say, of any class? */
bool ipc_permitted(const struct ipc_object *object, uint32_t wanted);
/* May it change or remove the object? 0 or -EPERM. */
int ipc_check_owner(const struct ipc_object *object);
/* IPC_SET: owner and permissions. 0 or -EINVAL. */
int ipc_set_permissions(struct ipc_object *object, const struct linux_ipc_perm *wanted);
void ipc_get_permissions(const struct ipc_object *object, struct linux_ipc_perm *ret);

/*
 * The part of shmget, semget and msgget that is the same. `check` (may be NULL) judges an existing
 * object: 0 or -errno; `create` makes one and enters it: its id or -errno. Takes the lock.
 */
struct ipc_get {
    int32_t key;
    uint32_t flags;
    uint64_t size;
};
struct ipc_namespace;
int64_t ipc_get(struct ipc_namespace *space, struct ipc_table *table, const struct ipc_get *request,
                int (*check)(const struct ipc_object *object, uint64_t size),
                int64_t (*create)(struct ipc_namespace *space, const struct ipc_get *request));

/* Seconds of CLOCK_REALTIME; the pid of the running process. */
int64_t ipc_time(void);
int32_t ipc_pid(void);

#endif
