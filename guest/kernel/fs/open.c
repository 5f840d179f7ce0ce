/*
 * kernel/fs/open.c - open and its kin: finding or making the file, permission, and the first steps
 * that each type of file needs. Also opening for the kernel itself (exec).
 *
 * Locks: the directory's mutex while a name is made; none while a file is opened (a FIFO may wait
 * for long).
 */
#include "kernel/fs/device/device.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/lease.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/pipe.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define OPEN_KNOWN                                                                                 \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |          \
     O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH |          \
     O_TMPFILE | O_ASYNC)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EMPTY_PATH       0x1000u

#define RESOLVE_NO_XDEV       0x01u
#define RESOLVE_NO_MAGICLINKS 0x02u
#define RESOLVE_NO_SYMLINKS   0x04u
#define RESOLVE_BENEATH       0x08u
#define RESOLVE_IN_ROOT       0x10u
#define RESOLVE_CACHED        0x20u

struct open_request {
    uint32_t flags; /* O_* */
    uint32_t mode;  /* permission bits of a new file */
    bool execute;   /* for exec: needs execute permission, denies writers */
};

/* ---- who writes and who executes ---- */

static int writers_add(struct inode *inode, int32_t step)
{
    int32_t now = __atomic_load_n(&inode->writers, __ATOMIC_RELAXED);
    do {
        if (step > 0 ? now < 0 : now > 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&inode->writers, &now, now + step, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return 0;
}

/* What an open file will hold: enum file_hold. */
static int hold(struct mount *mount, struct inode *inode, uint32_t held)
{
    int error = held & FILE_HOLDS_MOUNT_WRITER ? mount_want_write(mount, inode) : 0;
    if (error)
        return error;
    error = writers_add(inode, held & FILE_HOLDS_WRITER ? 1 : -1);
    if (error && held & FILE_HOLDS_MOUNT_WRITER)
        mount_drop_write(mount);
    return error;
}

/* ---- opening what was found ---- */

static uint32_t permission_wanted(const struct open_request *request)
{
    static const uint8_t by_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
                                      MAY_READ | MAY_WRITE};
    if (request->execute)
        return MAY_EXECUTE;
    return by_mode[request->flags & O_ACCMODE] | (request->flags & O_TRUNC ? MAY_WRITE : 0);
}

static int check_type(const struct inode *inode, const struct open_request *request,
                      uint32_t wanted)
{
    switch (inode->mode & S_IFMT) {
    case S_IFLNK:
        return -ELOOP;
    case S_IFDIR:
        if (request->execute)
            return -EACCES;
        if ((wanted & MAY_WRITE) || (request->flags & O_CREAT))
            return -EISDIR;
        return 0;
    case S_IFREG:
        return 0;
    default:
        if (request->execute)
            return -EACCES;
        return request->flags & O_DIRECTORY ? -ENOTDIR : 0;
    }
}

/* Permission of an existing file. */
static int check_access(const struct path *path, const struct open_request *request,
                        uint32_t wanted)
{
    const struct inode *inode = path->dentry->inode;
    int error = check_type(inode, request, wanted);
    if (!error && (wanted & MAY_WRITE) && (inode_is(inode, S_IFREG) || inode_is(inode, S_IFDIR)))
        error = mount_read_only(path->mount, inode);
    if (!error && request->execute && mount_forbids(path->mount, MOUNT_NO_EXECUTE))
        error = -EACCES;
    if (!error && (inode_is(inode, S_IFCHR) || inode_is(inode, S_IFBLK)) &&
        mount_forbids(path->mount, MOUNT_NO_DEVICES))
        error = -EACCES;
    if (!error)
        error = inode_permission(inode, wanted);
    if (!error && unlikely(inode->flags & INODE_APPEND_ONLY) && wanted & MAY_WRITE &&
        (!(request->flags & O_APPEND) || request->flags & O_TRUNC))
        error = -EPERM;
    if (!error && (request->flags & O_NOATIME) && !inode_owner_or_privileged(inode))
        error = -EPERM;
    return error;
}

/* The steps that the type of file or its file system wants. */
static int open_by_type(struct inode *inode, struct file *file)
{
    if (inode->operations->open)
        return inode->operations->open(inode, file);
    switch (inode->mode & S_IFMT) {
    case S_IFIFO:
        return pipe_open_fifo(inode, file);
    case S_IFCHR:
    case S_IFBLK:
        return device_open(inode, file);
    case S_IFSOCK:
        return -ENXIO;
    default:
        return 0;
    }
}

static int truncate_opened(struct inode *inode)
{
    if (!inode->operations->truncate)
        return 0; /* devices and /proc take O_TRUNC and do nothing */
    mutex_lock(&inode->lock);
    int error = inode->operations->truncate(inode, 0);
    mutex_unlock(&inode->lock);
    return error;
}

/* `fresh`: just made by this call, so its mode does not matter and it is empty. */
static int open_found(const struct path *path, const struct open_request *request, bool fresh,
                      struct file **ret)
{
    struct inode *inode = path->dentry->inode;
    uint32_t flags = request->flags;
    struct file *file;
    int error;

    if (unlikely(flags & O_PATH)) {
        if ((flags & O_DIRECTORY) && !inode_is(inode, S_IFDIR))
            return -ENOTDIR;
        file = file_create(path, inode, flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW),
                           &empty_file_operations, NULL);
        *ret = file;
        return file ? 0 : -ENOMEM;
    }
    uint32_t wanted = permission_wanted(request);
    if (!fresh) {
        error = check_access(path, request, wanted);
        if (error)
            return error;
    }
    uint32_t held = 0;
    if (inode_is(inode, S_IFREG)) {
        if (wanted & MAY_WRITE)
            held = FILE_HOLDS_WRITER | FILE_HOLDS_MOUNT_WRITER;
        else if (request->execute)
            held = FILE_DENIES_WRITERS;
        if (held) {
            error = hold(path->mount, inode, held);
            if (error)
                return error;
        }
        error = lease_break(inode, wanted & MAY_WRITE, flags & O_NONBLOCK);
        if (error) {
            file_let_go(path->mount, inode, held);
            return error;
        }
    }
    file = file_create(path, inode, flags, inode->file_operations, NULL);
    if (!file) {
        file_let_go(path->mount, inode, held);
        return -ENOMEM;
    }
    file->held = held;
    if (!inode_is(inode, S_IFREG) || inode->operations->open) {
        error = open_by_type(inode, file);
        if (error) {
            file->flags |= O_PATH; /* never opened: nobody is told that it closes */
            file_put(file);
            return error;
        }
    }
    file->flags &= ~(uint32_t)O_NOCTTY; /* only a terminal's open looks at it */
    notify_file(file, NOTIFY_OPEN);
    if ((flags & O_TRUNC) && !fresh && inode_is(inode, S_IFREG)) {
        error = truncate_opened(inode);
        if (error) {
            file_put(file);
            return error;
        }
        notify_file(file, NOTIFY_MODIFY);
    }
    *ret = file;
    return 0;
}

/* ---- O_CREAT and O_TMPFILE ---- */

/* The last name of the walk does not exist or is to be checked under the lock: makes it. */
static int create_last(struct path_walk *walk, const struct open_request *request, struct path *ret,
                       bool *ret_fresh)
{
    struct dentry *parent = walk->at.dentry;
    struct inode *directory = parent->inode, *inode;
    mutex_lock(&directory->lock);
    int error = dentry_lookup_locked(parent, walk->last, walk->last_length, &ret->dentry);
    if (!error && !ret->dentry->inode) {
        error = directory_may_create(walk->at.mount, directory);
        if (!error && !directory->operations->create)
            error = -EACCES;
        if (!error)
            error = directory->operations->create(
                directory, walk->last, walk->last_length,
                inode_new_mode(directory, S_IFREG | request->mode), 0, &inode);
        if (!error) {
            inode_set_owner(inode, directory);
            dentry_instantiate(ret->dentry, inode);
            notify_entry(directory, walk->last, walk->last_length, inode, NOTIFY_CREATE, 0);
            inode_put(inode);
            *ret_fresh = true;
        } else {
            dentry_put(ret->dentry);
        }
    }
    mutex_unlock(&directory->lock);
    if (!error) {
        ret->mount = walk->at.mount;
        mount_get(ret->mount);
    }
    return error;
}

/* Finds or makes the file of an open with O_CREAT: a counted place, symlinks followed. */
static int walk_create(struct path_walk *walk, const struct open_request *request, struct path *ret,
                       bool *ret_fresh)
{
    *ret_fresh = false;
    for (;;) {
        int error = path_walk_parent(walk);
        if (error)
            return error;
        if (walk->last_kind != PATH_LAST_NAME || walk->trailing_slash) {
            if (walk->last_kind == PATH_LAST_DOT_DOT) { /* may lead out of what is allowed */
                error = path_walk_last(walk, ret);
                if (error)
                    return error;
                path_put(ret);
            }
            if (request->flags & O_EXCL && walk->last_kind != PATH_LAST_NAME)
                return -EEXIST;
            if (walk->last_kind == PATH_LAST_NONE) { /* where a magic link led, or a directory */
                *ret = walk->at;
                path_get(ret);
                return 0;
            }
            return -EISDIR;
        }
        error = path_walk_last(walk, ret);
        if (!error && !load_acquire(&ret->dentry->inode)) {
            path_put(ret);
            error = create_last(walk, request, ret, ret_fresh);
            if (!error && !*ret_fresh)
                path_cross(ret);
        }
        if (error)
            return error;
        if (*ret_fresh)
            return 0;
        if (request->flags & O_EXCL)
            error = -EEXIST;
        else if (inode_is(ret->dentry->inode, S_IFLNK))
            error = request->flags & O_NOFOLLOW ? -ELOOP : path_walk_symlink(walk, ret->dentry);
        else
            return 0;
        path_put(ret);
        if (error)
            return error;
    }
}

/* O_TMPFILE: a file without a name in the directory `parent`. */
static int create_unnamed(const struct path *parent, const struct open_request *request,
                          struct path *ret)
{
    struct inode *directory = parent->dentry->inode, *inode;
    if (!inode_is(directory, S_IFDIR))
        return -ENOTDIR;
    int error = directory_may_create(parent->mount, directory);
    if (!error && !directory->operations->create_unnamed)
        error = -EOPNOTSUPP;
    if (error)
        return error;
    mutex_lock(&directory->lock);
    error = directory->operations->create_unnamed(
        directory, inode_new_mode(directory, S_IFREG | request->mode), &inode);
    mutex_unlock(&directory->lock);
    if (error)
        return error;
    inode_set_owner(inode, directory);
    inode->may_be_named = !(request->flags & O_EXCL);
    ret->dentry = dentry_create(NULL, "#tmpfile", 8, inode);
    inode_put(inode);
    if (!ret->dentry)
        return -ENOMEM;
    ret->dentry->deleted = true;
    ret->mount = parent->mount;
    mount_get(ret->mount);
    return 0;
}

static int open_path(int directory_fd, const char *path, uint32_t path_flags,
                     const struct open_request *request, struct file **ret)
{
    struct path_walk walk;
    struct path place, found;
    bool fresh = false;
    if (!(request->flags & O_NOFOLLOW))
        path_flags |= PATH_FOLLOW;
    if (request->flags & O_DIRECTORY)
        path_flags |= PATH_DIRECTORY;
    int error = path_walk_start(&walk, directory_fd, path, path_flags);
    if (error)
        return error;
    if (likely(!(request->flags & (O_CREAT | O_TMPFILE)))) {
        error = path_walk_to_end(&walk, &place);
    } else if (request->flags & O_TMPFILE) {
        error = path_walk_to_end(&walk, &found);
        if (!error) {
            error = create_unnamed(&found, request, &place);
            path_put(&found);
            fresh = true;
        }
    } else {
        error = walk_create(&walk, request, &place, &fresh);
    }
    path_walk_end(&walk);
    if (error)
        return error;
    error = open_found(&place, request, fresh, ret);
    path_put(&place);
    return error;
}

/* ---- for the kernel ---- */

int file_open(const char *path, uint32_t flags, uint32_t mode, struct file **ret)
{
    struct open_request request = {.flags = flags, .mode = mode & 07777};
    return open_path(AT_FDCWD, path, 0, &request, ret);
}

int file_open_executable(int directory_fd, const char *path, uint32_t at_flags, struct file **ret)
{
    struct open_request request = {.flags = O_RDONLY, .execute = true};
    uint32_t path_flags = at_flags & AT_EMPTY_PATH ? PATH_EMPTY : 0;
    if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (at_flags & AT_SYMLINK_NOFOLLOW)
        request.flags |= O_NOFOLLOW;
    if (!*path && path_flags && directory_fd != AT_FDCWD) {
        /* fexecve(): also of a file that has no place in the tree. */
        struct file *from = file_table_find(directory_fd);
        if (!from)
            return -EBADF;
        const struct path place = {from->mount, from->dentry};
        int error = from->dentry ? open_found(&place, &request, false, ret) : -EACCES;
        file_put(from);
        return error;
    }
    return open_path(directory_fd, path, path_flags, &request, ret);
}

void file_set_id_bits(const struct file *file, uint32_t *ret_mode, uint32_t *ret_uid,
                      uint32_t *ret_gid)
{
    const struct inode *inode = file->inode;
    uint32_t mode = READ_ONCE(inode->mode) & (S_ISUID | S_ISGID | 0010);
    if (unlikely(mount_forbids(file->mount, MOUNT_NO_SET_ID)))
        mode = 0;
    *ret_mode = mode & S_ISUID;
    if ((mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
        *ret_mode |= S_ISGID; /* without group execute it means something else (inode(7)) */
    *ret_uid = inode->uid;
    *ret_gid = inode->gid;
}

/* ---- the calls ---- */

static int64_t open_for_user(int directory_fd, uint64_t user_path, uint32_t path_flags,
                             uint32_t flags, uint32_t mode)
{
    struct open_request request = {.flags = flags, .mode = mode & 07777};
    struct path_text path;
    struct file *file;
    if (flags & O_PATH)
        request.flags = flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
        return -EINVAL;
    if (flags & O_TMPFILE) {
        if (!(flags & O_DIRECTORY) || (flags & O_ACCMODE) == O_RDONLY)
            return -EINVAL;
        request.flags &= ~(uint32_t)O_DIRECTORY; /* the name's; the file made is none */
    }
    int error = path_text_get(&path, user_path);
    if (error)
        return error;
    /* No descriptor is free: nothing is made or emptied. */
    if (unlikely(flags & (O_CREAT | O_TRUNC)) && file_table_is_full())
        error = -EMFILE;
    else
        error = open_path(directory_fd, path.text, path_flags, &request, &file);
    path_text_free(&path);
    if (unlikely(error))
        return file_table_is_full() ? -EMFILE : error; /* it is asked for first */
    if (unlikely(flags & O_TMPFILE))
        file->flags |= O_DIRECTORY; /* nobody else has the file yet */
    int fd = file_table_install(file, 0, flags & O_CLOEXEC);
    if (unlikely(fd < 0))
        file_put(file);
    return fd;
}

SYSCALL3(open, uint64_t, path, int, flags, uint32_t, mode)
{
    return open_for_user(AT_FDCWD, path, 0, ((uint32_t)flags & OPEN_KNOWN) | O_LARGEFILE, mode);
}

SYSCALL4(openat, int, directory_fd, uint64_t, path, int, flags, uint32_t, mode)
{
    return open_for_user(directory_fd, path, 0, ((uint32_t)flags & OPEN_KNOWN) | O_LARGEFILE, mode);
}

SYSCALL2(creat, uint64_t, path, uint32_t, mode)
{
    return open_for_user(AT_FDCWD, path, 0, O_CREAT | O_WRONLY | O_TRUNC | O_LARGEFILE, mode);
}

struct open_how {
    uint64_t flags, mode, resolve;
};

SYSCALL4(openat2, int, directory_fd, uint64_t, path, uint64_t, user_how, uint64_t, size)
{
    struct open_how how;
    uint8_t rest[64];
    if (size < sizeof(how))
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (copy_from_user(&how, user_how, sizeof(how)))
        return -EFAULT;
    for (uint64_t at = sizeof(how); at < size; at += sizeof(rest)) { /* later fields must be zero */
        size_t bytes = min(size - at, sizeof(rest));
        if (copy_from_user(rest, user_how + at, bytes))
            return -EFAULT;
        for (size_t i = 0; i < bytes; i++) {
            if (rest[i])
                return -E2BIG;
        }
    }
    if (how.flags & ~(uint64_t)OPEN_KNOWN)
        return -EINVAL;
    if (how.resolve & ~(uint64_t)(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                                  RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED))
        return -EINVAL;
    if ((how.resolve & RESOLVE_BENEATH) && (how.resolve & RESOLVE_IN_ROOT))
        return -EINVAL;
    if (how.mode & ~07777ull || (how.mode && !(how.flags & (O_CREAT | O_TMPFILE))))
        return -EINVAL;
    if ((how.flags & O_PATH) &&
        (how.flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
        return -EINVAL;
    if (how.resolve & RESOLVE_CACHED)
        return -EAGAIN; /* allowed at any time: the caller tries again without it */
    uint32_t path_flags = 0;
    if (how.resolve & RESOLVE_NO_XDEV)
        path_flags |= PATH_NO_MOUNTS;
    if (how.resolve & RESOLVE_NO_MAGICLINKS)
        path_flags |= PATH_NO_MAGIC_LINKS;
    if (how.resolve & RESOLVE_NO_SYMLINKS)
        path_flags |= PATH_NO_SYMLINKS;
    if (how.resolve & RESOLVE_BENEATH)
        path_flags |= PATH_BENEATH;
    if (how.resolve & RESOLVE_IN_ROOT)
        path_flags |= PATH_IN_ROOT;
    return open_for_user(directory_fd, path, path_flags, (uint32_t)how.flags | O_LARGEFILE,
                         (uint32_t)how.mode);
}
