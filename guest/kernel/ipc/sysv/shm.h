/*
 * kernel/ipc/sysv/shm.h - System V shared memory (shmget(2), shmop(2), shmctl(2)): segments, which
 * are files of memory without a name that shmat() maps.
 *
 * Every attachment maps an open file of its own, whose operations hear of the mapping's copies
 * (fork), parts (munmap, mprotect) and end, and keep `attachments` equal to the mappings there are.
 * A segment that was removed stays, without a key, until its last attachment has gone.
 *
 * Locks: the table's mutex for what is in `object`, and for entering and leaving the table;
 * shm_lock (RANK_SHARED_MEMORY, under address_space.lock too) for attachments, times, last_pid and
 * the flag SHM_DEST.
 */
#ifndef KERNEL_IPC_SYSV_SHM_H
#define KERNEL_IPC_SYSV_SHM_H

#include "kernel/ipc/sysv/namespace.h"

struct dentry;
struct file_operations;

/* Flags in shm_segment.object.mode. */
#define SHM_DEST   01000u
#define SHM_LOCKED 02000u

struct shm_segment {
    struct ipc_object object;
    struct ipc_namespace *space; /* shm_lock; NULL: it has gone */
    struct dentry *memory;       /* counted */
    uint64_t bytes;
    uint32_t attachments;
    int32_t creator_pid, last_pid;
    int64_t attach_time, detach_time, change_time;
};

extern struct spinlock shm_lock;
extern const struct file_operations shm_attachment_operations; /* of mapped files */

static inline struct shm_segment *shm_of(struct ipc_object *object)
{
    return container_of(object, struct shm_segment, object);
}
static inline uint64_t shm_pages(const struct shm_segment *segment)
{
    return align_up(segment->bytes, PAGE_SIZE) >> PAGE_SHIFT;
}
/* Pages that have memory. */
uint64_t shm_resident(const struct shm_segment *segment);

/*
 * Removes a segment that may go now: when nobody is attached and (unless `wanted`) it was marked.
 * Marks it if somebody is. The table's lock is held; true: the caller drops the table's reference
 * with shm_put() after it has released the lock.
 */
bool shm_remove_locked(struct shm_segment *segment, bool wanted);
void shm_put(struct shm_segment *segment);

#endif
