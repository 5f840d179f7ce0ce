/*
 * kernel/fs/file_table.h - the inside of a table of descriptors: an array of files and two bit
 * sets. What is not marked in `open` is not initialised, so nothing is cleared when a table is
 * made.
 *
 * Lifetime: counted holders (tasks cloned with CLONE_FILES, and /proc for a moment). Locks: every
 * change is made under `lock` (RANK_FILE_TABLE), and readers take it too - except the current task
 * on its own table while it is the only holder: then nobody else changes it. The lock is never held
 * across file_put().
 */
#ifndef KERNEL_FS_FILE_TABLE_H
#define KERNEL_FS_FILE_TABLE_H

#include "kernel/fs/file.h"
#include "kernel/sync/spinlock.h"
#include "shared/objects.h"

#define FILE_TABLE_INLINE 64u

struct file_table {
    uint32_t references;
    uint32_t capacity;    /* a power of two, >= FILE_TABLE_INLINE */
    uint32_t lowest_free; /* no descriptor below it is free */
    struct spinlock lock;
    struct file **files;
    uint64_t *open;
    uint64_t *close_on_exec;
    uint64_t inline_open[FILE_TABLE_INLINE / 64];
    uint64_t inline_close_on_exec[FILE_TABLE_INLINE / 64];
    struct file *inline_files[FILE_TABLE_INLINE];
};

/* The file behind fd or NULL; the table must not change meanwhile. */
static inline struct file *file_table_at(const struct file_table *table, int fd)
{
    uint32_t index = (uint32_t)fd;
    if (index >= table->capacity || !(table->open[index / 64] >> (index % 64) & 1))
        return NULL;
    return table->files[index];
}

/* The current task's table, that is: nobody else can change it or see it change. */
static inline bool file_table_is_private(const struct file_table *table)
{
    return READ_ONCE(table->references) == 1;
}

/* Before the table has a task: fd < FILE_TABLE_INLINE becomes `file`, whose reference is taken
 * over. 0. */
int file_table_install_first(struct file_table *table, int fd, struct file *file);
/* In a table that has no task yet: `fd` below `limit` becomes a further reference to `file`. 0,
 * -EBADF (beyond the limit), -EEXIST (open already), -ENOMEM. */
int file_table_install_at(struct file_table *table, int fd, struct file *file, bool close_on_exec,
                          uint32_t limit);
/* What `source` has open and `table`, which has no task yet, does not, with its mark. 0 or -ENOMEM.
 */
int file_table_fill_from(struct file_table *table, struct file_table *source);
/* For fcntl(F_GETFD, F_SETFD), on the current task's table: 0 or 1, or -EBADF. */
int file_table_get_close_on_exec(int fd);
int file_table_set_close_on_exec(int fd, bool close_on_exec);
/* close_range(): [first, last]; marks close-on-exec instead of closing if `mark`. */
void file_table_close_range(struct file_table *table, uint32_t first, uint32_t last, bool mark);
/* Would the current task's next descriptor be one too many (EMFILE)? Takes the table's lock. */
bool file_table_is_full(void);
/* RLIMIT_NOFILE of the current process, within what a table can hold. */
uint32_t file_table_limit(void);

#endif
