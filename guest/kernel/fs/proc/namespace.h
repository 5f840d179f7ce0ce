/* kernel/fs/proc/namespace.h - /proc/PID/ns: links that stand for namespaces, for setns(2). */
#ifndef KERNEL_FS_PROC_NAMESPACE_H
#define KERNEL_FS_PROC_NAMESPACE_H

#include "kernel/fs/proc/proc.h"

struct uts_namespace;

ssize_t proc_uts_read_link(const struct proc_target *target, char *buffer, size_t size);
int proc_uts_follow(const struct proc_target *target, struct dentry **ret);
/* Was the inode reached through such a link? Then *ret is what it stands for, counted. */
bool proc_namespace_get(const struct inode *inode, struct uts_namespace **ret);

#endif
