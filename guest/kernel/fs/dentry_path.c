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
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

uint32_t rename_count;

#define TRIES   8
#define DELETED " (deleted)"

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

/* One level: the name of `at` is put in front; *ret_up is where it hangs (itself at the end),
 * counted. */
static int prepend_name(struct text *text, struct dentry *at, struct dentry **ret_up)
{
    int error = 0;
    spin_lock(&at->lock);
    struct dentry *up = at->parent;
    if (up != at) {
        error = prepend(text, at->name, at->name_length);
        if (!error)
            error = prepend(text, "/", 1);
    } else if (READ_ONCE(at->mounted_on)) {
        up = at->mounted_on;
    }
    dentry_get(up);
    spin_unlock(&at->lock);
    *ret_up = up;
    return error;
}

static int walk_up(struct text *text, struct dentry *dentry, struct dentry *root,
                   bool *ret_unreachable)
{
    struct dentry *at = dentry, *up;
    char *end = text->start;
    dentry_get(at);
    *ret_unreachable = false;
    while (at != root) {
        int error = prepend_name(text, at, &up);
        if (error || up == at) {
            dentry_put(up);
            /* The top of something outside `root`, or a name that never was in a tree. */
            *ret_unreachable = true;
            if (!error && (at->name_length != 1 || at->name[0] != '/'))
                error = prepend(text, at->name, at->name_length);
            dentry_put(at);
            if (error)
                return error;
            return text->start == end ? prepend(text, "/", 1) : 0;
        }
        dentry_put(at);
        at = up;
    }
    dentry_put(at);
    return text->start == end ? prepend(text, "/", 1) : 0;
}

ssize_t dentry_path(struct dentry *dentry, struct dentry *root, char *buffer, size_t size,
                    char **ret, bool *ret_unreachable)
{
    struct text text = {.limit = buffer};
    int error = 0;
    *ret = buffer;
    for (int try = 0; try < TRIES; try++) {
        uint32_t renames = __atomic_load_n(&rename_count, __ATOMIC_ACQUIRE);
        text.start = buffer + size - 1;
        *text.start = 0;
        error = 0;
        if (dentry->deleted)
            error = prepend(&text, DELETED, sizeof(DELETED) - 1);
        if (!error)
            error = walk_up(&text, dentry, root, ret_unreachable);
        if (renames == __atomic_load_n(&rename_count, __ATOMIC_ACQUIRE))
            break;
    }
    *ret = text.start;
    return error ? error : buffer + size - 1 - text.start;
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
    struct dentry *root = tree_root;
    if (task && task->fs)
        root = fs_context_get_root_of(task->fs);
    else
        dentry_get(root);
    ssize_t length = dentry_path(file->dentry, root, buffer, size, &start, &unreachable);
    dentry_put(root);
    if (length >= 0)
        memmove(buffer, start, (size_t)length + 1);
    return length;
}
