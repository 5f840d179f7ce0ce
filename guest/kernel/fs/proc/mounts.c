/*
 * kernel/fs/proc/mounts.c - /proc/mounts, mountinfo and filesystems. The lists are walked under
 * mount_lock, whose rank is below a file position's: these files are therefore written when they
 * are opened.
 */
#include "kernel/fs/proc/proc.h"

#define ESCAPED " \t\n\\#"

static const char *options_of(const struct filesystem *filesystem)
{
    return filesystem->flags & FILESYSTEM_READ_ONLY ? "ro,relatime" : "rw,relatime";
}

int proc_show_mounts(struct proc_text *text, const struct proc_target *target)
{
    struct filesystem *filesystem;

    (void)target;
    mutex_lock(&mount_lock);
    list_for_each(filesystem, &mount_list, mount_link)
    {
        text_print(text, "%s ", filesystem->type);
        text_add_escaped(text, filesystem->mount_path, ESCAPED);
        text_print(text, " %s %s 0 0\n", filesystem->type, options_of(filesystem));
    }
    mutex_unlock(&mount_lock);
    return 0;
}

int proc_show_mountinfo(struct proc_text *text, const struct proc_target *target)
{
    struct filesystem *filesystem;
    unsigned id = 1;

    (void)target;
    mutex_lock(&mount_lock);
    list_for_each(filesystem, &mount_list, mount_link)
    {
        text_print(text, "%u %u %u:%u / ", id, id == 1 ? 0u : 1u, filesystem->device >> 8,
                   filesystem->device & 0xff);
        text_add_escaped(text, filesystem->mount_path, ESCAPED);
        text_print(text, " %s - %s %s %s\n", options_of(filesystem), filesystem->type,
                   filesystem->type, filesystem->flags & FILESYSTEM_READ_ONLY ? "ro" : "rw");
        id++;
    }
    mutex_unlock(&mount_lock);
    return 0;
}

int proc_show_filesystems(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\n");
    return 0;
}
