/*
 * kernel/fs/name_calls.c - making and removing names: mkdir, mknod, symlink, link, unlink, rmdir.
 *
 * Each finds the directory, takes its mutex, looks the last name up under it and lets the file
 * system do the change; the cached dentry follows. Order of checks as Linux's: see the man pages.
 */
#include "kernel/fs/name_calls.h"

#include "kernel/fs/inode_flags.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/syscall/syscall.h"

#define AT_SYMLINK_FOLLOW 0x400u
#define AT_EMPTY_PATH     0x1000u
#define AT_REMOVEDIR      0x200u

/* ---- making ---- */

/* What a new name is to be. */
struct making {
    uint32_t mode; /* with type */
    uint32_t device;
    const char *target;        /* symlinks */
    const struct path *source; /* link(): the existing file */
};

static int make_in(const struct path *parent, struct dentry *dentry, const char *name,
                   size_t length, const struct making *making)
{
    struct inode *directory = parent->dentry->inode, *inode = NULL;
    const struct inode_operations *operations = directory->operations;
    int error = directory_may_create(parent->mount, directory);
    if (error)
        return error;
    if (making->source) {
        struct dentry *source = making->source->dentry;
        inode = source->inode;
        /* A file without names may get one, once, if it was made so (O_TMPFILE). */
        if (!inode->links && !READ_ONCE(inode->may_be_named))
            return -ENOENT;
        if (!operations->link)
            return -EPERM;
        inode_get(inode);
        error = operations->link(directory, name, length, inode);
        if (!error)
            WRITE_ONCE(inode->may_be_named, false);
    } else if (making->target) {
        error = operations->symlink
                    ? operations->symlink(directory, name, length, making->target, &inode)
                    : -EPERM;
    } else {
        error = operations->create ? operations->create(directory, name, length,
                                                        inode_new_mode(directory, making->mode),
                                                        making->device, &inode)
                                   : -EPERM;
    }
    if (!error) {
        if (!making->source)
            inode_set_owner(inode, directory);
        dentry_instantiate(dentry, inode);
        if (making->source)
            notify_inode(inode, NOTIFY_ATTRIBUTES); /* its link count */
        notify_entry(directory, name, length, inode, NOTIFY_CREATE, 0);
    }
    if (!error || making->source)
        inode_put(inode);
    return error;
}

/* EEXIST before everything else, as the calls promise. *ret_inode (may be NULL): what was made. */
static int make_last(struct path_walk *walk, const struct making *making, struct inode **ret_inode)
{
    struct dentry *dentry;

    if (walk->last_kind != PATH_LAST_NAME)
        return -EEXIST;
    struct inode *directory = walk->at.dentry->inode;
    mutex_lock(&directory->lock);
    int error = dentry_lookup_locked(walk->at.dentry, walk->last, walk->last_length, &dentry);
    if (!error) {
        if (dentry->inode)
            error = -EEXIST;
        else if (walk->trailing_slash && (making->mode & S_IFMT) != S_IFDIR)
            error = -ENOENT;
        else if (making->source &&
                 (making->source->mount != walk->at.mount ||
                  making->source->dentry->inode->filesystem != directory->filesystem))
            error = -EXDEV;
        else
            error = make_in(&walk->at, dentry, walk->last, walk->last_length, making);
        if (!error && ret_inode) {
            *ret_inode = dentry->inode;
            inode_get(*ret_inode);
        }
        dentry_put(dentry);
    }
    mutex_unlock(&directory->lock);
    return error;
}

static int64_t make_at(int directory_fd, uint64_t path, const struct making *making)
{
    struct path_parent parent;
    int error = path_parent_user(&parent, directory_fd, path);
    if (error)
        return error;
    error = make_last(&parent.walk, making, NULL);
    path_parent_end(&parent);
    return error;
}

int name_make_socket(const char *path, struct inode **ret)
{
    struct making making = {.mode = S_IFSOCK | 0777};
    struct path_walk walk;
    int error = path_walk_start(&walk, AT_FDCWD, path, 0);
    if (error)
        return error;
    error = path_walk_parent(&walk);
    if (!error)
        error = make_last(&walk, &making, ret);
    path_walk_end(&walk);
    return error;
}

static int64_t make_directory(int directory_fd, uint64_t path, uint32_t mode)
{
    struct making making = {.mode = S_IFDIR | (mode & (0777 | S_ISVTX))};
    return make_at(directory_fd, path, &making);
}

SYSCALL2(mkdir, uint64_t, path, uint32_t, mode)
{
    return make_directory(AT_FDCWD, path, mode);
}

SYSCALL3(mkdirat, int, directory_fd, uint64_t, path, uint32_t, mode)
{
    return make_directory(directory_fd, path, mode);
}

static int64_t make_node(int directory_fd, uint64_t path, uint32_t mode, uint32_t device)
{
    struct making making = {.mode = mode & (S_IFMT | 07777)};
    switch (mode & S_IFMT) {
    case 0:
        making.mode |= S_IFREG;
        break;
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK:
        break;
    case S_IFCHR:
    case S_IFBLK:
        if (!fs_capable(CAP_MKNOD))
            return -EPERM;
        making.device = device;
        break;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
    return make_at(directory_fd, path, &making);
}

SYSCALL3(mknod, uint64_t, path, uint32_t, mode, uint32_t, device)
{
    return make_node(AT_FDCWD, path, mode, device);
}

SYSCALL4(mknodat, int, directory_fd, uint64_t, path, uint32_t, mode, uint32_t, device)
{
    return make_node(directory_fd, path, mode, device);
}

static int64_t make_symlink(uint64_t user_target, int directory_fd, uint64_t path)
{
    struct path_text target;
    int64_t result = path_text_get(&target, user_target);
    if (result)
        return result;
    struct making making = {.mode = S_IFLNK | 0777, .target = target.text};
    result = *target.text ? make_at(directory_fd, path, &making) : -ENOENT;
    path_text_free(&target);
    return result;
}

SYSCALL2(symlink, uint64_t, target, uint64_t, path)
{
    return make_symlink(target, AT_FDCWD, path);
}

SYSCALL3(symlinkat, uint64_t, target, int, directory_fd, uint64_t, path)
{
    return make_symlink(target, directory_fd, path);
}

static int64_t make_link(int old_fd, uint64_t old_path, int new_fd, uint64_t new_path,
                         uint32_t flags)
{
    struct path source;
    struct inode *inode;
    uint32_t path_flags = flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0;
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH) {
        if (!fs_capable(CAP_DAC_READ_SEARCH))
            return -ENOENT;
        path_flags |= PATH_EMPTY;
    }
    int64_t result = path_inode_user(old_fd, old_path, path_flags, &inode, &source);
    if (result)
        return result;
    struct making making = {.mode = inode->mode, .source = &source};
    if (!source.dentry)
        result = -EXDEV; /* a pipe or the like: on no file system that has names */
    else if (inode_is_kept(inode))
        result = -EPERM;
    else if (inode_is(inode, S_IFDIR))
        result = -EPERM;
    else
        result = make_at(new_fd, new_path, &making);
    inode_put(inode);
    path_release(&source);
    return result;
}

SYSCALL2(link, uint64_t, old_path, uint64_t, new_path)
{
    return make_link(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

SYSCALL5(linkat, int, old_fd, uint64_t, old_path, int, new_fd, uint64_t, new_path, uint32_t, flags)
{
    return make_link(old_fd, old_path, new_fd, new_path, flags);
}

/* ---- removing ---- */

/* In Linux's order: that a file is gone is said first, if nobody else holds it. */
static void tell_removed(struct inode *directory, const struct dentry *dentry)
{
    if (!inode_is(dentry->inode, S_IFDIR))
        notify_inode(dentry->inode, NOTIFY_ATTRIBUTES);
    if ((READ_ONCE(dentry->references) & ~DENTRY_UNHASHED) == 1)
        notify_name_gone(dentry->inode);
    notify_entry(directory, dentry->name, dentry->name_length, dentry->inode, NOTIFY_DELETE, 0);
}

/* The directory's mutex is held. The inode that lost its name stays alive through the dentry. */
static int remove_in(const struct path *parent, struct dentry *dentry, bool directory_wanted)
{
    struct inode *directory = parent->dentry->inode;
    int error = directory_may_delete(parent, dentry, directory_wanted);
    if (error)
        return error;
    if (!directory->operations->unlink)
        return -EPERM;
    error =
        directory->operations->unlink(directory, dentry->name, dentry->name_length, dentry->inode);
    if (!error) {
        dentry_delete(dentry);
        if (notify_wanted())
            tell_removed(directory, dentry);
    }
    return error;
}

static int64_t remove_at(int directory_fd, uint64_t path, bool directory_wanted)
{
    struct path_parent parent;
    struct dentry *dentry;
    int error = path_parent_user(&parent, directory_fd, path);
    if (error)
        return error;
    struct path_walk *walk = &parent.walk;
    if (walk->last_kind != PATH_LAST_NAME) {
        if (!directory_wanted)
            error = -EISDIR;
        else if (walk->last_kind == PATH_LAST_DOT)
            error = -EINVAL;
        else
            error = walk->last_kind == PATH_LAST_DOT_DOT ? -ENOTEMPTY : -EBUSY;
        path_parent_end(&parent);
        return error;
    }
    struct inode *directory = walk->at.dentry->inode;
    error = mount_read_only(walk->at.mount, directory);
    if (error) {
        path_parent_end(&parent);
        return error;
    }
    mutex_lock(&directory->lock);
    error = dentry_lookup_locked(walk->at.dentry, walk->last, walk->last_length, &dentry);
    if (!error) {
        if (!dentry->inode)
            error = -ENOENT;
        else if (!directory_wanted && walk->trailing_slash)
            error = inode_is(dentry->inode, S_IFDIR) ? -EISDIR : -ENOTDIR;
        else
            error = remove_in(&walk->at, dentry, directory_wanted);
    } else {
        dentry = NULL;
    }
    mutex_unlock(&directory->lock);
    if (dentry && !error && unlikely(READ_ONCE(dentry->mounts)))
        mount_detach_from(dentry);
    if (dentry)
        dentry_put(dentry); /* may free a whole file: not under the directory's mutex */
    path_parent_end(&parent);
    return error;
}

SYSCALL1(unlink, uint64_t, path)
{
    return remove_at(AT_FDCWD, path, false);
}

SYSCALL1(rmdir, uint64_t, path)
{
    return remove_at(AT_FDCWD, path, true);
}

SYSCALL3(unlinkat, int, directory_fd, uint64_t, path, uint32_t, flags)
{
    if (flags & ~AT_REMOVEDIR)
        return -EINVAL;
    return remove_at(directory_fd, path, flags & AT_REMOVEDIR);
}
