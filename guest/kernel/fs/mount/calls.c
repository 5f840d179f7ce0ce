/*
 * kernel/fs/mount/calls.c - mount(2): new mounts, binding, moving, remounting, propagation types. The
 * order of the checks is Linux's, as far as programs can see it.
 */
#include "kernel/fs/mount/calls.h"
#include "kernel/fs/mount/options.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/proc/namespace.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

#define MS_RDONLY      0x1ul
#define MS_NOSUID      0x2ul
#define MS_NODEV       0x4ul
#define MS_NOEXEC      0x8ul
#define MS_REMOUNT     0x20ul
#define MS_NOSYMFOLLOW 0x100ul
#define MS_NOATIME     0x400ul
#define MS_NODIRATIME  0x800ul
#define MS_BIND        0x1000ul
#define MS_MOVE        0x2000ul
#define MS_REC         0x4000ul
#define MS_SILENT      0x8000ul
#define MS_UNBINDABLE  (1ul << 17)
#define MS_PRIVATE     (1ul << 18)
#define MS_SLAVE       (1ul << 19)
#define MS_SHARED      (1ul << 20)
#define MS_RELATIME    (1ul << 21)
#define MS_STRICTATIME (1ul << 24)
#define MS_PROPAGATION (MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED)
#define MS_ACCESS_TIME (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)
#define MS_MAGIC       0xc0ed0000ul
#define MS_MAGIC_MASK  0xffff0000ul

/* ---- places ---- */

int mount_place_lock(struct path *place)
{
    path_cross(place); /* something may have been mounted there since the walk */
    mutex_lock(&mount_lock);
    while (READ_ONCE(place->dentry->mounts) && mount_find(place->mount, place->dentry)) {
        mutex_unlock(&mount_lock);
        path_cross(place);
        mutex_lock(&mount_lock);
    }
    if (place->dentry->deleted || (place->mount && !place->mount->namespace)) {
        mutex_unlock(&mount_lock);
        return -ENOENT;
    }
    return 0;
}

int mount_attach_at(struct mount *top, const struct path *place, struct mount_graveyard *graveyard)
{
    if (!mount_in_my_tree(place->mount))
        return -EINVAL;
    if (inode_is(place->dentry->inode, S_IFDIR) != inode_is(top->root->inode, S_IFDIR))
        return -ENOTDIR;
    return mount_attach_tree(top, place, graveyard);
}

/* ---- attributes ---- */

static uint32_t mount_flags_of(uint64_t flags)
{
    static const struct {
        uint64_t linux_flag;
        uint32_t flag;
    } names[] = {{MS_NOSUID, MOUNT_NO_SET_ID},
                 {MS_NODEV, MOUNT_NO_DEVICES},
                 {MS_NOEXEC, MOUNT_NO_EXECUTE},
                 {MS_NOATIME, MOUNT_NO_ACCESS_TIME},
                 {MS_NODIRATIME, MOUNT_NO_DIRECTORY_ACCESS_TIME},
                 {MS_RDONLY, MOUNT_READ_ONLY},
                 {MS_NOSYMFOLLOW, MOUNT_NO_SYMLINKS}};
    uint32_t result = flags & MS_NOATIME ? 0 : MOUNT_RELATIVE_ACCESS_TIME;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        result |= flags & names[i].linux_flag ? names[i].flag : 0;
    if (flags & MS_STRICTATIME)
        result &= ~(uint32_t)(MOUNT_RELATIVE_ACCESS_TIME | MOUNT_NO_ACCESS_TIME);
    return result;
}

int mount_set_flags(struct mount *mount, uint32_t flags)
{
    uint32_t before = mount->flags;
    uint32_t after = (before & ~MOUNT_USER_FLAGS) | (flags & MOUNT_USER_FLAGS);
    __atomic_store_n(&mount->flags, after, __ATOMIC_SEQ_CST);
    if (after & ~before & MOUNT_READ_ONLY &&
        __atomic_load_n(&mount->writers, __ATOMIC_SEQ_CST) > 0) {
        WRITE_ONCE(mount->flags, before);
        return -EBUSY;
    }
    return 0;
}

int filesystem_set_read_only(struct filesystem *filesystem, bool read_only)
{
    struct mount *mount;
    int error = 0;
    if (!read_only) {
        __atomic_fetch_and(&filesystem->flags, ~(uint32_t)FILESYSTEM_READ_ONLY, __ATOMIC_RELAXED);
        return 0;
    }
    uint32_t before = __atomic_fetch_or(&filesystem->flags, FILESYSTEM_READ_ONLY, __ATOMIC_SEQ_CST);
    spin_lock(&mount_table_lock);
    list_for_each(mount, &filesystem->mounts, filesystem_link)
    {
        if (__atomic_load_n(&mount->writers, __ATOMIC_SEQ_CST) > 0)
            error = -EBUSY;
    }
    spin_unlock(&mount_table_lock);
    if (error && !(before & FILESYSTEM_READ_ONLY))
        __atomic_fetch_and(&filesystem->flags, ~(uint32_t)FILESYSTEM_READ_ONLY, __ATOMIC_RELAXED);
    return error;
}

int mount_check_root(const struct path *place)
{
    return mount_in_my_tree(place->mount) && path_is_mounted(place) ? 0 : -EINVAL;
}

int filesystem_reconfigure(struct filesystem *filesystem, const struct mount_options *options,
                           bool read_only)
{
    int error = filesystem->reconfigure ? filesystem->reconfigure(filesystem, options) : 0;
    return error ? error : filesystem_set_read_only(filesystem, read_only);
}

static int remount_filesystem(struct filesystem *filesystem, uint64_t flags, char *data)
{
    const struct filesystem_kind *kind = filesystem_kind_find(filesystem->type);
    struct mount_options options = {0};
    int error = kind ? mount_options_parse(kind, data, &options) : 0;
    bool read_only = flags & MS_RDONLY || options.given & OPTION_READ_ONLY;
    return error ? error : filesystem_reconfigure(filesystem, &options, read_only);
}

static int remount(struct path *place, uint64_t flags, char *data)
{
    mutex_lock(&mount_lock);
    int error = mount_check_root(place);
    if (!error && !(flags & MS_BIND))
        error = remount_filesystem(place->mount->filesystem, flags, data);
    if (!error) {
        uint32_t wanted = mount_flags_of(flags);
        if (!(flags & MS_ACCESS_TIME))
            wanted = (wanted & ~MOUNT_ACCESS_TIME_FLAGS) |
                     (place->mount->flags & MOUNT_ACCESS_TIME_FLAGS);
        error = mount_set_flags(place->mount, wanted);
        place->mount->namespace->event++;
    }
    mutex_unlock(&mount_lock);
    return error;
}

/* ---- propagation ---- */

static int change_propagation(struct path *place, uint64_t flags)
{
    enum mount_propagation type;
    switch (flags & ~(MS_REC | MS_SILENT)) {
    case MS_SHARED:
        type = MOUNT_SHARED;
        break;
    case MS_PRIVATE:
        type = MOUNT_PRIVATE;
        break;
    case MS_SLAVE:
        type = MOUNT_SLAVE;
        break;
    case MS_UNBINDABLE:
        type = MOUNT_UNBOUND;
        break;
    default:
        return -EINVAL;
    }
    mutex_lock(&mount_lock);
    int error = mount_check_root(place);
    struct mount *mount = error ? NULL : place->mount;
    while (mount) {
        mount_set_propagation(mount, type);
        mount = flags & MS_REC ? mount_next(mount, place->mount) : NULL;
    }
    mutex_unlock(&mount_lock);
    return error;
}

/* ---- binding and moving ---- */

/* A mount namespace that was not made after the one it is to be mounted in would hold itself. */
static bool would_loop(const struct inode *inode)
{
    struct namespace *namespace;
    if (!proc_namespace_get(inode, &namespace))
        return false;
    bool loop = namespace->type == &mount_namespace_type &&
                namespace->number <= mount_namespace_current()->head.number;
    namespace_put(namespace);
    return loop;
}

int mount_bind_copy(const struct path *from, bool recursive, struct mount **ret)
{
    struct filesystem *filesystem = from->dentry->inode->filesystem;
    if (!from->mount) { /* a namespace's file, which bind mounts keep; nothing else without a place */
        if (strcmp(filesystem->type, "nsfs") != 0 || would_loop(from->dentry->inode))
            return -EINVAL;
        filesystem_mounts_get(filesystem);
        *ret = mount_create(filesystem, from->dentry, "nsfs");
        if (!*ret)
            filesystem_mounts_put(filesystem);
        return *ret ? 0 : -ENOMEM;
    }
    if (from->mount->flags & MOUNT_UNBINDABLE ||
        (!mount_in_my_tree(from->mount) && !mount_is_detached(from->mount)))
        return -EINVAL;
    return mount_copy_tree(from->mount, from->dentry, MOUNT_COPY_PLAIN, recursive, false, ret);
}

static int bind(struct path *place, const char *source, bool recursive)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    struct mount *copied = NULL;
    struct path from;
    if (!*source)
        return -EINVAL;
    int error = path_lookup(AT_FDCWD, source, PATH_FOLLOW, &from);
    if (error)
        return error;
    error = mount_place_lock(place);
    if (!error) {
        error = mount_bind_copy(&from, recursive, &copied);
        if (!error)
            error = mount_attach_at(copied, place, &graveyard);
        if (error && copied)
            mount_remove_tree(copied, false, &graveyard);
        mutex_unlock(&mount_lock);
    }
    mount_graveyard_bury(&graveyard);
    path_put(&from);
    return error;
}

static bool holds_unbindable(struct mount *top)
{
    for (struct mount *mount = top; mount; mount = mount_next(mount, top)) {
        if (mount->flags & MOUNT_UNBINDABLE)
            return true;
    }
    return false;
}

static int check_move(const struct path *from, const struct path *to)
{
    struct mount *mount = from->mount;
    if (!mount_in_my_tree(to->mount) || !path_is_mounted(from))
        return -EINVAL;
    if (!mount->detached && (!mount_in_my_tree(mount) || mount->parent == mount))
        return -EINVAL;
    if (inode_is(from->dentry->inode, S_IFDIR) != inode_is(to->dentry->inode, S_IFDIR))
        return -EINVAL;
    if ((!mount->detached && mount->parent->group) || (to->mount->group && holds_unbindable(mount)))
        return -EINVAL;
    for (const struct mount *at = to->mount;; at = at->parent) {
        if (at == mount)
            return -ELOOP;
        if (at->parent == at)
            return 0;
    }
}

int mount_move(const struct path *from, struct path *to)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    struct path held = {NULL, NULL};
    int error = mount_place_lock(to);
    if (error)
        return error;
    error = check_move(from, to);
    if (!error) {
        bool detached = from->mount->detached;
        if (!detached)
            mount_disconnect(from->mount, &held);
        error = mount_attach_tree(from->mount, to, &graveyard);
        if (!error)
            from->mount->detached = false;
        else if (!detached)
            mount_connect(from->mount, held.mount, held.dentry);
    }
    mutex_unlock(&mount_lock);
    if (held.dentry)
        path_put(&held);
    mount_graveyard_bury(&graveyard);
    return error;
}

static int move(struct path *place, const char *source)
{
    struct path from;
    if (!*source)
        return -EINVAL;
    int error = path_lookup(AT_FDCWD, source, PATH_FOLLOW, &from);
    if (error)
        return error;
    error = mount_move(&from, place);
    path_put(&from);
    return error;
}

/* ---- a new one ---- */

int mount_attach_new(struct filesystem *filesystem, struct path *place, const char *source,
                     uint32_t flags)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    int error = mount_place_lock(place);
    if (error) {
        filesystem_mounts_put(filesystem);
        return error;
    }
    struct mount *mount = mount_create(filesystem, filesystem->root, source);
    if (mount) {
        mount->flags = flags;
        if (path_is_mounted(place) && place->mount->filesystem == filesystem)
            error = mount_in_my_tree(place->mount) ? -EBUSY : -EINVAL;
        else
            error = mount_attach_at(mount, place, &graveyard);
        if (error)
            mount_remove_tree(mount, false, &graveyard);
    }
    mutex_unlock(&mount_lock);
    mount_graveyard_bury(&graveyard);
    if (!mount) {
        filesystem_mounts_put(filesystem);
        return -ENOMEM;
    }
    return error;
}

static int mount_new(struct path *place, const char *source, const char *type, uint64_t flags,
                     char *data)
{
    const struct filesystem_kind *kind = filesystem_kind_find(type);
    struct mount_options options;
    struct filesystem *filesystem;
    if (!kind)
        return -ENODEV;
    int error = mount_options_parse(kind, data, &options);
    if (!error && flags & MS_RDONLY)
        options.given |= OPTION_READ_ONLY;
    if (!error)
        error = filesystem_make(kind, &options, &filesystem);
    return error ? error : mount_attach_new(filesystem, place, source, mount_flags_of(flags));
}

/* ---- the calls ---- */

/* What mount(2) is told, copied. */
struct request {
    char *type; /* NULL: none */
    struct path_text source;
    char *data; /* a page, NUL-terminated */
};

/* A string of at most PATH_MAX bytes; too long is -EINVAL here. */
static int copy_string(uint64_t address, struct path_text *ret)
{
    int error = path_text_get(ret, address);
    return error == -ENAMETOOLONG ? -EINVAL : error;
}

/* As much of a page as there is. */
static int copy_data(uint64_t address, char **ret)
{
    char *data = kzalloc(PAGE_SIZE);
    if (!data)
        return -ENOMEM;
    *ret = data;
    if (!address)
        return 0;
    size_t here = PAGE_SIZE - (address & (PAGE_SIZE - 1));
    bool failed = copy_from_user(data, address, here);
    if (!failed && here < PAGE_SIZE &&
        copy_from_user(data + here, address + here, PAGE_SIZE - here))
        memset(data + here, 0, PAGE_SIZE - here);
    data[PAGE_SIZE - 1] = 0;
    if (failed) {
        kfree(data);
        return -EFAULT;
    }
    return 0;
}

static int mount_at(struct path *place, const char *source, const char *type, uint64_t flags,
                    char *data)
{
    if (!fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & MS_REMOUNT)
        return remount(place, flags, data);
    if (flags & MS_BIND)
        return bind(place, source ? source : "", flags & MS_REC);
    if (flags & MS_PROPAGATION)
        return change_propagation(place, flags);
    if (flags & MS_MOVE)
        return move(place, source ? source : "");
    return type ? mount_new(place, source ? source : "none", type, flags, data) : -EINVAL;
}

SYSCALL5(mount, uint64_t, user_source, uint64_t, user_target, uint64_t, user_type, uint64_t, flags,
         uint64_t, user_data)
{
    struct path_text type, source;
    struct path place;
    char *data;
    if ((flags & MS_MAGIC_MASK) == MS_MAGIC)
        flags &= ~MS_MAGIC_MASK;
    int error = user_type ? copy_string(user_type, &type) : 0;
    if (error)
        return error;
    error = user_source ? copy_string(user_source, &source) : 0;
    if (error)
        goto free_type;
    error = copy_data(user_data, &data);
    if (error)
        goto free_source;
    error = path_lookup_user(AT_FDCWD, user_target, PATH_FOLLOW, &place);
    if (!error) {
        error = mount_at(&place, user_source ? source.text : NULL, user_type ? type.text : NULL,
                         flags, data);
        path_put(&place);
    }
    kfree(data);
free_source:
    if (user_source)
        path_text_free(&source);
free_type:
    if (user_type)
        path_text_free(&type);
    return error;
}
