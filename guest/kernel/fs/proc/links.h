/* kernel/fs/proc/links.h - the links of /proc, for its tables. */
#ifndef KERNEL_FS_PROC_LINKS_H
#define KERNEL_FS_PROC_LINKS_H

#include "kernel/fs/proc/proc.h"

ssize_t proc_fd_read_link(const struct proc_target *target, char *buffer, size_t size);
int proc_fd_follow(const struct proc_target *target, struct path *ret);
int proc_show_fdinfo(struct proc_text *text, const struct proc_target *target);
ssize_t proc_exe_read_link(const struct proc_target *target, char *buffer, size_t size);
int proc_exe_follow(const struct proc_target *target, struct path *ret);
ssize_t proc_cwd_read_link(const struct proc_target *target, char *buffer, size_t size);
int proc_cwd_follow(const struct proc_target *target, struct path *ret);
ssize_t proc_root_read_link(const struct proc_target *target, char *buffer, size_t size);
int proc_root_follow(const struct proc_target *target, struct path *ret);
ssize_t proc_self_read_link(const struct proc_target *target, char *buffer, size_t size);
ssize_t proc_thread_self_read_link(const struct proc_target *target, char *buffer, size_t size);
ssize_t proc_mounts_read_link(const struct proc_target *target, char *buffer, size_t size);

#endif
