/*
 * kernel/fs/file_times.c - times of files that change because of mappings: mmap(2) counts as an
 * access, and the first write to a page of a shared mapping as a change.
 */
#include "kernel/fs/inode.h"
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/mount/mount.h"

void file_mapped(struct file *file)
{
    struct inode *inode = file->inode;

    /* As read() does it: Linux's relatime, without its daily update. */
    if (inode->access_ns <= inode->modify_ns && !(file->flags & O_NOATIME) &&
        !(inode->flags & INODE_NO_ATIME) && !mount_keeps_access_time(file->mount, inode))
        WRITE_ONCE(inode->access_ns, clock_realtime_ns());
}

void file_page_written(struct file *file)
{
    uint64_t now = clock_realtime_ns();

    WRITE_ONCE(file->inode->modify_ns, now);
    WRITE_ONCE(file->inode->change_ns, now);
}
