/*
 * kernel/fs/proc/namespace.h - /proc/PID/ns: links that stand for namespaces, and the files that they
 * lead to (nsfs), for setns(2).
 */
#ifndef KERNEL_FS_PROC_NAMESPACE_H
#define KERNEL_FS_PROC_NAMESPACE_H

#include "kernel/fs/proc/proc.h"

struct namespace;

extern const struct proc_entry proc_namespace_children[]; /* of /proc/PID/ns */

extern const struct inode_operations proc_namespace_operations; /* of what they lead to */

/* Was the inode reached through such a link? Then *ret is what it stands for, counted. */
bool proc_namespace_get(const struct inode *inode, struct namespace **ret);

/* time_offsets.c */
int proc_show_time_offsets(struct proc_text *text, const struct proc_target *target);
ssize_t proc_write_time_offsets(const struct proc_target *target, struct io_buffer *buffer,
                                uint64_t position);

#endif
