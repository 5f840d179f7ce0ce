/* kernel/fs/proc/file.h - between filesystem.c (names) and file.c (open files of /proc). */
#ifndef KERNEL_FS_PROC_FILE_H
#define KERNEL_FS_PROC_FILE_H

#include "kernel/fs/proc/proc.h"

struct proc_inode {
    struct inode inode;
    struct proc_key key; /* fixed */
};

struct proc_key *proc_key_of(struct inode *inode);

extern const struct file_operations proc_file_operations;
int proc_file_open(struct inode *inode, struct file *file);

#endif
