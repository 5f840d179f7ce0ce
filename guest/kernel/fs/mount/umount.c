/*
 * kernel/fs/mount/umount.c - umount2(2), and who keeps a mount busy.
 */
#include "kernel/fs/mount/calls.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/panic.h"
#include "kernel/syscall/syscall.h"

#define MNT_FORCE       0x1
#define MNT_DETACH      0x2
#define MNT_EXPIRE      0x4
#define UMOUNT_NOFOLLOW 0x8

/* Somebody stands in it (the caller's reference and the tree's do not count), or in what would go
 * with it elsewhere. */
static bool is_busy(struct mount *mount)
{
    struct list places = LIST_INIT(places);
    bool busy = !list_empty(&mount->children) || READ_ONCE(mount->references) > 2;
    mount_propagation_collect(mount->parent, &places);
    while (!list_empty(&places)) {
        struct mount *place = list_first(&places, struct mount, work_link);
        list_remove(&place->work_link);
        const struct mount *other = mount_find(place, mount->mountpoint);
        if (!other || other == mount)
            continue;
        const struct mount *above = mount_find(other, other->root);
        if (!above && !list_empty(&other->children))
            continue;
        busy |= READ_ONCE(other->references) > (above ? 2u : 1u);
    }
    return busy;
}

static int expire(struct mount *mount, int flags, const struct mount *root)
{
    if (mount == root || flags & (MNT_FORCE | MNT_DETACH))
        return -EINVAL;
    if (!list_empty(&mount->children) || READ_ONCE(mount->references) > 2)
        return -EBUSY;
    if (!mount->expiring) {
        mount->expiring = true;
        return -EAGAIN;
    }
    return 0;
}

static int unmount_locked(const struct path *place, int flags, const struct mount *root,
                          struct mount_graveyard *graveyard)
{
    struct mount *mount = place->mount;
    int error = 0;
    kernel_assert(mount); /* its root was found there (mount_check_root) */
    if (flags & MNT_EXPIRE)
        error = expire(mount, flags, root);
    if (error)
        return error;
    if (mount == root && !(flags & MNT_DETACH))
        return filesystem_set_read_only(mount->filesystem, true);
    if (mount->parent == mount)
        return -EINVAL;
    if (!(flags & MNT_DETACH) && is_busy(mount))
        return -EBUSY;
    mount_remove_tree(mount, true, graveyard);
    return 0;
}

SYSCALL2(umount2, uint64_t, user_target, int, flags)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    struct path place, root;
    if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    uint32_t how =
        (flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW) | (flags & MNT_EXPIRE ? PATH_EXPIRY : 0);
    int error = path_lookup_user(AT_FDCWD, user_target, how, &place);
    if (error)
        return error;
    if (!fs_capable(CAP_SYS_ADMIN)) {
        path_put(&place);
        return -EPERM;
    }
    fs_context_get_root(&root);
    mount_put(root.mount); /* for comparison only, and so that this call is no holder */
    dentry_put(root.dentry);
    mutex_lock(&mount_lock);
    error = mount_check_root(&place);
    if (!error)
        error = unmount_locked(&place, flags, root.mount, &graveyard);
    mutex_unlock(&mount_lock);
    path_put(&place);
    mount_graveyard_bury(&graveyard);
    return error;
}
