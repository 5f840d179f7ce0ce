/*
 * kernel/fs/mount/handles.c - trees of mounts that an open file holds before they hang anywhere:
 * open_tree(2) makes one or opens a place, move_mount(2) hangs it in.
 *
 * A detached tree is on nothing and in no namespace. The file that was opened on its top ends it
 * when it is closed, unless it was hung into a tree meanwhile.
 */
#include "kernel/fs/mount/handles.h"

#include "kernel/fs/file_table.h"
#include "kernel/fs/mount/calls.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/syscall/syscall.h"

#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_RECURSIVE        0x8000u
#define OPEN_TREE_CLONE     1u

#define MOVE_MOUNT_F_SYMLINKS   0x1u
#define MOVE_MOUNT_F_EMPTY_PATH 0x4u
#define MOVE_MOUNT_T_SYMLINKS   0x10u
#define MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define MOVE_MOUNT_SET_GROUP    0x100u
#define MOVE_MOUNT_KNOWN        0x177u /* with the bits about automounts, of which there are none */

/* ---- detached trees ---- */

void mount_tree_dissolve(struct mount *top)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    mutex_lock(&mount_lock);
    if (top->detached) {
        top->detached = false;
        mount_remove_tree(top, false, &graveyard);
    }
    mutex_unlock(&mount_lock);
    mount_graveyard_bury(&graveyard);
}

int mount_handle_create(struct mount *top, bool close_on_exec)
{
    const struct path place = {top, top->root};
    struct file *file = file_create(&place, top->root->inode, O_PATH, &empty_file_operations, NULL);
    if (!file) {
        mount_tree_dissolve(top);
        return -ENOMEM;
    }
    file->held = FILE_HOLDS_TREE;
    int fd = file_table_install(file, 0, close_on_exec);
    if (fd < 0)
        file_put(file);
    return fd;
}

int mount_place_user(int directory_fd, uint64_t user_path, uint32_t path_flags, struct path *ret)
{
    bool counted;
    if (user_path || !(path_flags & PATH_EMPTY))
        return path_lookup_user(directory_fd, user_path, path_flags, ret);
    if (directory_fd == AT_FDCWD)
        return path_lookup(AT_FDCWD, "", path_flags, ret);
    struct file *file = file_borrow(directory_fd, &counted);
    if (!file)
        return -EBADF;
    *ret = (struct path){file->mount, file->dentry};
    if (file->dentry)
        path_get(ret);
    file_return(file, counted);
    return ret->dentry ? 0 : -EINVAL;
}

/* ---- open_tree ---- */

static int64_t open_copy(const struct path *place, bool recursive, bool close_on_exec)
{
    struct mount *copied;
    mutex_lock(&mount_lock);
    int error = mount_bind_copy(place, recursive, &copied);
    if (!error)
        copied->detached = true;
    mutex_unlock(&mount_lock);
    return error ? error : mount_handle_create(copied, close_on_exec);
}

static int64_t open_place(const struct path *place, bool close_on_exec)
{
    struct file *file =
        file_create(place, place->dentry->inode, O_PATH, &empty_file_operations, NULL);
    if (!file)
        return -ENOMEM;
    int fd = file_table_install(file, 0, close_on_exec);
    if (fd < 0)
        file_put(file);
    return fd;
}

SYSCALL3(open_tree, int, directory_fd, uint64_t, path, uint32_t, flags)
{
    struct path place;
    bool clone = flags & OPEN_TREE_CLONE;
    uint32_t how = flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_RECURSIVE |
                  OPEN_TREE_CLONE | O_CLOEXEC))
        return -EINVAL;
    if (flags & AT_RECURSIVE && !clone)
        return -EINVAL;
    if (clone && !fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & AT_EMPTY_PATH)
        how |= PATH_EMPTY;
    int64_t result = path_lookup_user(directory_fd, path, how, &place);
    if (result)
        return result;
    result = clone ? open_copy(&place, flags & AT_RECURSIVE, flags & O_CLOEXEC)
                   : open_place(&place, flags & O_CLOEXEC);
    path_put(&place);
    return result;
}

/* ---- move_mount ---- */

/* `to` becomes a peer of `from`, and follows its master; mount_lock held. */
static int set_group(const struct path *from, const struct path *to)
{
    struct mount *mount = from->mount, *joining = to->mount;
    if (mount_check_root(from) || mount_check_root(to))
        return -EINVAL;
    if (mount->filesystem != joining->filesystem || !dentry_is_below(joining->root, mount->root))
        return -EINVAL;
    if (!mount->group && !mount->master)
        return -EINVAL;
    if (joining->group || joining->master)
        return -EINVAL;
    if (mount->master)
        mount_follow_master(joining, mount->master);
    if (mount->group)
        /* NOLINTNEXTLINE(readability-suspicious-call-argument): the other is the peer */
        mount_join_peers(joining, mount);
    return 0;
}

static int move_or_join(const struct path *from, struct path *to, bool join)
{
    if (!join)
        return mount_move(from, to);
    mutex_lock(&mount_lock);
    int error = set_group(from, to);
    mutex_unlock(&mount_lock);
    return error;
}

SYSCALL5(move_mount, int, from_fd, uint64_t, from_path, int, to_fd, uint64_t, to_path, uint32_t,
         flags)
{
    struct path from, to;
    uint32_t from_how = flags & MOVE_MOUNT_F_SYMLINKS ? PATH_FOLLOW : 0;
    uint32_t to_how = flags & MOVE_MOUNT_T_SYMLINKS ? PATH_FOLLOW : 0;
    if (!fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~MOVE_MOUNT_KNOWN)
        return -EINVAL;
    if (flags & MOVE_MOUNT_F_EMPTY_PATH)
        from_how |= PATH_EMPTY;
    if (flags & MOVE_MOUNT_T_EMPTY_PATH)
        to_how |= PATH_EMPTY;
    int error = mount_place_user(to_fd, to_path, to_how, &to);
    if (error)
        return error;
    error = mount_place_user(from_fd, from_path, from_how, &from);
    if (!error) {
        error = move_or_join(&from, &to, flags & MOVE_MOUNT_SET_GROUP);
        path_put(&from);
    }
    path_put(&to);
    return error;
}
