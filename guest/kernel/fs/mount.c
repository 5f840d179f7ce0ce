/*
 * kernel/fs/mount.c - which tree hangs where: mount and umount2. A mount covers a directory: the
 * covered dentry points at the root of what is mounted, that root points back. Walks cross both
 * ways (path.c).
 *
 * A bind mount is a second root dentry for a directory's inode. Its file system is then marked as
 * having aliases, and cached names in it are checked against the directory before use (dentry.c).
 * There is one mount tree for all processes; propagation types are accepted because "private" is
 * what there is.
 *
 * Locks: mount_lock for the list, the back pointers and the whole of mount and umount; a covered
 * dentry's own lock for its `mounted`.
 */
#include "kernel/fs/inode.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

#define MS_RDONLY       0x1ul
#define MS_REMOUNT      0x20ul
#define MS_BIND         0x1000ul
#define MS_MOVE         0x2000ul
#define MS_REC          0x4000ul
#define MS_UNBINDABLE   (1ul << 17)
#define MS_PRIVATE      (1ul << 18)
#define MS_SLAVE        (1ul << 19)
#define MS_SHARED       (1ul << 20)
#define MS_MAGIC        0xc0ed0000ul
#define MS_MAGIC_MASK   0xffff0000ul
#define MNT_FORCE       0x1
#define MNT_DETACH      0x2
#define MNT_EXPIRE      0x4
#define UMOUNT_NOFOLLOW 0x8

struct dentry *tree_root;
struct mutex mount_lock; /* initialised by fs_init() */
struct list mount_list = LIST_INIT(mount_list);

struct dentry *dentry_cross_mounts(struct dentry *dentry)
{
    for (;;) {
        spin_lock(&dentry->lock);
        struct dentry *top = dentry->mounted;
        if (top)
            dentry_get(top);
        spin_unlock(&dentry->lock);
        if (!top)
            return dentry;
        dentry_put(dentry);
        dentry = top;
    }
}

struct dentry *dentry_mount_root(struct dentry *dentry)
{
    struct dentry *at = dentry;
    dentry_get(at);
    for (;;) {
        struct dentry *parent = dentry_parent(at);
        dentry_put(at);
        if (parent == at) {
            dentry_put(parent);
            return at;
        }
        at = parent;
    }
}

/* Hangs the root of `filesystem` over `target` (NULL: it becomes the tree's root); mount_lock held.
 */
static int attach(struct filesystem *filesystem, struct dentry *target, const char *path)
{
    struct dentry *root = filesystem->root;
    if (target) {
        spin_lock(&target->lock);
        bool busy = target->mounted || root->mounted_on || target->deleted;
        if (!busy) {
            dentry_get(root);
            target->mounted = root;
        }
        spin_unlock(&target->lock);
        if (busy)
            return -EBUSY;
        dentry_get(target);
        root->mounted_on = target;
    }
    string_copy(filesystem->mount_path, path, sizeof(filesystem->mount_path));
    list_push_back(&mount_list, &filesystem->mount_link);
    return 0;
}

struct filesystem *mount_filesystem(struct filesystem *filesystem, const char *path)
{
    struct dentry *target = NULL;
    if (!filesystem)
        return NULL;
    if (tree_root && path_lookup(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &target))
        return NULL;
    mutex_lock(&mount_lock);
    int error = attach(filesystem, target, path);
    if (!error && !tree_root)
        tree_root = filesystem->root;
    mutex_unlock(&mount_lock);
    if (target)
        dentry_put(target);
    return error ? NULL : filesystem;
}

/* ---- what can be mounted ---- */

static void alias_release(struct filesystem *filesystem)
{
    kfree(filesystem);
}

/* A further root for a directory that is in some tree already. */
static struct filesystem *alias_create(struct dentry *source)
{
    struct filesystem *original = source->inode->filesystem;
    struct filesystem *alias = kzalloc(sizeof(*alias));
    if (!alias)
        return NULL;
    alias->type = original->type;
    alias->device = original->device;
    alias->magic = original->magic;
    alias->usage = NULL;
    alias->holders = 1;
    alias->release = alias_release;
    alias->root = dentry_create(NULL, "/", 1, source->inode);
    if (!alias->root) {
        kfree(alias);
        return NULL;
    }
    __atomic_fetch_or(&original->flags, FILESYSTEM_ALIASED, __ATOMIC_RELAXED);
    return alias;
}

/* There is one /proc and one /dev: mounting it again shows the same one. */
static struct filesystem *mounted_type(const char *type)
{
    struct filesystem *filesystem, *alias = NULL;
    mutex_lock(&mount_lock);
    list_for_each(filesystem, &mount_list, mount_link)
    {
        if (!strcmp(filesystem->type, type)) {
            alias = alias_create(filesystem->root);
            break;
        }
    }
    mutex_unlock(&mount_lock);
    return alias;
}

static void filesystem_discard(struct filesystem *filesystem)
{
    dentry_put(filesystem->root);
    filesystem_drop(filesystem);
}

static int filesystem_by_type(const char *type, struct filesystem **ret)
{
    if (!strcmp(type, "tmpfs") || !strcmp(type, "ramfs"))
        *ret = tmpfs_create();
    else if (!strcmp(type, "proc"))
        *ret = mounted_type("proc");
    else if (!strcmp(type, "devtmpfs") || !strcmp(type, "devpts"))
        *ret = mounted_type(type);
    else
        return -ENODEV;
    return *ret ? 0 : -ENOMEM;
}

/* ---- the calls ---- */

static int path_of(struct dentry *dentry, char *text, size_t size)
{
    char *start;
    bool unreachable;
    char *buffer = kmalloc(PATH_MAX);
    if (!buffer)
        return -ENOMEM;
    ssize_t length = dentry_path(dentry, tree_root, buffer, PATH_MAX, &start, &unreachable);
    string_copy(text, length < 0 ? "?" : start, size);
    kfree(buffer);
    return 0;
}

static struct filesystem *mount_at(struct dentry *root)
{
    struct filesystem *filesystem;
    list_for_each(filesystem, &mount_list, mount_link)
    {
        if (filesystem->root == root)
            return filesystem;
    }
    return NULL;
}

static int remount(struct dentry *target, uint64_t flags)
{
    mutex_lock(&mount_lock);
    struct filesystem *filesystem = mount_at(target);
    int error = filesystem ? 0 : -EINVAL;
    if (!error && filesystem->root->inode->filesystem != filesystem)
        error = flags & MS_RDONLY ? -EINVAL : 0; /* a bind mount has no flags of its own */
    else if (!error && (flags & MS_RDONLY))
        __atomic_fetch_or(&filesystem->flags, FILESYSTEM_READ_ONLY, __ATOMIC_RELAXED);
    else if (!error)
        __atomic_fetch_and(&filesystem->flags, ~(uint32_t)FILESYSTEM_READ_ONLY, __ATOMIC_RELAXED);
    mutex_unlock(&mount_lock);
    return error;
}

static int mount_on(struct dentry *target, const char *source, const char *type, uint64_t flags)
{
    struct filesystem *filesystem = NULL;
    char path[sizeof(filesystem->mount_path)];
    int error;
    if (flags & MS_BIND) {
        struct dentry *from;
        error = path_lookup(AT_FDCWD, source, PATH_FOLLOW, &from);
        if (error)
            return error;
        if (!inode_is(from->inode, S_IFDIR))
            error = -ENOTDIR; /* binding single files is not offered */
        else if (!(filesystem = alias_create(from)))
            error = -ENOMEM;
        dentry_put(from);
    } else {
        error = filesystem_by_type(type, &filesystem);
        if (!error && (flags & MS_RDONLY))
            filesystem->flags |= FILESYSTEM_READ_ONLY;
    }
    if (!error)
        error = path_of(target, path, sizeof(path));
    if (!error) {
        mutex_lock(&mount_lock);
        error = attach(filesystem, target, path);
        mutex_unlock(&mount_lock);
    }
    if (error && filesystem)
        filesystem_discard(filesystem);
    return error;
}

SYSCALL5(mount, uint64_t, user_source, uint64_t, user_target, uint64_t, user_type, uint64_t, flags,
         uint64_t, user_data)
{
    struct path_text source;
    struct dentry *target;
    char type[32] = "";
    (void)user_data; /* options of tmpfs and proc: sizes and modes that have their defaults here */
    if ((flags & MS_MAGIC_MASK) == MS_MAGIC)
        flags &= ~MS_MAGIC_MASK;
    if (user_type) {
        ssize_t length = string_from_user(type, user_type, sizeof(type));
        if (length == -ENAMETOOLONG)
            return -ENODEV;
        if (length < 0)
            return length;
    }
    source.text = source.short_text;
    source.short_text[0] = 0;
    int error = user_source ? path_text_get(&source, user_source) : 0;
    if (error)
        return error;
    error = path_lookup_user(AT_FDCWD, user_target, PATH_FOLLOW, &target);
    if (error) {
        path_text_free(&source);
        return error;
    }
    if (!fs_capable(CAP_SYS_ADMIN))
        error = -EPERM;
    else if (flags & MS_REMOUNT)
        error = remount(target, flags);
    else if (flags & (MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
        error = dentry_mount_root(target) == target ? 0 : -EINVAL;
    else if (flags & (MS_SHARED | MS_MOVE))
        error = -EINVAL; /* no propagation, and a mount stays where it is */
    else if (!(flags & MS_BIND) && !user_type)
        error = -EINVAL;
    else if ((flags & MS_BIND) && !*source.text)
        error = -EINVAL;
    else if (!inode_is(target->inode, S_IFDIR))
        error = -ENOTDIR;
    else
        error = mount_on(target, source.text, type, flags);
    dentry_put(target);
    path_text_free(&source);
    return error;
}

/* Uncovers what `filesystem` covers and moves it from mount_list to `gone`; mount_lock held. */
static void detach(struct filesystem *filesystem, struct list *gone)
{
    struct dentry *covered = filesystem->root->mounted_on;
    spin_lock(&covered->lock);
    covered->mounted = NULL;
    spin_unlock(&covered->lock);
    list_remove(&filesystem->mount_link);
    list_push_back(gone, &filesystem->mount_link);
}

/* Also what is mounted inside it, and inside that; mount_lock held. */
static void detach_nested(struct filesystem *filesystem, struct list *gone)
{
    struct filesystem *outer, *inner, *following;
    detach(filesystem, gone);
    list_for_each(outer, gone, mount_link)
    { /* grows at its end meanwhile */
        list_for_each_safe(inner, following, &mount_list, mount_link)
        {
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a mounted one has a root */
            struct dentry *covered = inner->root->mounted_on;
            if (covered && dentry_mount_root(covered) == outer->root)
                detach(inner, gone);
        }
    }
}

/* The last mounted first, so that nothing pins the trees further out when they are pruned;
 * mount_lock held. */
static void end_detached(struct list *gone)
{
    while (!list_empty(gone)) {
        struct filesystem *filesystem = list_entry(gone->previous, struct filesystem, mount_link);
        struct dentry *root = filesystem->root, *covered = root->mounted_on;
        list_remove(&filesystem->mount_link);
        spin_lock(&root->lock);
        root->mounted_on = NULL;
        spin_unlock(&root->lock);
        dentry_put(covered); /* what the mounted root held */
        dentry_put(root);    /* what `mounted` held */
        dentry_prune_tree(root);
        filesystem_discard(filesystem);
    }
}

/*
 * MNT_DETACH of a mount in use: its tree lives on for those who hold something in it; names that
 * stay cached there when they let go are not given back.
 */
SYSCALL2(umount2, uint64_t, user_target, int, flags)
{
    struct list gone = LIST_INIT(gone);
    struct dentry *root;
    if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    if ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH)))
        return -EINVAL;
    int error =
        path_lookup_user(AT_FDCWD, user_target, flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW, &root);
    if (error)
        return error;
    if (!fs_capable(CAP_SYS_ADMIN)) {
        dentry_put(root);
        return -EPERM;
    }
    mutex_lock(&mount_lock);
    struct filesystem *filesystem = mount_at(root);
    if (!filesystem) {
        error = -EINVAL;
    } else if (!root->mounted_on) {
        error = -EBUSY; /* the tree's own root */
    } else if (flags & MNT_EXPIRE) {
        error = -EAGAIN; /* never marked before, as every mount that is in use */
    } else if (flags & MNT_DETACH) {
        detach_nested(filesystem, &gone);
    } else {
        dentry_prune_tree(root);
        /* Holders of an unused mount: the filesystem, the covered dentry, this call. */
        if ((READ_ONCE(root->references) & ~DENTRY_UNHASHED) > 3)
            error = -EBUSY;
        else
            detach(filesystem, &gone);
    }
    dentry_put(root); /* before the trees are pruned: this call is no holder */
    end_detached(&gone);
    mutex_unlock(&mount_lock);
    return error;
}
