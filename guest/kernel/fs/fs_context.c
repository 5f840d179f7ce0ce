/*
 * kernel/fs/fs_context.c - root, working directory and umask of a process. See fs_context.h.
 */
#include "kernel/fs/fs_context.h"

#include "arch/cpu.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"
#include "kernel/sync/refcount.h"

#define INITIAL_UMASK 022u

static struct object_cache context_cache = OBJECT_CACHE_INIT("fs_context", struct fs_context);
static struct dentry *initial_root; /* written once, before there is a second task */

void fs_context_set_initial_root(struct dentry *root)
{
    initial_root = root;
}

/* Takes over the references to root and cwd, on failure too. */
static struct fs_context *context_make(struct dentry *root, struct dentry *cwd, uint32_t umask)
{
    struct fs_context *context = object_cache_allocate(&context_cache);
    if (!context) {
        dentry_put(root);
        dentry_put(cwd);
        return NULL;
    }
    context->references = 1;
    context->umask = umask;
    spin_init(&context->lock, RANK_FS_CONTEXT);
    context->root = root;
    context->cwd = cwd;
    return context;
}

struct fs_context *fs_context_create(void)
{
    kernel_assert(initial_root);
    dentry_get(initial_root);
    dentry_get(initial_root);
    return context_make(initial_root, initial_root, INITIAL_UMASK);
}

struct fs_context *fs_context_duplicate(struct fs_context *source)
{
    spin_lock(&source->lock);
    struct dentry *root = source->root;
    struct dentry *cwd = source->cwd;
    dentry_get(root);
    dentry_get(cwd);
    spin_unlock(&source->lock);
    return context_make(root, cwd, READ_ONCE(source->umask));
}

void fs_context_get(struct fs_context *context)
{
    reference_get(&context->references);
}

void fs_context_put(struct fs_context *context)
{
    if (!reference_put(&context->references))
        return;
    dentry_put(context->root);
    dentry_put(context->cwd);
    object_cache_free(&context_cache, context);
}

struct dentry *fs_context_get_root_of(struct fs_context *context)
{
    spin_lock(&context->lock);
    struct dentry *root = context->root;
    dentry_get(root);
    spin_unlock(&context->lock);
    return root;
}

struct dentry *fs_context_get_cwd_of(struct fs_context *context)
{
    spin_lock(&context->lock);
    struct dentry *cwd = context->cwd;
    dentry_get(cwd);
    spin_unlock(&context->lock);
    return cwd;
}

struct dentry *fs_context_get_root(void)
{
    return fs_context_get_root_of(current->fs);
}

struct dentry *fs_context_get_cwd(void)
{
    return fs_context_get_cwd_of(current->fs);
}

static void replace(struct dentry **place, struct dentry *directory)
{
    struct fs_context *context = current->fs;

    spin_lock(&context->lock);
    struct dentry *old = *place;
    *place = directory;
    spin_unlock(&context->lock);
    dentry_put(old);
}

void fs_context_replace_root(struct dentry *root)
{
    replace(&current->fs->root, root);
}

void fs_context_replace_cwd(struct dentry *cwd)
{
    replace(&current->fs->cwd, cwd);
}

int fs_context_set_cwd(const char *path)
{
    struct dentry *directory;
    int error = path_lookup(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &directory);
    if (error)
        return error;
    error = inode_permission(directory->inode, 1);
    if (error) {
        dentry_put(directory);
        return error;
    }
    fs_context_replace_cwd(directory);
    return 0;
}
