/*
 * kernel/fs/attribute_names.c - setxattr(2), getxattr(2), listxattr(2) and removexattr(2) in their
 * three forms, by the rules of xattr(7).
 *
 * Kept are the classes user., trusted. and security.; file capabilities (security.capability) and
 * system. (ACLs) are -EOPNOTSUPP, because nothing here would honour them. Locks: the inode's mutex; values pass
 * through a buffer, so that no user memory is touched under it.
 */
#include "kernel/fs/extended_attribute.h"
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

#define XATTR_FLAGS 3 /* XATTR_CREATE, XATTR_REPLACE */

/* ---- what a call is about ---- */

struct attribute_name {
    char text[XATTR_NAME_MAX + 2]; /* one more than allowed, and the end */
    size_t length;
    enum attribute_class { CLASS_USER, CLASS_TRUSTED, CLASS_SECURITY } class;
    bool empty; /* there is nothing behind the class */
};

static int name_from_user(struct attribute_name *name, uint64_t address)
{
    /* trusted.: the superuser's own, others do not see it. security.: only it changes them. */
    static const char *const classes[] = {
        [CLASS_USER] = "user.", [CLASS_TRUSTED] = "trusted.", [CLASS_SECURITY] = "security."};
    ssize_t length = string_from_user(name->text, address, sizeof(name->text));
    if (length == -EFAULT)
        return -EFAULT;
    if (length <= 0 || (size_t)length > XATTR_NAME_MAX)
        return -ERANGE;
    name->length = (size_t)length;
    if (!strcmp(name->text, "security.capability"))
        return -EOPNOTSUPP;
    for (unsigned i = 0; i < ARRAY_COUNT(classes); i++) {
        size_t prefix = strlen(classes[i]);
        if (strncmp(name->text, classes[i], prefix) != 0)
            continue;
        name->class = (enum attribute_class)i;
        name->empty = !name->text[prefix];
        return 0;
    }
    return -EOPNOTSUPP;
}

/* The file by path (with or without its last link) or descriptor: counted. */
struct attribute_place {
    bool by_descriptor;
    int fd;
    uint64_t path;
    uint32_t flags; /* enum path_flags */
};

#define BY_PATH(address) ((struct attribute_place){.path = (address), .flags = PATH_FOLLOW})
#define BY_LINK(address) ((struct attribute_place){.path = (address)})
#define BY_FD(number)    ((struct attribute_place){.by_descriptor = true, .fd = (number)})

/* *ret_path: path_release(). */
static int place_inode(const struct attribute_place *place, struct inode **ret,
                       struct path *ret_path)
{
    if (!place->by_descriptor)
        return path_inode_user(AT_FDCWD, place->path, place->flags, ret, ret_path);
    bool counted;
    struct file *file = file_borrow(place->fd, &counted);
    if (!file)
        return -EBADF;
    int error = file->flags & O_PATH ? -EBADF : 0;
    if (!error) {
        *ret = file->inode;
        inode_get(*ret);
        *ret_path = (struct path){file->mount, file->dentry};
        if (file->dentry)
            path_get(ret_path);
    }
    file_return(file, counted);
    return error;
}

static struct extended_attribute **list_of(struct inode *inode)
{
    const struct inode_operations *operations = inode->operations;
    return operations && operations->attributes ? operations->attributes(inode) : NULL;
}

static bool has_user_attributes(const struct inode *inode)
{
    return inode_is(inode, S_IFREG) || inode_is(inode, S_IFDIR);
}

static int may_change(const struct mount *mount, const struct inode *inode,
                      const struct attribute_name *name)
{
    int error = mount_read_only(mount, inode);
    if (error)
        return error;
    if (inode_is_kept(inode))
        return -EPERM;
    if (name->class != CLASS_USER)
        return !fs_capable(CAP_SYS_ADMIN) ? -EPERM : name->empty ? -EINVAL : 0;
    if (!has_user_attributes(inode) ||
        (inode_is(inode, S_IFDIR) && inode->mode & S_ISVTX && !inode_owner_or_privileged(inode)))
        return -EPERM;
    error = inode_permission(inode, MAY_WRITE);
    return error || !name->empty ? error : -EINVAL;
}

static int may_look(const struct inode *inode, const struct attribute_name *name)
{
    int error = 0;
    if (name->class == CLASS_TRUSTED && !fs_capable(CAP_SYS_ADMIN))
        error = -ENODATA;
    else if (name->class == CLASS_USER)
        error = has_user_attributes(inode) ? inode_permission(inode, MAY_READ) : -ENODATA;
    return error || !name->empty ? error : -EINVAL;
}

/* ---- setting ---- */

static int64_t change(const struct mount *mount, struct inode *inode,
                      const struct attribute_name *name, struct extended_attribute *fresh,
                      int flags)
{
    struct extended_attribute **list = list_of(inode);
    if (!list)
        return -EOPNOTSUPP;
    mutex_lock(&inode->lock);
    int error = may_change(mount, inode, name);
    if (!error)
        error = fresh ? extended_attribute_set(list, fresh, flags)
                      : extended_attribute_remove(list, name->text, name->length);
    if (!error)
        inode->change_ns = clock_realtime_ns();
    mutex_unlock(&inode->lock);
    return error;
}

static int64_t set_attribute(struct attribute_place place, uint64_t name_address,
                             uint64_t value_address, size_t bytes, int flags)
{
    struct attribute_name name;
    struct inode *inode;
    struct path path;
    if (flags & ~XATTR_FLAGS)
        return -EINVAL;
    int64_t error = name_from_user(&name, name_address);
    if (error)
        return error;
    if (bytes > XATTR_SIZE_MAX)
        return -E2BIG;
    if (bytes + name.length + sizeof(struct extended_attribute) > XATTR_SIZE_MAX)
        return -ENOSPC;
    struct extended_attribute *fresh = extended_attribute_create(name.text, name.length, bytes);
    if (!fresh)
        return -ENOMEM;
    error = copy_from_user(extended_attribute_value(fresh), value_address, bytes) ? -EFAULT : 0;
    if (!error)
        error = place_inode(&place, &inode, &path);
    if (!error) {
        error = change(path.mount, inode, &name, fresh, flags);
        if (!error)
            notify_dentry(path.dentry, NOTIFY_ATTRIBUTES);
        inode_put(inode);
        path_release(&path);
    }
    if (error)
        kfree(fresh);
    return error;
}

static int64_t remove_attribute(struct attribute_place place, uint64_t name_address)
{
    struct attribute_name name;
    struct inode *inode;
    struct path path;
    int64_t error = name_from_user(&name, name_address);
    if (!error)
        error = place_inode(&place, &inode, &path);
    if (error)
        return error;
    error = change(path.mount, inode, &name, NULL, 0);
    if (!error)
        notify_dentry(path.dentry, NOTIFY_ATTRIBUTES);
    inode_put(inode);
    path_release(&path);
    return error;
}

/* ---- getting ---- */

/* A copy of the value in *ret (NULL if only its size is wanted): bytes, or a negative error. */
static int64_t copy_value(struct inode *inode, const struct attribute_name *name, size_t room,
                          char **ret)
{
    struct extended_attribute **list = list_of(inode), *found = NULL;
    if (!list)
        return -EOPNOTSUPP;
    mutex_lock(&inode->lock);
    int64_t result = may_look(inode, name);
    if (!result)
        found = extended_attribute_find(*list, name->text, name->length);
    if (!result && !found)
        result = -ENODATA;
    if (found) {
        result = found->value_bytes;
        if (room && found->value_bytes > room)
            result = -ERANGE;
        else if (room && !(*ret = kmalloc(max(found->value_bytes, 1u))))
            result = -ENOMEM;
        else if (room)
            memcpy(*ret, extended_attribute_value(found), found->value_bytes);
    }
    mutex_unlock(&inode->lock);
    return result;
}

static int64_t get_attribute(struct attribute_place place, uint64_t name_address, uint64_t address,
                             size_t room)
{
    struct attribute_name name;
    struct inode *inode;
    struct path path;
    char *value = NULL;
    int64_t result = name_from_user(&name, name_address);
    if (!result)
        result = place_inode(&place, &inode, &path);
    if (result)
        return result;
    result = copy_value(inode, &name, room, &value);
    inode_put(inode);
    path_release(&path);
    if (value && result > 0 && copy_to_user(address, value, (size_t)result))
        result = -EFAULT;
    kfree(value);
    return result;
}

/* ---- listing ---- */

static bool is_shown(const struct extended_attribute *attribute, bool privileged)
{
    return privileged || attribute->text[0] != 't'; /* trusted. */
}

/* The names, each with its end, in *ret: bytes, or a negative error. */
static int64_t copy_names(struct inode *inode, size_t room, char **ret)
{
    struct extended_attribute **list = list_of(inode);
    bool privileged = fs_capable(CAP_SYS_ADMIN);
    int64_t bytes = 0;
    if (!list)
        return 0; /* as for file systems without any: listxattr(2) */
    mutex_lock(&inode->lock);
    for (const struct extended_attribute *each = *list; each; each = each->next)
        bytes += is_shown(each, privileged) ? each->name_length + 1 : 0;
    if (room && (size_t)bytes > room)
        bytes = -ERANGE;
    if (room && bytes > 0) {
        char *at = *ret = kmalloc((size_t)bytes);
        if (!at)
            bytes = -ENOMEM;
        for (const struct extended_attribute *each = *list; at && each; each = each->next) {
            if (!is_shown(each, privileged))
                continue;
            memcpy(at, each->text, each->name_length);
            at += each->name_length;
            *at++ = '\0';
        }
    }
    mutex_unlock(&inode->lock);
    return bytes;
}

static int64_t list_attributes(struct attribute_place place, uint64_t address, size_t room)
{
    struct inode *inode;
    struct path path;
    char *names = NULL;
    int64_t result = place_inode(&place, &inode, &path);
    if (result)
        return result;
    result = copy_names(inode, room, &names);
    inode_put(inode);
    path_release(&path);
    if (names && result > 0 && copy_to_user(address, names, (size_t)result))
        result = -EFAULT;
    kfree(names);
    return result;
}

/* ---- calls ---- */

SYSCALL5(setxattr, uint64_t, path, uint64_t, name, uint64_t, value, size_t, bytes, int, flags)
{
    return set_attribute(BY_PATH(path), name, value, bytes, flags);
}

SYSCALL5(lsetxattr, uint64_t, path, uint64_t, name, uint64_t, value, size_t, bytes, int, flags)
{
    return set_attribute(BY_LINK(path), name, value, bytes, flags);
}

SYSCALL5(fsetxattr, int, fd, uint64_t, name, uint64_t, value, size_t, bytes, int, flags)
{
    return set_attribute(BY_FD(fd), name, value, bytes, flags);
}

SYSCALL4(getxattr, uint64_t, path, uint64_t, name, uint64_t, value, size_t, bytes)
{
    return get_attribute(BY_PATH(path), name, value, bytes);
}

SYSCALL4(lgetxattr, uint64_t, path, uint64_t, name, uint64_t, value, size_t, bytes)
{
    return get_attribute(BY_LINK(path), name, value, bytes);
}

SYSCALL4(fgetxattr, int, fd, uint64_t, name, uint64_t, value, size_t, bytes)
{
    return get_attribute(BY_FD(fd), name, value, bytes);
}

SYSCALL3(listxattr, uint64_t, path, uint64_t, names, size_t, bytes)
{
    return list_attributes(BY_PATH(path), names, bytes);
}

SYSCALL3(llistxattr, uint64_t, path, uint64_t, names, size_t, bytes)
{
    return list_attributes(BY_LINK(path), names, bytes);
}

SYSCALL3(flistxattr, int, fd, uint64_t, names, size_t, bytes)
{
    return list_attributes(BY_FD(fd), names, bytes);
}

SYSCALL2(removexattr, uint64_t, path, uint64_t, name)
{
    return remove_attribute(BY_PATH(path), name);
}

SYSCALL2(lremovexattr, uint64_t, path, uint64_t, name)
{
    return remove_attribute(BY_LINK(path), name);
}

SYSCALL2(fremovexattr, int, fd, uint64_t, name)
{
    return remove_attribute(BY_FD(fd), name);
}
