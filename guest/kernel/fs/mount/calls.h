/*
 * kernel/fs/mount/calls.h - what mount(2) does in steps, for the calls that came later
 * (handles.c, context.c).
 */
#ifndef KERNEL_FS_MOUNT_CALLS_H
#define KERNEL_FS_MOUNT_CALLS_H

#include "kernel/fs/fs_context.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/mount/options.h"

/* Takes mount_lock; `place` is then the topmost there. 0, or -ENOENT (removed) without the lock. */
int mount_place_lock(struct path *place);
/* Is the place the root of a mount of the current task's tree? mount_lock held. 0 or -EINVAL. */
int mount_check_root(const struct path *place);
/* A copy of what is mounted at a place, for a bind mount. mount_lock held. 0, -EINVAL, -ENOMEM. */
int mount_bind_copy(const struct path *from, bool recursive, struct mount **ret);
/* mount_attach_tree() with the checks of a bind mount: -EINVAL, -ENOTDIR. */
int mount_attach_at(struct mount *top, const struct path *place, struct mount_graveyard *graveyard);
/* Takes over a hold of the file system's mounts; flags: enum mount_flags. */
int mount_attach_new(struct filesystem *filesystem, struct path *place, const char *source,
                     uint32_t flags);
/* Moves a mount of this tree, or hangs a detached one in. 0, -EINVAL, -ELOOP, -ENOENT, -ENOMEM. */
int mount_move(const struct path *from, struct path *to);
/* The flags that a program may set; mount_lock held. 0 or -EBUSY: files are open for writing. */
int mount_set_flags(struct mount *mount, uint32_t flags);
/* New options of a file system, and whether it is read-only. mount_lock held. 0, -EINVAL, -EBUSY. */
int filesystem_reconfigure(struct filesystem *filesystem, const struct mount_options *options,
                           bool read_only);
/* The same for a whole file system. */
int filesystem_set_read_only(struct filesystem *filesystem, bool read_only);

#endif
