/*
 * kernel/fs/file_lock.h - advisory locks: fcntl(2) record locks (owned by a table of descriptors,
 * as Linux has it), open-file-description locks and flock(2) (both owned by the open file).
 */
#ifndef KERNEL_FS_FILE_LOCK_H
#define KERNEL_FS_FILE_LOCK_H

#include "kernel/lib/types.h"

struct file;
struct file_table;

/* struct flock of the Linux ABI. */
struct linux_flock {
    int16_t type; /* F_RDLCK 0, F_WRLCK 1, F_UNLCK 2 */
    int16_t whence;
    int32_t pad;
    int64_t start, length;
    int32_t pid;
    int32_t pad2;
};
_Static_assert(sizeof(struct linux_flock) == 32, "flock is part of the ABI");

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

extern uint32_t file_lock_count; /* locks that exist; lets everybody else skip the search */

void file_locks_drop_owner_slow(struct file *file, const void *owner);

/* A descriptor of this table closes, or (owner = the file itself) the last reference to the file
 * goes. */
static inline void file_locks_drop_owner(struct file *file, const void *owner)
{
    if (unlikely(READ_ONCE(file_lock_count)))
        file_locks_drop_owner_slow(file, owner);
}

/* F_GETLK and F_OFD_GETLK: fills in the lock that would be in the way, or type F_UNLCK. 0 or
 * -errno. */
int file_lock_test(struct file *file, struct linux_flock *flock, bool by_description);
/* F_SETLK(W) and F_OFD_SETLK(W). */
int file_lock_set(struct file *file, const struct linux_flock *flock, bool by_description,
                  bool wait);

#endif
