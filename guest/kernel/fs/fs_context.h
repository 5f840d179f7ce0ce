/*
 * kernel/fs/fs_context.h - where a process stands in the tree: root, working directory, umask.
 * Shared by tasks that were cloned with CLONE_FS.
 *
 * Lifetime: counted holders. Lock: `lock` (RANK_FS_CONTEXT) guards root and cwd; umask is one word
 * and is read without it.
 */
#ifndef KERNEL_FS_FS_CONTEXT_H
#define KERNEL_FS_FS_CONTEXT_H

#include "kernel/fs/file.h"
#include "kernel/sync/spinlock.h"

struct dentry;

struct fs_context {
    uint32_t references;
    uint32_t umask;
    struct spinlock lock;
    struct dentry *root; /* counted; "/" of this process */
    struct dentry *cwd;  /* counted */
};

/* Each returns a counted dentry of the current task's context. */
struct dentry *fs_context_get_root(void);
struct dentry *fs_context_get_cwd(void);
/* The same of another context, for /proc/PID/root and /proc/PID/cwd. */
struct dentry *fs_context_get_root_of(struct fs_context *context);
struct dentry *fs_context_get_cwd_of(struct fs_context *context);
/* Replace; each takes over the caller's reference to the (checked) directory. */
void fs_context_replace_root(struct dentry *root);
void fs_context_replace_cwd(struct dentry *cwd);

/*
 * The root dentry that a new context starts at. fs_init() sets it once, before the first process:
 * takes over the reference.
 */
void fs_context_set_initial_root(struct dentry *root);

#endif
