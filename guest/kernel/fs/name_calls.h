/* kernel/fs/name_calls.h - making names for the kernel itself. */
#ifndef KERNEL_FS_NAME_CALLS_H
#define KERNEL_FS_NAME_CALLS_H

struct inode;

/*
 * A new node of type S_IFSOCK at a kernel path, by the current task's rights and umask: counted
 * *ret. -EEXIST, or the errors of mknod(2).
 */
int name_make_socket(const char *path, struct inode **ret);

#endif
