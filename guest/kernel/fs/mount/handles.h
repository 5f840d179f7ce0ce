/*
 * kernel/fs/mount/handles.h - mounts that are held by open files: see handles.c.
 */
#ifndef KERNEL_FS_MOUNT_HANDLES_H
#define KERNEL_FS_MOUNT_HANDLES_H

#include "kernel/fs/mount/mount.h"

/* The last file of a handle is closed: ends the tree, if it was hung in nowhere. */
void mount_tree_dissolve(struct mount *top);
/*
 * A descriptor of the top of a detached tree (O_PATH), which holds it. Takes the tree over, also
 * when it fails: -ENOMEM, -EMFILE.
 */
int mount_handle_create(struct mount *top, bool close_on_exec);
/* path_lookup_user() that takes a missing path for an empty one where those are allowed. */
int mount_place_user(int directory_fd, uint64_t user_path, uint32_t path_flags, struct path *ret);

/* ---- attributes (attributes.c) ---- */

#define MOUNT_ATTR_KNOWN 0x2000ffu /* without user ids mapped */
/* MOUNT_ATTR_* as enum mount_flags. 0, or -EINVAL: impossible access times. */
int mount_attributes_flags(uint64_t attributes, uint32_t *ret);

#endif
