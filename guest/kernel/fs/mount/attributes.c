/*
 * kernel/fs/mount/attributes.c - mount_setattr(2): flags and propagation of one mount, or of all in
 * its tree, changed all or none.
 */
#include "kernel/fs/mount/calls.h"
#include "kernel/fs/mount/handles.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/syscall/syscall.h"

#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_RECURSIVE        0x8000u

#define MOUNT_ATTR_ACCESS_TIME 0x70u /* a field: */
#define MOUNT_ATTR_RELATIME    0x00u
#define MOUNT_ATTR_NOATIME     0x10u
#define MOUNT_ATTR_STRICTATIME 0x20u
#define MOUNT_ATTR_IDMAP       0x100000u

#define MS_UNBINDABLE  (1ul << 17)
#define MS_PRIVATE     (1ul << 18)
#define MS_SLAVE       (1ul << 19)
#define MS_SHARED      (1ul << 20)
#define MS_PROPAGATION (MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED)

struct linux_attributes {
    uint64_t set, clear, propagation, user_namespace;
};

static uint32_t plain_flags(uint64_t attributes)
{
    static const struct {
        uint32_t attribute, flag;
    } names[] = {{0x1, MOUNT_READ_ONLY},        {0x2, MOUNT_NO_SET_ID},
                 {0x4, MOUNT_NO_DEVICES},       {0x8, MOUNT_NO_EXECUTE},
                 {0x200000, MOUNT_NO_SYMLINKS}, {0x80, MOUNT_NO_DIRECTORY_ACCESS_TIME}};
    uint32_t flags = 0;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        flags |= attributes & names[i].attribute ? names[i].flag : 0;
    return flags;
}

int mount_attributes_flags(uint64_t attributes, uint32_t *ret)
{
    *ret = plain_flags(attributes);
    switch (attributes & MOUNT_ATTR_ACCESS_TIME) {
    case MOUNT_ATTR_RELATIME:
        *ret |= MOUNT_RELATIVE_ACCESS_TIME;
        return 0;
    case MOUNT_ATTR_NOATIME:
        *ret |= MOUNT_NO_ACCESS_TIME;
        return 0;
    case MOUNT_ATTR_STRICTATIME:
        return 0;
    default:
        return -EINVAL;
    }
}

/* What a later version of the structure has more must be zero. */
static int copy_attributes(struct linux_attributes *ret, uint64_t address, uint64_t bytes)
{
    uint64_t rest;
    if (copy_from_user(ret, address, sizeof(*ret)))
        return -EFAULT;
    for (uint64_t at = sizeof(*ret); at < bytes; at += sizeof(rest)) {
        rest = 0;
        if (copy_from_user(&rest, address + at, min(bytes - at, sizeof(rest))))
            return -EFAULT;
        if (rest)
            return -E2BIG;
    }
    return 0;
}

/* What is to become of each mount. */
struct change {
    uint32_t set, clear; /* enum mount_flags */
    bool propagate;
    enum mount_propagation propagation;
};

static int change_from(const struct linux_attributes *from, struct change *ret)
{
    uint64_t times = from->clear & MOUNT_ATTR_ACCESS_TIME;
    if ((from->set | from->clear) & ~(uint64_t)(MOUNT_ATTR_KNOWN | MOUNT_ATTR_IDMAP))
        return -EINVAL;
    if (from->propagation & ~MS_PROPAGATION || from->propagation & (from->propagation - 1))
        return -EINVAL;
    ret->set = plain_flags(from->set);
    ret->clear = plain_flags(from->clear);
    /* The kinds of access times exclude each other: one is set when all are cleared. */
    if (times && (times != MOUNT_ATTR_ACCESS_TIME || mount_attributes_flags(from->set, &ret->set)))
        return -EINVAL;
    if (times)
        ret->clear |= MOUNT_NO_ACCESS_TIME | MOUNT_RELATIVE_ACCESS_TIME;
    else if (from->set & MOUNT_ATTR_ACCESS_TIME)
        return -EINVAL;
    if ((from->set | from->clear) & MOUNT_ATTR_IDMAP)
        return -EINVAL; /* there are no user namespaces to map by */
    ret->propagate = from->propagation != 0;
    switch (from->propagation) {
    case MS_SHARED:
        ret->propagation = MOUNT_SHARED;
        break;
    case MS_SLAVE:
        ret->propagation = MOUNT_SLAVE;
        break;
    case MS_UNBINDABLE:
        ret->propagation = MOUNT_UNBOUND;
        break;
    default:
        ret->propagation = MOUNT_PRIVATE;
    }
    return 0;
}

static uint32_t flags_after(uint32_t before, const struct change *change)
{
    return (before & ~change->clear) | change->set;
}

/* mount_lock held. What was changed before one that is busy gets its old flags back. */
static int change_tree(struct mount *top, const struct change *change, bool recursive)
{
    struct mount *mount, *failed = NULL;
    int error = 0;
    for (mount = top; mount; mount = recursive ? mount_next(mount, top) : NULL) {
        mount->flags_before = mount->flags;
        error = mount_set_flags(mount, flags_after(mount->flags, change));
        if (error) {
            failed = mount;
            break;
        }
    }
    for (mount = top; error && mount != failed; mount = mount_next(mount, top))
        WRITE_ONCE(mount->flags, mount->flags_before);
    if (error)
        return error;
    for (mount = top; change->propagate && mount; mount = recursive ? mount_next(mount, top) : NULL)
        mount_set_propagation(mount, change->propagation);
    if (top->namespace)
        top->namespace->event++;
    return 0;
}

SYSCALL5(mount_setattr, int, directory_fd, uint64_t, path, uint32_t, flags, uint64_t,
         user_attributes, uint64_t, bytes)
{
    struct linux_attributes attributes;
    struct change change;
    struct path place;
    uint32_t how = flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_RECURSIVE))
        return -EINVAL;
    if (bytes > PAGE_SIZE)
        return -E2BIG;
    if (bytes < sizeof(attributes))
        return -EINVAL;
    if (!fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    int error = copy_attributes(&attributes, user_attributes, bytes);
    if (error)
        return error;
    if (!attributes.set && !attributes.clear && !attributes.propagation)
        return 0;
    error = change_from(&attributes, &change);
    if (error)
        return error;
    if (flags & AT_EMPTY_PATH)
        how |= PATH_EMPTY;
    error = path_lookup_user(directory_fd, path, how, &place);
    if (error)
        return error;
    mutex_lock(&mount_lock);
    if (!path_is_mounted(&place) ||
        (!mount_in_my_tree(place.mount) && !mount_is_detached(place.mount)))
        error = -EINVAL;
    else
        error = change_tree(place.mount, &change, flags & AT_RECURSIVE);
    mutex_unlock(&mount_lock);
    path_put(&place);
    return error;
}
