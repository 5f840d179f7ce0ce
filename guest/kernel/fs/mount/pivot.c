/*
 * kernel/fs/mount/pivot.c - pivot_root(2): the mount that is the caller's root and another one below
 * it change places, and everybody who stood at the old root stands at the new one.
 */
#include "kernel/fs/mount/calls.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

/* mount_lock held. */
static int check(const struct path *fresh, const struct path *old, const struct path *root)
{
    const struct mount *fresh_mount = fresh->mount, *root_mount = root->mount;
    if (!mount_in_my_tree(root_mount) || !mount_in_my_tree(fresh_mount) ||
        !mount_in_my_tree(old->mount))
        return -EINVAL;
    if (old->mount->group || fresh_mount->parent->group || root_mount->parent->group)
        return -EINVAL;
    if (fresh->dentry->deleted)
        return -ENOENT;
    if (fresh_mount == root_mount || old->mount == root_mount)
        return -EBUSY;
    if (!path_is_mounted(root) || root_mount->parent == root_mount)
        return -EINVAL;
    if (!path_is_mounted(fresh) || fresh_mount->parent == fresh_mount)
        return -EINVAL;
    if (!mount_reaches(old->mount, old->dentry, fresh) ||
        !mount_reaches(fresh_mount, fresh->dentry, root))
        return -EINVAL;
    return 0;
}

static void shift_everybody(const struct path *from, const struct path *to)
{
    struct process *process;
    struct task *task;
    for (int32_t pid = 1; (process = process_next_get(pid)); pid = process->pid + 1) {
        for (int32_t tid = 1; (task = process_thread_next_get(process, tid)); tid = task->tid + 1) {
            struct fs_context *context = task_fs_get(task);
            if (context) {
                fs_context_shift(context, from, to);
                fs_context_put(context);
            }
            task_put(task);
        }
        process_put(process);
    }
}

/* mount_lock is taken, and let go again. */
static int pivot(const struct path *fresh, struct path *old, const struct path *root)
{
    struct path held[2];
    int error = mount_place_lock(old);
    if (error)
        return error;
    error = check(fresh, old, root);
    if (!error) {
        mount_disconnect(fresh->mount, &held[0]);
        mount_disconnect(root->mount, &held[1]);
        mount_connect(root->mount, old->mount, old->dentry);
        mount_connect(fresh->mount, held[1].mount, held[1].dentry);
        fresh->mount->namespace->event++;
    }
    mutex_unlock(&mount_lock);
    if (error)
        return error;
    path_put(&held[0]);
    path_put(&held[1]);
    shift_everybody(root, fresh);
    return 0;
}

SYSCALL2(pivot_root, uint64_t, user_new, uint64_t, user_old)
{
    struct path fresh, old, root;
    if (!fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    int error = path_lookup_user(AT_FDCWD, user_new, PATH_FOLLOW | PATH_DIRECTORY, &fresh);
    if (error)
        return error;
    error = path_lookup_user(AT_FDCWD, user_old, PATH_FOLLOW | PATH_DIRECTORY, &old);
    if (!error) {
        fs_context_get_root(&root);
        error = pivot(&fresh, &old, &root);
        path_put(&root);
        path_put(&old);
    }
    path_put(&fresh);
    return error;
}
