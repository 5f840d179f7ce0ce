/*
 * kernel/fs/rename_calls.c - rename, renameat, renameat2.
 *
 * Two directories are locked ancestor first, else by address. Renames between directories hold
 * rename_lock, so that "is one an ancestor of the other" stays answered while they act; renames
 * within one directory cannot change it and need only that directory.
 */
#include "kernel/fs/dentry_path.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE  2u
#define RENAME_WHITEOUT  4u /* leaves a device 0:0 behind (overlays) */

struct mutex rename_lock; /* initialised by fs_init() */

/* Does `below` lie in the tree under `above` (or is it the same place)? *ret_child: the child of
 * `above` on the way. */
static bool is_below(struct dentry *below, const struct dentry *above,
                     const struct dentry **ret_child)
{
    /* Stable under rename_lock: parents are only changed with it held, and each holds the next. */
    const struct dentry *at = below, *child = NULL;
    while (at != above) {
        if (at->parent == at)
            return false;
        child = at;
        at = at->parent;
    }
    *ret_child = child;
    return true;
}

/* Both mutexes; rename_lock is held. */
static void lock_directories(struct dentry *a, struct dentry *b)
{
    const struct dentry *child;
    struct inode *first = a->inode, *second = b->inode;
    if (first == second) {
        mutex_lock(&first->lock);
        return;
    }
    if (is_below(a, b, &child) || (!is_below(b, a, &child) && second < first)) {
        first = b->inode;
        second = a->inode;
    }
    mutex_lock(&first->lock);
    mutex_lock(&second->lock);
}

static void unlock_directories(struct dentry *a, struct dentry *b)
{
    mutex_unlock(&a->inode->lock);
    if (b->inode != a->inode)
        mutex_unlock(&b->inode->lock);
}

/* The two ends of a rename. */
struct end {
    const struct path *place; /* of the directory */
    struct dentry *parent;
    struct dentry *dentry;
    const char *name;
    size_t length;
    bool slash;
};

static int check_kinds(const struct end *from, const struct end *to, uint32_t flags)
{
    bool directory = inode_is(from->dentry->inode, S_IFDIR);
    bool other_directory = to->dentry->inode && inode_is(to->dentry->inode, S_IFDIR);
    if (!directory && (from->slash || (!(flags & RENAME_EXCHANGE) && to->slash)))
        return -ENOTDIR;
    if ((flags & RENAME_EXCHANGE) && to->slash && !other_directory)
        return -ENOTDIR;
    return 0;
}

/* Permissions of taking `victim` away and putting something else in its place. */
static int check_rights(const struct end *from, const struct end *to, uint32_t flags)
{
    struct inode *inode = from->dentry->inode, *replaced = to->dentry->inode;
    bool directory = inode_is(inode, S_IFDIR);
    int error = directory_may_delete(from->place, from->dentry, directory);
    if (error)
        return error;
    if (!replaced)
        error = directory_may_create(to->place->mount, to->parent->inode);
    else if (flags & RENAME_EXCHANGE)
        error = directory_may_delete(to->place, to->dentry, inode_is(replaced, S_IFDIR));
    else
        error = directory_may_delete(to->place, to->dentry, directory);
    /* A directory that changes its parent has its ".." changed. */
    if (!error && from->parent != to->parent && directory)
        error = inode_permission(inode, MAY_WRITE);
    if (!error && from->parent != to->parent && (flags & RENAME_EXCHANGE) &&
        inode_is(replaced, S_IFDIR))
        error = inode_permission(replaced, MAY_WRITE);
    return error;
}

/* Memory for a name that does not fit into a dentry; *ret NULL if it does. */
static int spare_name(size_t length, char **ret)
{
    *ret = length >= DENTRY_SHORT_NAME ? kmalloc(length + 1) : NULL;
    return length >= DENTRY_SHORT_NAME && !*ret ? -ENOMEM : 0;
}

/* replaced: what lost its name, or NULL. */
static void tell_moved(const struct end *from, const struct end *to, struct inode *inode,
                       struct inode *replaced)
{
    uint32_t cookie;
    if (!notify_wanted())
        return;
    cookie = notify_next_cookie();
    notify_entry(from->parent->inode, from->name, from->length, inode, NOTIFY_MOVED_FROM, cookie);
    notify_entry(to->parent->inode, to->name, to->length, inode, NOTIFY_MOVED_TO, cookie);
    if (replaced)
        notify_inode(replaced, NOTIFY_ATTRIBUTES);
    notify_inode(inode, NOTIFY_MOVE_SELF);
}

static int move(struct end *from, struct end *to)
{
    struct inode *old_directory = from->parent->inode, *new_directory = to->parent->inode;
    char *spare;
    if (!old_directory->operations->rename)
        return -EPERM;
    int error = spare_name(to->length, &spare);
    if (error)
        return error;
    error = old_directory->operations->rename(old_directory, from->name, from->length,
                                              new_directory, to->name, to->length,
                                              from->dentry->inode, to->dentry->inode);
    if (error) {
        kfree(spare);
        return error;
    }
    __atomic_fetch_add(&rename_count, 1, __ATOMIC_RELEASE);
    dentry_delete(to->dentry);
    dentry_move(from->dentry, to->parent, to->name, to->length, spare);
    __atomic_fetch_add(&rename_count, 1, __ATOMIC_RELEASE);
    tell_moved(from, to, from->dentry->inode, to->dentry->inode);
    return 0;
}

/* Where the name was: out of memory or of room, there is no name then. */
static int leave_whiteout(const struct end *from)
{
    struct inode *directory = from->parent->inode, *whiteout;
    if (!directory->operations->create)
        return -EINVAL;
    int error =
        directory->operations->create(directory, from->name, from->length, S_IFCHR, 0, &whiteout);
    if (error)
        return error;
    inode_set_owner(whiteout, directory);
    inode_put(whiteout);
    return 0;
}

static int exchange(struct end *from, struct end *to)
{
    struct inode *old_directory = from->parent->inode, *new_directory = to->parent->inode;
    char *spare_from, *spare_to;
    if (!old_directory->operations->exchange)
        return -EINVAL;
    int error = spare_name(from->length, &spare_from);
    if (error)
        return error;
    error = spare_name(to->length, &spare_to);
    if (!error)
        error = old_directory->operations->exchange(old_directory, from->name, from->length,
                                                    new_directory, to->name, to->length);
    if (error) {
        kfree(spare_from);
        kfree(spare_to);
        return error;
    }
    __atomic_fetch_add(&rename_count, 1, __ATOMIC_RELEASE);
    struct dentry *old_parent = from->parent;
    dentry_move(from->dentry, to->parent, to->name, to->length, spare_to);
    dentry_move(to->dentry, old_parent, from->name, from->length, spare_from);
    __atomic_fetch_add(&rename_count, 1, __ATOMIC_RELEASE);
    tell_moved(from, to, from->dentry->inode, NULL);
    tell_moved(to, from, to->dentry->inode, NULL);
    return 0;
}

/* Both directories are locked, both names looked up. */
static int rename_locked(struct end *from, struct end *to, uint32_t flags)
{
    const struct dentry *child;
    struct inode *inode = from->dentry->inode, *replaced = to->dentry->inode;
    if (!inode)
        return -ENOENT;
    if ((flags & RENAME_NOREPLACE) && replaced)
        return -EEXIST;
    if ((flags & RENAME_EXCHANGE) && !replaced)
        return -ENOENT;
    int error = check_kinds(from, to, flags);
    if (error)
        return error;
    if (from->parent != to->parent) {
        if (is_below(to->parent, from->dentry, &child))
            return -EINVAL;
        if (is_below(from->parent, to->dentry, &child))
            return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    }
    if (inode == replaced)
        return 0; /* two names of one file: nothing to do (rename(2)) */
    error = check_rights(from, to, flags);
    if (error)
        return error;
    if (flags & RENAME_EXCHANGE)
        return exchange(from, to);
    error = move(from, to);
    return error || !(flags & RENAME_WHITEOUT) ? error : leave_whiteout(from);
}

static int rename_between(struct path_walk *old_walk, struct path_walk *new_walk, uint32_t flags)
{
    struct end from = {.place = &old_walk->at,
                       .parent = old_walk->at.dentry,
                       .name = old_walk->last,
                       .length = old_walk->last_length,
                       .slash = old_walk->trailing_slash};
    struct end to = {.place = &new_walk->at,
                     .parent = new_walk->at.dentry,
                     .name = new_walk->last,
                     .length = new_walk->last_length,
                     .slash = new_walk->trailing_slash};
    if (from.place->mount != to.place->mount)
        return -EXDEV;
    if (old_walk->last_kind != PATH_LAST_NAME)
        return -EBUSY;
    if (new_walk->last_kind != PATH_LAST_NAME)
        return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    int error = mount_read_only(from.place->mount, from.parent->inode);
    if (error)
        return error;
    from.dentry = to.dentry = NULL;

    bool two = from.parent != to.parent;
    if (two)
        mutex_lock(&rename_lock);
    if (two)
        lock_directories(from.parent, to.parent);
    else
        mutex_lock(&from.parent->inode->lock);
    error = dentry_lookup_locked(from.parent, from.name, from.length, &from.dentry);
    if (error)
        from.dentry = NULL;
    if (!error) {
        error = dentry_lookup_locked(to.parent, to.name, to.length, &to.dentry);
        if (error)
            to.dentry = NULL;
        else
            error = rename_locked(&from, &to, flags);
    }
    unlock_directories(from.parent, to.parent);
    if (two)
        mutex_unlock(&rename_lock);
    if (!error && unlikely(READ_ONCE(to.dentry->mounts)) && to.dentry->deleted)
        mount_detach_from(to.dentry);
    if (from.dentry)
        dentry_put(from.dentry);
    if (to.dentry)
        dentry_put(to.dentry);
    return error;
}

static int64_t rename_at(int old_fd, uint64_t old_path, int new_fd, uint64_t new_path,
                         uint32_t flags)
{
    struct path_parent from, to;
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
        return -EINVAL;
    if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
        return -EINVAL;
    if ((flags & RENAME_WHITEOUT) && !fs_capable(CAP_MKNOD))
        return -EPERM;
    int error = path_parent_user(&from, old_fd, old_path);
    if (error)
        return error;
    error = path_parent_user(&to, new_fd, new_path);
    if (!error) {
        error = rename_between(&from.walk, &to.walk, flags);
        path_parent_end(&to);
    }
    path_parent_end(&from);
    return error;
}

SYSCALL2(rename, uint64_t, old_path, uint64_t, new_path)
{
    return rename_at(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

SYSCALL4(renameat, int, old_fd, uint64_t, old_path, int, new_fd, uint64_t, new_path)
{
    return rename_at(old_fd, old_path, new_fd, new_path, 0);
}

SYSCALL5(renameat2, int, old_fd, uint64_t, old_path, int, new_fd, uint64_t, new_path, uint32_t,
         flags)
{
    return rename_at(old_fd, old_path, new_fd, new_path, flags);
}
