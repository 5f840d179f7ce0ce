/* kernel/fs/dentry_path.h - the count of renames that dentry_path() watches (see dentry_path.c). */
#ifndef KERNEL_FS_DENTRY_PATH_H
#define KERNEL_FS_DENTRY_PATH_H

#include "kernel/fs/inode.h"

extern uint32_t rename_count; /* atomic; raised before and after names move */

#endif
