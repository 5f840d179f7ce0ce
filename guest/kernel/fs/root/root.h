/*
 * kernel/fs/root/root.h - what fs_init() needs of the root file system besides fs/inode.h.
 */
#ifndef KERNEL_FS_ROOT_ROOT_H
#define KERNEL_FS_ROOT_ROOT_H

#include "kernel/lib/types.h"

struct boot_info;

/* The files of the boot page appear at their paths, parents made; a failure is logged and left at
 * that. */
void root_add_boot_files(const struct boot_info *boot);
/* An existing name is left as it is. 0 or -errno. */
int root_make_directory(const char *path, uint32_t mode);

#endif
