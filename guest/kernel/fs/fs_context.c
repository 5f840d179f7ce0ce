/*
 * kernel/fs/fs_context.c - root, working directory and umask of a process. See fs_context.h.
 */
#include "kernel/fs/fs_context.h"

#include "arch/cpu.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"
#include "kernel/sync/refcount.h"

#define INITIAL_UMASK 022u

static struct object_cache context_cache = OBJECT_CACHE_INIT("fs_context", struct fs_context);
/* Takes over the references to root and cwd, on failure too. */
static struct fs_context *context_make(const struct path *root, const struct path *cwd,
                                       uint32_t umask)
{
    struct fs_context *context = object_cache_allocate(&context_cache);
    if (!context) {
        path_put(root);
        path_put(cwd);
        return NULL;
    }
    context->references = 1;
    context->umask = umask;
    spin_init(&context->lock, RANK_FS_CONTEXT);
    context->root = *root;
    context->cwd = *cwd;
    return context;
}

struct fs_context *fs_context_create(void)
{
    kernel_assert(initial_root.dentry);
    path_get(&initial_root);
    path_get(&initial_root);
    return context_make(&initial_root, &initial_root, INITIAL_UMASK);
}

struct fs_context *fs_context_duplicate(struct fs_context *source)
{
    spin_lock(&source->lock);
    struct path root = source->root, cwd = source->cwd;
    path_get(&root);
    path_get(&cwd);
    spin_unlock(&source->lock);
    return context_make(&root, &cwd, READ_ONCE(source->umask));
}

void fs_context_get(struct fs_context *context)
{
    reference_get(&context->references);
}

void fs_context_put(struct fs_context *context)
{
    if (!reference_put(&context->references))
        return;
    path_put(&context->root);
    path_put(&context->cwd);
    object_cache_free(&context_cache, context);
}

void fs_context_get_root_of(struct fs_context *context, struct path *ret)
{
    spin_lock(&context->lock);
    *ret = context->root;
    path_get(ret);
    spin_unlock(&context->lock);
}

void fs_context_get_cwd_of(struct fs_context *context, struct path *ret)
{
    spin_lock(&context->lock);
    *ret = context->cwd;
    path_get(ret);
    spin_unlock(&context->lock);
}

void fs_context_get_root(struct path *ret)
{
    fs_context_get_root_of(current->fs, ret);
}

void fs_context_get_cwd(struct path *ret)
{
    fs_context_get_cwd_of(current->fs, ret);
}

static void replace(struct fs_context *context, struct path *place, const struct path *directory)
{
    spin_lock(&context->lock);
    struct path old = *place;
    *place = *directory;
    spin_unlock(&context->lock);
    path_put(&old);
}

void fs_context_replace_root(const struct path *root)
{
    replace(current->fs, &current->fs->root, root);
}

void fs_context_replace_cwd(const struct path *cwd)
{
    fs_context_replace_cwd_of(current->fs, cwd);
}

void fs_context_replace_cwd_of(struct fs_context *context, const struct path *cwd)
{
    replace(context, &context->cwd, cwd);
}

void fs_context_shift(struct fs_context *context, const struct path *from, const struct path *to)
{
    unsigned shifted = 0;
    spin_lock(&context->lock);
    if (path_same(&context->root, from)) {
        path_get(to);
        context->root = *to;
        shifted++;
    }
    if (path_same(&context->cwd, from)) {
        path_get(to);
        context->cwd = *to;
        shifted++;
    }
    spin_unlock(&context->lock);
    while (shifted--)
        path_put(from);
}

int fs_context_set_cwd(const char *path)
{
    struct path directory;
    int error = path_lookup(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &directory);
    if (error)
        return error;
    error = inode_permission(directory.dentry->inode, 1);
    if (error) {
        path_put(&directory);
        return error;
    }
    fs_context_replace_cwd(&directory);
    return 0;
}
