/*
 * kernel/fs/init.c - the tree that the first program finds: the root file system, the host's files
 * in it, /proc, /dev and /tmp. Runs once, on the boot task, before any other task walks paths.
 */
#include "kernel/fs/fs_context.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/root/root.h"
#include "kernel/lib/panic.h"

static void mount_or_say(struct filesystem *filesystem, const char *source, const char *path)
{
    int error = root_make_directory(path, 0755);
    if (error || mount_filesystem(filesystem, source, path))
        log_line("%s cannot be mounted; programs will miss it", path);
}

void fs_init(const struct boot_info *boot)
{
    mutex_init(&rename_lock, RANK_RENAME);
    if (mount_initialise(root_filesystem_create(boot)))
        panic("the root file system cannot be mounted");
    root_add_boot_files(boot);
    int error = root_make_directory("/tmp", S_ISVTX | 0777);
    if (error)
        log_line("/tmp cannot be made (error %d)", -error);
    mount_or_say(device_filesystem_create(), "devtmpfs", "/dev");
    mount_or_say(devpts_create(), "devpts", "/dev/pts");
    mount_or_say(proc_filesystem_create(), "proc", "/proc");
}
