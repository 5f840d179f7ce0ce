/*
 * kernel/fs/stat.c - what a file is, told to programs: the stat family, statx, statfs, access,
 * readlink.
 *
 * Attributes are read without the inode's lock, as single words: a racing change is seen before or
 * after.
 */
#include "kernel/fs/fs_context.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EACCESS          0x200u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_STATX_SYNC_TYPE  0x6000u
#define NANOSECONDS         1000000000ll

struct linux_stat {
    uint64_t device, number, links;
    uint32_t mode, uid, gid, padding;
    uint64_t special_device;
    int64_t bytes, block_bytes, blocks;
    struct linux_timespec access, modify, change;
    int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat of the x86-64 ABI");

static uint64_t blocks_of(const struct inode *inode)
{
    if (inode->operations->blocks)
        return inode->operations->blocks(inode);
    return inode_is(inode, S_IFREG) ? (inode->bytes + 511) / 512 : 0;
}

static struct linux_timespec time_of(uint64_t ns)
{
    /* Signed: files may be older than 1970. */
    struct linux_timespec time = {.seconds = (int64_t)ns / NANOSECONDS,
                                  .nanoseconds = (int64_t)ns % NANOSECONDS};
    if (unlikely(time.nanoseconds < 0)) {
        time.nanoseconds += NANOSECONDS;
        time.seconds--;
    }
    return time;
}

static int stat_to_user(struct inode *inode, uint64_t user_stat)
{
    if (inode->operations->refresh)
        inode->operations->refresh(inode);
    struct linux_stat stat = {
        .device = inode->filesystem->device,
        .number = inode->number,
        .links = inode->links,
        .mode = inode->mode,
        .uid = inode->uid,
        .gid = inode->gid,
        .special_device = inode->device,
        .bytes = (int64_t)inode->bytes,
        .block_bytes = PAGE_SIZE,
        .blocks = (int64_t)blocks_of(inode),
        .access = time_of(inode->access_ns),
        .modify = time_of(inode->modify_ns),
        .change = time_of(inode->change_ns),
    };
    return copy_to_user(user_stat, &stat, sizeof(stat));
}

static int64_t stat_path(int directory_fd, uint64_t path, uint32_t flags, uint64_t user_stat)
{
    struct path place;
    int error = path_lookup_user(directory_fd, path, flags, &place);
    if (error)
        return error;
    error = stat_to_user(place.dentry->inode, user_stat);
    path_put(&place);
    return error;
}

static int64_t stat_descriptor(int fd, uint64_t user_stat)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int error = stat_to_user(file->inode, user_stat);
    file_return(file, counted);
    return error;
}

SYSCALL2(stat, uint64_t, path, uint64_t, user_stat)
{
    return stat_path(AT_FDCWD, path, PATH_FOLLOW, user_stat);
}

SYSCALL2(lstat, uint64_t, path, uint64_t, user_stat)
{
    return stat_path(AT_FDCWD, path, 0, user_stat);
}

SYSCALL2(fstat, int, fd, uint64_t, user_stat)
{
    return stat_descriptor(fd, user_stat);
}

/* PATH_* for AT_* flags. */
static uint32_t path_flags_of(uint32_t at_flags)
{
    return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
           (at_flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
}

/* Does AT_EMPTY_PATH mean the descriptor itself here? Negative: -EFAULT. */
static int empty_path(int directory_fd, uint64_t path, uint32_t at_flags)
{
    char first;
    if (!(at_flags & AT_EMPTY_PATH) || directory_fd == AT_FDCWD)
        return 0;
    if (get_user(first, path))
        return -EFAULT;
    return first == 0;
}

SYSCALL4(newfstatat, int, directory_fd, uint64_t, path, uint64_t, user_stat, uint32_t, flags)
{
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    int empty = empty_path(directory_fd, path, flags);
    if (empty)
        return empty < 0 ? empty : stat_descriptor(directory_fd, user_stat);
    return stat_path(directory_fd, path, path_flags_of(flags), user_stat);
}

/* ---- statx ---- */

#define STATX_BASIC_STATS     0x7ffu
#define STATX_BTIME           0x800u
#define STATX_CHANGE_TIMES    0xc0u /* STATX_MTIME, STATX_CTIME */
#define STATX_MNT_ID          0x1000u
#define STATX_RESERVED        0x80000000u
#define STATX_ATTR_MOUNT_ROOT 0x2000ull
#define STATX_ATTR_NEVER      0x201000ull /* automount, DAX: known not to be so */
#define STATX_ATTR_FLAGS      0x70ull     /* immutable, append-only, no dump: INODE_* */

struct statx_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};
struct linux_statx {
    uint32_t mask, block_bytes;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, spare0;
    uint64_t number, bytes, blocks, attributes_mask;
    struct statx_time access, birth, change, modify;
    uint32_t special_major, special_minor, device_major, device_minor;
    uint64_t mount_id;
    uint64_t spare[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx of the ABI");

static struct statx_time statx_time_of(uint64_t ns)
{
    struct linux_timespec time = time_of(ns);
    return (struct statx_time){.seconds = time.seconds, .nanoseconds = (uint32_t)time.nanoseconds};
}

static uint32_t device_major(uint32_t device)
{
    return device >> 8 & 0xfff;
}

static uint32_t device_minor(uint32_t device)
{
    return (device & 0xff) | (device >> 12 & 0xfff00);
}

SYSCALL5(statx, int, directory_fd, uint64_t, path, uint32_t, flags, uint32_t, mask, uint64_t,
         user_statx)
{
    struct inode *inode;
    struct path place;
    if (mask & STATX_RESERVED)
        return -EINVAL;
    if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    int error = path_inode_user(directory_fd, path, path_flags_of(flags), &inode, &place);
    if (error)
        return error;
    if (inode->operations->refresh)
        inode->operations->refresh(inode);
    struct linux_statx statx = {
        .mask = STATX_BASIC_STATS,
        .block_bytes = PAGE_SIZE,
        .links = inode->links,
        .uid = inode->uid,
        .gid = inode->gid,
        .mode = (uint16_t)inode->mode,
        .number = inode->number,
        .bytes = inode->bytes,
        .blocks = blocks_of(inode),
        .attributes = inode->flags & STATX_ATTR_FLAGS,
        .attributes_mask = STATX_ATTR_MOUNT_ROOT | STATX_ATTR_NEVER | STATX_ATTR_FLAGS,
        .access = statx_time_of(inode->access_ns),
        .change = statx_time_of(inode->change_ns),
        .modify = statx_time_of(inode->modify_ns),
        .special_major = device_major(inode->device),
        .special_minor = device_minor(inode->device),
        .device_major = device_major(inode->filesystem->device),
        .device_minor = device_minor(inode->filesystem->device),
    };
    if (mask & STATX_BTIME && inode->birth_ns) {
        statx.mask |= STATX_BTIME;
        statx.birth = statx_time_of(inode->birth_ns);
    }
    if (!(mask & STATX_CHANGE_TIMES)) /* as Linux: these cost more where it has fine ones */
        statx.mask &= ~STATX_CHANGE_TIMES;
    if (path_is_mounted(&place))
        statx.attributes |= STATX_ATTR_MOUNT_ROOT;
    if (place.mount) {
        statx.mask |= STATX_MNT_ID;
        statx.mount_id = place.mount->id;
    }
    path_release(&place);
    inode_put(inode);
    return copy_to_user(user_statx, &statx, sizeof(statx));
}

/* ---- statfs ---- */

struct linux_statfs {
    int64_t type, block_bytes;
    uint64_t blocks, blocks_free, blocks_available, files, files_free;
    int32_t id[2];
    int64_t name_max, fragment_bytes, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs of the x86-64 ABI");

#define ANON_INODE_FS_MAGIC 0x09041934
#define PIPEFS_MAGIC        0x50495045
#define SOCKFS_MAGIC        0x534f434b

#define ST_RDONLY      1
#define ST_NOSUID      2
#define ST_NODEV       4
#define ST_NOEXEC      8
#define ST_VALID       0x20
#define ST_NOATIME     0x400
#define ST_NODIRATIME  0x800
#define ST_RELATIME    0x1000
#define ST_NOSYMFOLLOW 0x2000

static int64_t statfs_flags(const struct mount *mount, const struct inode *inode)
{
    static const struct {
        uint32_t flag;
        int64_t linux_flag;
    } names[] = {{MOUNT_NO_SET_ID, ST_NOSUID},
                 {MOUNT_NO_DEVICES, ST_NODEV},
                 {MOUNT_NO_EXECUTE, ST_NOEXEC},
                 {MOUNT_NO_ACCESS_TIME, ST_NOATIME},
                 {MOUNT_NO_DIRECTORY_ACCESS_TIME, ST_NODIRATIME},
                 {MOUNT_RELATIVE_ACCESS_TIME, ST_RELATIME},
                 {MOUNT_NO_SYMLINKS, ST_NOSYMFOLLOW}};
    uint32_t flags = mount ? READ_ONCE(mount->flags) : 0;
    int64_t result = mount_read_only(mount, inode) ? ST_RDONLY | ST_VALID : ST_VALID;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        result |= flags & names[i].flag ? names[i].linux_flag : 0;
    return result;
}

/* Files without a place live in file systems of their kind on Linux; here in one. */
static int64_t magic_of(const struct inode *inode)
{
    if (inode->filesystem->magic != ANON_INODE_FS_MAGIC)
        return inode->filesystem->magic;
    if (inode_is(inode, S_IFIFO))
        return PIPEFS_MAGIC;
    return inode_is(inode, S_IFSOCK) ? SOCKFS_MAGIC : ANON_INODE_FS_MAGIC;
}

static int64_t statfs_to_user(const struct mount *mount, const struct inode *inode,
                              uint64_t user_statfs)
{
    struct filesystem *filesystem = inode->filesystem;
    struct linux_statfs statfs = {
        .type = magic_of(inode),
        .block_bytes = PAGE_SIZE,
        .id = {(int32_t)filesystem->device, 0},
        .name_max = NAME_MAX,
        .fragment_bytes = PAGE_SIZE,
        .flags = statfs_flags(mount, inode),
    };
    if (filesystem->usage) {
        struct filesystem_usage usage = {0};
        filesystem->usage(filesystem, &usage);
        statfs.blocks = usage.blocks;
        statfs.blocks_free = statfs.blocks_available = usage.blocks_free;
        statfs.files = usage.inodes;
        statfs.files_free = usage.inodes_free;
    }
    return copy_to_user(user_statfs, &statfs, sizeof(statfs));
}

SYSCALL2(statfs, uint64_t, path, uint64_t, user_statfs)
{
    struct path place;
    int64_t result = path_lookup_user(AT_FDCWD, path, PATH_FOLLOW, &place);
    if (result)
        return result;
    result = statfs_to_user(place.mount, place.dentry->inode, user_statfs);
    path_put(&place);
    return result;
}

SYSCALL2(fstatfs, int, fd, uint64_t, user_statfs)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int64_t result = statfs_to_user(file->mount, file->inode, user_statfs);
    file_return(file, counted);
    return result;
}

/* ---- access ---- */

static int64_t access_path(int directory_fd, uint64_t path, uint32_t mode, uint32_t flags)
{
    struct inode *inode;
    struct path place;
    bool real = !(flags & AT_EACCESS);
    if (mode & ~7u)
        return -EINVAL;
    if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = path_inode_user(directory_fd, path,
                                path_flags_of(flags) | (real ? PATH_REAL_IDS : 0), &inode, &place);
    if (error)
        return error;
    if (mode & MAY_EXECUTE && inode_is(inode, S_IFREG) &&
        mount_forbids(place.mount, MOUNT_NO_EXECUTE))
        error = -EACCES;
    if (!error && mode)
        error = inode_permission_by(inode, mode, real);
    if (!error && (mode & MAY_WRITE) &&
        (inode_is(inode, S_IFREG) || inode_is(inode, S_IFDIR) || inode_is(inode, S_IFLNK)))
        error = mount_read_only(place.mount, inode);
    inode_put(inode);
    path_release(&place);
    return error;
}

SYSCALL2(access, uint64_t, path, uint32_t, mode)
{
    return access_path(AT_FDCWD, path, mode, 0);
}

SYSCALL3(faccessat, int, directory_fd, uint64_t, path, uint32_t, mode)
{
    return access_path(directory_fd, path, mode, 0);
}

SYSCALL4(faccessat2, int, directory_fd, uint64_t, path, uint32_t, mode, uint32_t, flags)
{
    return access_path(directory_fd, path, mode, flags);
}

/* ---- readlink ---- */

static int64_t read_link_at(int directory_fd, uint64_t path, uint64_t user_buffer, int size)
{
    struct inode *inode;
    if (size <= 0)
        return -EINVAL;
    /* "" means the link that directory_fd was opened on with O_PATH | O_NOFOLLOW. */
    int empty = empty_path(directory_fd, path, AT_EMPTY_PATH);
    if (empty < 0)
        return empty;
    int64_t result = path_inode_user(directory_fd, path, empty ? PATH_EMPTY : 0, &inode, NULL);
    if (result)
        return result;
    if (!inode_is(inode, S_IFLNK) || !inode->operations->read_link) {
        inode_put(inode);
        return empty ? -ENOENT : -EINVAL;
    }
    size_t wanted = min((size_t)size, (size_t)PATH_MAX);
    char short_text[128], *text = short_text;
    if (wanted > sizeof(short_text) && (!inode->bytes || inode->bytes > sizeof(short_text)))
        text = kmalloc(wanted);
    else
        wanted = min(wanted, sizeof(short_text));
    if (text) {
        result = inode->operations->read_link(inode, text, wanted);
        if (result > 0 && copy_to_user(user_buffer, text, (size_t)result))
            result = -EFAULT;
    } else {
        result = -ENOMEM;
    }
    if (text != short_text)
        kfree(text);
    inode_put(inode);
    return result;
}

SYSCALL3(readlink, uint64_t, path, uint64_t, user_buffer, int, size)
{
    return read_link_at(AT_FDCWD, path, user_buffer, size);
}

SYSCALL4(readlinkat, int, directory_fd, uint64_t, path, uint64_t, user_buffer, int, size)
{
    return read_link_at(directory_fd, path, user_buffer, size);
}
