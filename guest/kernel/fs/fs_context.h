/*
 * kernel/fs/fs_context.h - where a process stands in the tree: root, working directory, umask.
 * Shared by tasks that were cloned with CLONE_FS.
 *
 * Lifetime: counted holders. Lock: `lock` (RANK_FS_CONTEXT) guards root and cwd; umask is one word
 * and is read without it.
 */
#ifndef KERNEL_FS_FS_CONTEXT_H
#define KERNEL_FS_FS_CONTEXT_H

#include "kernel/fs/inode.h"
#include "kernel/sync/spinlock.h"

struct fs_context {
    uint32_t references;
    uint32_t umask;
    struct spinlock lock;
    struct path root; /* counted; "/" of this process */
    struct path cwd;  /* counted */
};

/* Each gives a counted place of the current task's context. */
void fs_context_get_root(struct path *ret);
void fs_context_get_cwd(struct path *ret);
/* The same of another context, for /proc/PID/root and /proc/PID/cwd. */
void fs_context_get_root_of(struct fs_context *context, struct path *ret);
void fs_context_get_cwd_of(struct fs_context *context, struct path *ret);
/* Replace; each takes over the caller's reference to the (checked) directory. */
void fs_context_replace_root(const struct path *root);
void fs_context_replace_cwd(const struct path *cwd);
/* Whoever stands at `from`, by root or working directory, stands at `to` then (pivot_root). */
void fs_context_shift(struct fs_context *context, const struct path *from, const struct path *to);
/* The working directory of a context that has no task yet; takes over the reference. */
void fs_context_replace_cwd_of(struct fs_context *context, const struct path *cwd);

#endif
