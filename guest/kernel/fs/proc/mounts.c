/*
 * kernel/fs/proc/mounts.c - /proc/PID/mounts and mountinfo (proc(5)), and /proc/filesystems. Shown is
 * the tree of the process's namespace, as far as it lies below its root directory. The lists are
 * walked under mount_lock, whose rank is below a file position's: these files are therefore written
 * when they are opened.
 */
#include "kernel/fs/fs_context.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/mount/options.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"

#define ESCAPED       " \t\n\\"
#define ESCAPED_WORDS " \t\n\\#"

static const char *access_of(bool read_only)
{
    return read_only ? "ro" : "rw";
}

static bool is_read_only(const struct filesystem *filesystem)
{
    return READ_ONCE(filesystem->flags) & FILESYSTEM_READ_ONLY;
}

static void show_flags(struct proc_text *text, const struct mount *mount)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{MOUNT_NO_SET_ID, ",nosuid"},
                 {MOUNT_NO_DEVICES, ",nodev"},
                 {MOUNT_NO_EXECUTE, ",noexec"},
                 {MOUNT_NO_ACCESS_TIME, ",noatime"},
                 {MOUNT_NO_DIRECTORY_ACCESS_TIME, ",nodiratime"},
                 {MOUNT_RELATIVE_ACCESS_TIME, ",relatime"},
                 {MOUNT_NO_SYMLINKS, ",nosymfollow"}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (mount->flags & names[i].flag)
            text_print(text, "%s", names[i].name);
    }
}

/* `place` is where it hangs, seen from the root of the process. */
typedef void show_mount(struct proc_text *text, struct mount *mount, const char *place,
                        const struct path *root, char *buffer);

static void show_line(struct proc_text *text, struct mount *mount, const char *place,
                      const struct path *root, char *buffer)
{
    struct filesystem *filesystem = mount->filesystem;
    (void)root;
    (void)buffer;
    text_add_escaped(text, mount->source, ESCAPED_WORDS);
    text_print(text, " ");
    text_add_escaped(text, place, ESCAPED);
    text_print(text, " %s %s", filesystem->type,
               access_of(is_read_only(filesystem) || mount->flags & MOUNT_READ_ONLY));
    show_flags(text, mount);
    if (filesystem->show_options)
        filesystem->show_options(filesystem, text);
    text_print(text, " 0 0\n");
}

static void show_propagation(struct proc_text *text, const struct mount *mount,
                             const struct path *root)
{
    if (mount->group)
        text_print(text, " shared:%u", mount->group);
    if (mount->master) {
        uint32_t seen = mount_dominating_group(mount, root);
        text_print(text, " master:%u", mount->master->group);
        if (seen && seen != mount->master->group)
            text_print(text, " propagate_from:%u", seen);
    }
    if (mount->flags & MOUNT_UNBINDABLE)
        text_print(text, " unbindable");
}

static void show_information(struct proc_text *text, struct mount *mount, const char *place,
                             const struct path *root, char *buffer)
{
    struct filesystem *filesystem = mount->filesystem;
    char *start;
    ssize_t length = dentry_text_of(mount->root, buffer, PATH_MAX, &start);
    text_print(text, "%u %u %u:%u ", mount->id, mount->parent->id, filesystem->device >> 8,
               filesystem->device & 0xff);
    text_add_escaped(text, length < 0 ? "?" : start, ESCAPED);
    text_print(text, " ");
    text_add_escaped(text, place, ESCAPED);
    text_print(text, " %s", access_of(mount->flags & MOUNT_READ_ONLY));
    show_flags(text, mount);
    show_propagation(text, mount, root);
    text_print(text, " - %s ", filesystem->type);
    text_add_escaped(text, mount->source, ESCAPED_WORDS);
    text_print(text, " %s", access_of(is_read_only(filesystem)));
    if (filesystem->show_options)
        filesystem->show_options(filesystem, text);
    text_print(text, "\n");
}

static void show_all(struct proc_text *text, const struct mount_namespace *namespace,
                     const struct path *root, show_mount *show, char *place, char *buffer)
{
    struct mount *mount;
    mutex_lock(&mount_lock);
    list_for_each(mount, &namespace->mounts, namespace_link)
    {
        bool unreachable;
        char *start;
        if (!mount_reaches(mount, mount->root, root) ||
            mount_text_of(mount, root, place, PATH_MAX, &start, &unreachable) < 0 || unreachable)
            continue;
        show(text, mount, start, root, buffer);
    }
    mutex_unlock(&mount_lock);
}

static int show_tree(struct proc_text *text, const struct proc_target *target, show_mount *show)
{
    struct path root;
    struct fs_context *context = task_fs_get(target->task);
    if (!context)
        return -EINVAL;
    fs_context_get_root_of(context, &root);
    fs_context_put(context);
    struct mount_namespace *namespace = mount_namespace_of(target->task);
    char *place = kmalloc(PATH_MAX), *buffer = kmalloc(PATH_MAX);
    if (namespace && place && buffer)
        show_all(text, namespace, &root, show, place, buffer);
    int error = !namespace ? -EINVAL : place && buffer ? 0 : -ENOMEM;
    kfree(place);
    kfree(buffer);
    path_put(&root);
    mount_namespace_put(namespace);
    return error;
}

int proc_show_mounts(struct proc_text *text, const struct proc_target *target)
{
    return show_tree(text, target, show_line);
}

int proc_show_mountinfo(struct proc_text *text, const struct proc_target *target)
{
    return show_tree(text, target, show_information);
}

int proc_show_filesystems(struct proc_text *text, const struct proc_target *target)
{
    const struct filesystem_kind *kind;
    (void)target;
    for (unsigned i = 0; (kind = filesystem_kind_at(i)); i++)
        text_print(text, "nodev\t%s\n", kind->name);
    return 0;
}
