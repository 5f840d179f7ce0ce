/*
 * kernel/fs/dentry_path.c - from a dentry back to text: getcwd, /proc/PID/cwd and maps,
 * file_path().
 *
 * The walk goes up one dentry at a time, each locked only while its name is copied, so a rename in
 * between could mix two moments; the count of renames is compared and the walk repeated.
 */
#include "kernel/fs/dentry_path.h"

#include "arch/cpu.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

uint32_t rename_count;

#define TRIES 8

struct text {
    char *start, *limit;
};

static int prepend(struct text *text, const char *bytes, size_t length)
{
    if ((size_t)(text->start - text->limit) < length)
        return -ENAMETOOLONG;
    text->start -= length;
    memcpy(text->start, bytes, length);
    return 0;
}

/* One level: the name of `at` is put in front; *ret_up is where it hangs, counted. False at the top
 * of its file system. */
static bool prepend_name(struct text *text, struct dentry *at, struct dentry **ret_up,
                         int *ret_error)
{
    spin_lock(&at->lock);
    struct dentry *up = at->parent;
    if (up != at) {
        *ret_error = prepend(text, at->name, at->name_length);
        if (!*ret_error)
            *ret_error = prepend(text, "/", 1);
        dentry_get(up);
    }
    spin_unlock(&at->lock);
    *ret_up = up;
    return up != at;
}

/* The name of something that never was in a tree. */
static int prepend_top(struct text *text, const struct dentry *top)
{
    bool named = top->name_length != 1 || top->name[0] != '/';
    return named ? prepend(text, top->name, top->name_length) : 0;
}

static int walk_up(struct text *text, const struct path *path, const struct path *root,
                   bool *ret_unreachable)
{
    struct path at = *path;
    char *end = text->start;
    int error = 0;
    path_get(&at);
    *ret_unreachable = false;
    while (!error && !path_same(&at, root)) {
        struct dentry *up;
        struct path covered;
        if (path_is_mounted(&at)) {
            if (!mount_covered_get(at.mount, &covered)) { /* the lowest, or no longer in a tree */
                *ret_unreachable = true;
                break;
            }
            path_put(&at);
            at = covered;
        } else if (prepend_name(text, at.dentry, &up, &error)) {
            dentry_put(at.dentry);
            at.dentry = up;
        } else {
            *ret_unreachable = true;
            error = prepend_top(text, at.dentry);
            break;
        }
    }
    path_put(&at);
    if (error)
        return error;
    return text->start == end ? prepend(text, "/", 1) : 0;
}

/* `suffix` follows the name of what was deleted. */
static ssize_t text_of(const struct path *path, const struct path *root, const char *suffix,
                       char *buffer, size_t size, char **ret, bool *ret_unreachable)
{
    struct text text = {.limit = buffer};
    int error = 0;
    *ret = buffer;
    for (int try = 0; try < TRIES; try++) {
        uint32_t renames = __atomic_load_n(&rename_count, __ATOMIC_ACQUIRE);
        text.start = buffer + size - 1;
        *text.start = 0;
        error = 0;
        if (path->dentry->deleted)
            error = prepend(&text, suffix, strlen(suffix));
        if (!error)
            error = walk_up(&text, path, root, ret_unreachable);
        if (renames == __atomic_load_n(&rename_count, __ATOMIC_ACQUIRE))
            break;
    }
    *ret = text.start;
    return error ? error : buffer + size - 1 - text.start;
}

ssize_t path_text_of(const struct path *path, const struct path *root, char *buffer, size_t size,
                     char **ret, bool *ret_unreachable)
{
    return text_of(path, root, " (deleted)", buffer, size, ret, ret_unreachable);
}

ssize_t mount_text_of(struct mount *mount, const struct path *root, char *buffer, size_t size,
                      char **ret, bool *ret_unreachable)
{
    const struct path path = {mount, mount->root};
    return text_of(&path, root, "", buffer, size, ret, ret_unreachable);
}

ssize_t dentry_text_of(struct dentry *dentry, char *buffer, size_t size, char **ret)
{
    struct path path = {NULL, dentry}, top = {NULL, dentry->inode->filesystem->root};
    bool unreachable;
    return text_of(&path, &top, "//deleted", buffer, size, ret, &unreachable);
}

ssize_t file_path(struct file *file, char *buffer, size_t size)
{
    char *start;
    bool unreachable;
    if (!size)
        return -ENAMETOOLONG;
    if (!file->dentry)
        return -ENOENT;
    struct task *task = current;
    struct path root = initial_root, path = {file->mount, file->dentry};
    if (task && task->fs)
        fs_context_get_root_of(task->fs, &root);
    else
        path_get(&root);
    ssize_t length = path_text_of(&path, &root, buffer, size, &start, &unreachable);
    path_put(&root);
    if (length >= 0)
        memmove(buffer, start, (size_t)length + 1);
    return length;
}
