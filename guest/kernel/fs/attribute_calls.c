/*
 * kernel/fs/attribute_calls.c - changing what an inode says about itself: mode, owner, times.
 *
 * Locks: the inode's mutex. Checks follow chmod(2), chown(2) and utimensat(2).
 */
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/syscall/syscall.h"

#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EMPTY_PATH       0x1000u

/* ---- mode ---- */

static int64_t change_mode(const struct mount *mount, struct inode *inode, uint32_t mode)
{
    int error = mount_read_only(mount, inode);
    if (error)
        return error;
    mutex_lock(&inode->lock);
    if (inode_is(inode, S_IFLNK)) {
        error = -EOPNOTSUPP;
    } else if (inode_is_kept(inode) || !inode_owner_or_privileged(inode) ||
               inode_seals_forbid_mode(inode, mode)) {
        error = -EPERM;
    } else {
        mode &= 07777;
        if (!fs_capable(CAP_FSETID) && !fs_in_group(inode->gid))
            mode &= ~S_ISGID;
        WRITE_ONCE(inode->mode, (inode->mode & S_IFMT) | mode);
        inode->change_ns = clock_realtime_ns();
    }
    mutex_unlock(&inode->lock);
    return error;
}

static int64_t change_mode_at(int directory_fd, uint64_t path, uint32_t path_flags, uint32_t mode)
{
    struct inode *inode;
    struct path place;
    int64_t result = path_inode_user(directory_fd, path, path_flags, &inode, &place);
    if (result)
        return result;
    result = change_mode(place.mount, inode, mode);
    if (!result)
        notify_dentry(place.dentry, NOTIFY_ATTRIBUTES);
    inode_put(inode);
    path_release(&place);
    return result;
}

SYSCALL2(chmod, uint64_t, path, uint32_t, mode)
{
    return change_mode_at(AT_FDCWD, path, PATH_FOLLOW, mode);
}

SYSCALL3(fchmodat, int, directory_fd, uint64_t, path, uint32_t, mode)
{
    return change_mode_at(directory_fd, path, PATH_FOLLOW, mode);
}

SYSCALL4(fchmodat2, int, directory_fd, uint64_t, path, uint32_t, mode, uint32_t, flags)
{
    uint32_t path_flags = flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH)
        path_flags |= PATH_EMPTY;
    return change_mode_at(directory_fd, path, path_flags, mode);
}

/* An open file for a change through its descriptor: -EBADF also for O_PATH. */
static struct file *changeable_file(int fd, bool *ret_counted)
{
    struct file *file = file_borrow(fd, ret_counted);
    if (file && (file->flags & O_PATH)) {
        file_return(file, *ret_counted);
        return NULL;
    }
    return file;
}

SYSCALL2(fchmod, int, fd, uint32_t, mode)
{
    bool counted;
    struct file *file = changeable_file(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = change_mode(file->mount, file->inode, mode);
    if (!result)
        notify_dentry(file->dentry, NOTIFY_ATTRIBUTES);
    file_return(file, counted);
    return result;
}

/* ---- owner ---- */

#define KEEP_ID UINT32_MAX

static int64_t change_owner(const struct mount *mount, struct inode *inode, uint32_t uid,
                            uint32_t gid)
{
    int error = mount_read_only(mount, inode);
    if (error)
        return error;
    mutex_lock(&inode->lock);
    bool privileged = fs_capable(CAP_CHOWN);
    if (inode_is_kept(inode))
        error = -EPERM;
    else if (!privileged &&
             ((uid != KEEP_ID && (uid != inode->uid || !inode_owner_or_privileged(inode))) ||
              (gid != KEEP_ID &&
               (!inode_owner_or_privileged(inode) || (gid != inode->gid && !fs_in_group(gid))))))
        error = -EPERM;
    if (!error) {
        if (uid != KEEP_ID)
            inode->uid = uid;
        if (gid != KEEP_ID)
            inode->gid = gid;
        if (!inode_is(inode, S_IFDIR)) {
            inode->mode &= ~S_ISUID;
            if (inode->mode & 0010)
                inode->mode &= ~S_ISGID;
        }
        inode->change_ns = clock_realtime_ns();
    }
    mutex_unlock(&inode->lock);
    return error;
}

static void tell_owner(struct dentry *dentry, uint32_t uid, uint32_t gid)
{
    if (uid != KEEP_ID || gid != KEEP_ID)
        notify_dentry(dentry, NOTIFY_ATTRIBUTES);
}

static int64_t change_owner_at(int directory_fd, uint64_t path, uint32_t flags, uint32_t uid,
                               uint32_t gid)
{
    struct inode *inode;
    struct path place;
    int64_t result = path_inode_user(directory_fd, path, flags, &inode, &place);
    if (result)
        return result;
    result = change_owner(place.mount, inode, uid, gid);
    if (!result)
        tell_owner(place.dentry, uid, gid);
    inode_put(inode);
    path_release(&place);
    return result;
}

SYSCALL3(chown, uint64_t, path, uint32_t, uid, uint32_t, gid)
{
    return change_owner_at(AT_FDCWD, path, PATH_FOLLOW, uid, gid);
}

SYSCALL3(lchown, uint64_t, path, uint32_t, uid, uint32_t, gid)
{
    return change_owner_at(AT_FDCWD, path, 0, uid, gid);
}

SYSCALL5(fchownat, int, directory_fd, uint64_t, path, uint32_t, uid, uint32_t, gid, uint32_t, flags)
{
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return change_owner_at(directory_fd, path,
                           (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
                               (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0),
                           uid, gid);
}

SYSCALL3(fchown, int, fd, uint32_t, uid, uint32_t, gid)
{
    bool counted;
    struct file *file = changeable_file(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = change_owner(file->mount, file->inode, uid, gid);
    if (!result)
        tell_owner(file->dentry, uid, gid);
    file_return(file, counted);
    return result;
}

/* ---- times ---- */

#define UTIME_NOW   0x3fffffffll
#define UTIME_OMIT  0x3ffffffell
#define NANOSECONDS 1000000000ll

/* What is to happen to one time stamp. */
struct new_time {
    bool keep, now;
    uint64_t ns; /* signed nanoseconds since 1970 */
};

static uint64_t nanoseconds_of(int64_t seconds, int64_t nanoseconds)
{
    int64_t result;
    if (__builtin_mul_overflow(seconds, NANOSECONDS, &result) ||
        __builtin_add_overflow(result, nanoseconds, &result))
        return (uint64_t)(seconds < 0 ? INT64_MIN : INT64_MAX); /* as far as a stamp reaches */
    return (uint64_t)result;
}

/* times[0] access, times[1] modification. */
static int64_t change_times(const struct mount *mount, struct inode *inode,
                            const struct new_time times[2])
{
    int error = mount_read_only(mount, inode);
    if (error)
        return error;
    mutex_lock(&inode->lock);
    if (inode->flags & INODE_IMMUTABLE) {
        error = -EPERM;
    } else if (times[0].now && times[1].now) {
        if (!inode_owner_or_privileged(inode))
            error = inode_permission(inode, MAY_WRITE);
    } else if (inode_is_kept(inode) || !inode_owner_or_privileged(inode)) {
        error = -EPERM;
    }
    if (!error) {
        uint64_t now = clock_realtime_ns();
        if (!times[0].keep)
            inode->access_ns = times[0].now ? now : times[0].ns;
        if (!times[1].keep)
            inode->modify_ns = times[1].now ? now : times[1].ns;
        inode->change_ns = now;
    }
    mutex_unlock(&inode->lock);
    return error;
}

/* One time alone is told as what usually changes it. */
static void tell_times(struct dentry *dentry, const struct new_time times[2])
{
    uint32_t event = times[0].keep   ? NOTIFY_MODIFY
                     : times[1].keep ? NOTIFY_ACCESS
                                     : NOTIFY_ATTRIBUTES;
    notify_dentry(dentry, event);
}

static int64_t change_times_at(int directory_fd, uint64_t path, uint32_t flags,
                               const struct new_time times[2])
{
    struct inode *inode;
    struct path place;
    int64_t result;
    if (!path && directory_fd != AT_FDCWD) {
        bool counted;
        if (flags)
            return -EINVAL;
        struct file *file = changeable_file(directory_fd, &counted);
        if (!file)
            return -EBADF;
        result = change_times(file->mount, file->inode, times);
        if (!result)
            tell_times(file->dentry, times);
        file_return(file, counted);
        return result;
    }
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    result = path_inode_user(directory_fd, path,
                             (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
                                 (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0),
                             &inode, &place);
    if (result)
        return result;
    result = change_times(place.mount, inode, times);
    if (!result)
        tell_times(place.dentry, times);
    inode_put(inode);
    path_release(&place);
    return result;
}

static const struct new_time both_now[2] = {{.now = true}, {.now = true}};

SYSCALL4(utimensat, int, directory_fd, uint64_t, path, uint64_t, user_times, uint32_t, flags)
{
    struct linux_timespec given[2];
    struct new_time times[2] = {{0}};
    if (!user_times)
        return change_times_at(directory_fd, path, flags, both_now);
    if (copy_from_user(given, user_times, sizeof(given)))
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        times[i].now = given[i].nanoseconds == UTIME_NOW;
        times[i].keep = given[i].nanoseconds == UTIME_OMIT;
        if (times[i].now || times[i].keep)
            continue;
        if (given[i].nanoseconds < 0 || given[i].nanoseconds >= NANOSECONDS)
            return -EINVAL;
        times[i].ns = nanoseconds_of(given[i].seconds, given[i].nanoseconds);
    }
    if (times[0].keep && times[1].keep)
        return 0; /* nothing to do: not even the path is looked at */
    return change_times_at(directory_fd, path, flags, times);
}

static int64_t change_times_us(int directory_fd, uint64_t path, uint64_t user_times)
{
    int64_t given[2][2]; /* seconds, microseconds */
    struct new_time times[2] = {{0}};
    if (!user_times)
        return change_times_at(directory_fd, path, 0, both_now);
    if (copy_from_user(given, user_times, sizeof(given)))
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (given[i][1] < 0 || given[i][1] >= 1000000)
            return -EINVAL;
        times[i].ns = nanoseconds_of(given[i][0], given[i][1] * 1000);
    }
    return change_times_at(directory_fd, path, 0, times);
}

SYSCALL2(utimes, uint64_t, path, uint64_t, user_times)
{
    return change_times_us(AT_FDCWD, path, user_times);
}

SYSCALL3(futimesat, int, directory_fd, uint64_t, path, uint64_t, user_times)
{
    return change_times_us(directory_fd, path, user_times);
}

SYSCALL2(utime, uint64_t, path, uint64_t, user_times)
{
    int64_t given[2];
    struct new_time times[2] = {{0}};
    if (!user_times)
        return change_times_at(AT_FDCWD, path, 0, both_now);
    if (copy_from_user(given, user_times, sizeof(given)))
        return -EFAULT;
    for (int i = 0; i < 2; i++)
        times[i].ns = nanoseconds_of(given[i], 0);
    return change_times_at(AT_FDCWD, path, 0, times);
}
