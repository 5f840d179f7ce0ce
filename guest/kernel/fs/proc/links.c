/*
 * kernel/fs/proc/links.c - the links of /proc that lead straight to a place, whatever path it had
 * or has: exe, cwd, root, fd/N; and fdinfo/N.
 */
#include "kernel/fs/proc/links.h"
#include "arch/cpu.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"

/* ---- open files ---- */

/* The file behind the key's descriptor, counted, or NULL. */
static struct file *descriptor(const struct proc_target *target)
{
    struct file_table *table = task_files_get(target->task);
    if (!table)
        return NULL;
    struct file *file = file_table_find_in(table, target->key->fd);
    file_table_put(table);
    return file;
}

/* What a file without a path is called. */
static size_t nameless(const struct file *file, char *buffer, size_t size)
{
    const char *kind = file->operations->kind;
    int length;

    if (kind && strncmp(kind, "anon_inode:", 11) == 0)
        length = snprintf(buffer, size, "%s", kind);
    else
        length = snprintf(buffer, size, "%s:[%lu]", kind ? kind : "anon", file->inode->number);
    return min((size_t)length, size - 1);
}

/* Copies a path that needs a whole PATH_MAX to be made into a shorter buffer. */
static ssize_t path_text(struct file *file, const struct path *place, char *buffer, size_t size)
{
    char *path = kmalloc(PATH_MAX), *start = path;
    ssize_t length;

    if (!path)
        return -ENOMEM;
    if (file) {
        length = file_path(file, path, PATH_MAX);
    } else {
        struct path root;
        bool unreachable;
        fs_context_get_root(&root);
        length = path_text_of(place, &root, path, PATH_MAX, &start, &unreachable);
        path_put(&root);
    }
    if (length > 0) {
        length = (ssize_t)min((size_t)length, size);
        memcpy(buffer, start, (size_t)length);
    }
    kfree(path);
    return length;
}

static ssize_t file_text(struct file *file, char *buffer, size_t size)
{
    if (file->dentry)
        return path_text(file, NULL, buffer, size);
    char name[64];
    size_t length = min(nameless(file, name, sizeof(name)), size);
    memcpy(buffer, name, length);
    return (ssize_t)length;
}

static int file_place(struct file *file, struct path *ret)
{
    char name[64];

    if (file->dentry) {
        *ret = (struct path){file->mount, file->dentry};
        path_get(ret);
        return 0;
    }
    size_t length = nameless(file, name, sizeof(name));
    ret->mount = NULL;
    ret->dentry = dentry_create(NULL, name, length, file->inode);
    return ret->dentry ? 0 : -ENOMEM;
}

ssize_t proc_fd_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    struct file *file = descriptor(target);
    if (!file)
        return -ENOENT;
    ssize_t length = file_text(file, buffer, size);
    file_put(file);
    return length;
}

int proc_fd_follow(const struct proc_target *target, struct path *ret)
{
    struct file *file = descriptor(target);
    if (!file)
        return -ENOENT;
    int error = file_place(file, ret);
    file_put(file);
    return error;
}

int proc_show_fdinfo(struct proc_text *text, const struct proc_target *target)
{
    struct file *file = descriptor(target);
    if (!file)
        return -ENOENT;
    text_print(text, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n",
               file_is_stream(file) ? 0ul : file->position, file->flags,
               file->mount ? file->mount->id : 0, file->inode->number);
    if (file->operations->show_details)
        file->operations->show_details(file, text, target->key->namespace);
    file_put(file);
    return 0;
}

/* ---- exe ---- */

static struct file *executable(const struct proc_target *target)
{
    struct address_space *space = task_address_space_get(target->task);
    if (!space)
        return NULL;
    struct file *file = space->executable;
    if (file)
        file_get(file);
    address_space_put(space);
    return file;
}

ssize_t proc_exe_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    struct file *file = executable(target);
    if (!file)
        return -ENOENT;
    ssize_t length = file_text(file, buffer, size);
    file_put(file);
    return length;
}

int proc_exe_follow(const struct proc_target *target, struct path *ret)
{
    struct file *file = executable(target);
    if (!file)
        return -ENOENT;
    int error = file_place(file, ret);
    file_put(file);
    return error;
}

/* ---- cwd and root ---- */

static int directory_of(const struct proc_target *target,
                        void (*get)(struct fs_context *, struct path *), struct path *ret)
{
    struct fs_context *context = task_fs_get(target->task);
    if (!context)
        return -ENOENT;
    get(context, ret);
    fs_context_put(context);
    return 0;
}

static ssize_t directory_text(const struct proc_target *target,
                              void (*get)(struct fs_context *, struct path *), char *buffer,
                              size_t size)
{
    struct path place;
    int error = directory_of(target, get, &place);
    if (error)
        return error;
    ssize_t length = path_text(NULL, &place, buffer, size);
    path_put(&place);
    return length;
}

ssize_t proc_cwd_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    return directory_text(target, fs_context_get_cwd_of, buffer, size);
}

ssize_t proc_root_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    return directory_text(target, fs_context_get_root_of, buffer, size);
}

int proc_cwd_follow(const struct proc_target *target, struct path *ret)
{
    return directory_of(target, fs_context_get_cwd_of, ret);
}

int proc_root_follow(const struct proc_target *target, struct path *ret)
{
    return directory_of(target, fs_context_get_root_of, ret);
}

/* ---- links by text ---- */

ssize_t proc_self_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    char text[32];
    int32_t pid = pid_seen_in(target->key->namespace, current->tgid);

    if (!pid)
        return -ENOENT; /* this /proc is of a PID namespace below */
    size_t length = min((size_t)snprintf(text, sizeof(text), "%d", pid), size);
    memcpy(buffer, text, length);
    return (ssize_t)length;
}

ssize_t proc_thread_self_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    char text[48];
    int32_t pid = pid_seen_in(target->key->namespace, current->tgid);
    int32_t tid = pid_seen_in(target->key->namespace, current->tid);

    if (!pid)
        return -ENOENT;
    size_t length = min((size_t)snprintf(text, sizeof(text), "%d/task/%d", pid, tid), size);
    memcpy(buffer, text, length);
    return (ssize_t)length;
}

ssize_t proc_mounts_read_link(const struct proc_target *target, char *buffer, size_t size)
{
    static const char text[] = "self/mounts";

    (void)target;
    size_t length = min(sizeof(text) - 1, size);
    memcpy(buffer, text, length);
    return (ssize_t)length;
}
