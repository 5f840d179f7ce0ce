/*
 * kernel/fs/inode.h - the tree of names: inodes (what a file is), dentries (where it hangs), mounts, and what
 * a kind of file system must provide. Path walking (path.c), the root file system (root/), /proc (proc/) and
 * /dev (device/) meet here.
 *
 * The root file system is one writable in-memory tree whose nodes are made lazily from the read-only image: a
 * directory's image entries are looked up on demand, a file's pages are the image's frames until written.
 * dentries of the image that are not in use are kept (they are small); nothing is ever unpacked.
 *
 * Locks: inode->lock (mutex) guards content, size, metadata and, in directories, entries; dentry->lock
 * (spinlock) guards the list of cached children. rename_lock (mutex) serialises renames of directories.
 */
#ifndef KERNEL_FS_INODE_H
#define KERNEL_FS_INODE_H

#include "kernel/fs/file.h"
#include "kernel/lib/list.h"
#include "kernel/sync/mutex.h"
#include "kernel/time/clock.h"

#define S_IFMT 0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK 0120000u
#define S_IFREG 0100000u
#define S_IFBLK 0060000u
#define S_IFDIR 0040000u
#define S_IFCHR 0020000u
#define S_IFIFO 0010000u
#define S_ISUID 04000u
#define S_ISGID 02000u
#define S_ISVTX 01000u

#define NAME_MAX 255
#define PATH_MAX 4096
#define SYMLINKS_MAX 40

struct filesystem; /* one mounted instance: device number, operations, root */

struct inode {
    uint32_t references;
    uint32_t mode;            /* type and permissions */
    uint64_t number;
    uint32_t links;
    uint32_t uid, gid;
    uint32_t device;          /* st_rdev of device nodes: major << 8 | minor */
    uint64_t bytes;           /* size; atomic reads without the lock are fine */
    uint64_t access_ns, modify_ns, change_ns; /* CLOCK_REALTIME */
    struct filesystem *filesystem;
    const struct inode_operations *operations;
    const struct file_operations *file_operations; /* given to files opened on it */
    void *private_data;
    struct mutex lock;        /* RANK_INODE */
    int32_t writers;          /* open for writing; -n: n programs execute it (ETXTBSY) */
};

/* Any may be NULL: -EPERM for changes, -ENOTDIR for lookup. Called with the directory's lock held. */
struct inode_operations {
    /* *ret: counted inode, or NULL when there is no such name (then success too: a negative answer). */
    int (*lookup)(struct inode *directory, const char *name, size_t length, struct inode **ret);
    int (*create)(struct inode *directory, const char *name, size_t length, uint32_t mode, uint32_t device,
                  struct inode **ret); /* all types by mode, except symlinks */
    int (*symlink)(struct inode *directory, const char *name, size_t length, const char *target, struct inode **ret);
    int (*link)(struct inode *directory, const char *name, size_t length, struct inode *inode);
    int (*unlink)(struct inode *directory, const char *name, size_t length, struct inode *inode); /* rmdir too */
    int (*rename)(struct inode *old_directory, const char *old_name, size_t old_length, struct inode *new_directory,
                  const char *new_name, size_t new_length, struct inode *inode, struct inode *replaced);
    /* Target text into the buffer: its length. Without the lock. */
    ssize_t (*read_link)(struct inode *inode, char *buffer, size_t size);
    /* A link that is no text but leads straight to a place (/proc/PID/cwd, fd/N): counted *ret. May be NULL. */
    int (*follow)(struct inode *inode, struct dentry **ret);
    int (*truncate)(struct inode *inode, uint64_t bytes);
    /* Fresh attributes before stat (proc); may be NULL. */
    void (*refresh)(struct inode *inode);
    int (*open)(struct inode *inode, struct file *file); /* may set file->operations, private_data; may be NULL */
    void (*destroy)(struct inode *inode); /* last reference is gone: frees private data and the inode */
};

/* What read_directory() calls for each entry; nonzero = buffer full, stop, entry not taken. */
typedef int directory_emit(void *context, const char *name, size_t length, uint64_t inode_number, uint32_t mode,
                           uint64_t next_position);
struct directory_context {
    directory_emit *emit;
    void *context;
    uint64_t position; /* where to go on; file->position */
};
/* file_operations.read_directory gets a struct directory_context as its context. "." and ".." included. */

struct dentry {
    uint32_t references;
    struct dentry *parent;    /* itself at the root of a file system; counted */
    struct inode *inode;      /* NULL: known not to exist */
    struct spinlock lock;     /* RANK_DENTRY: children */
    struct list children;     /* cached, through sibling_link */
    struct list sibling_link;
    struct dentry *mounted;   /* root dentry of what is mounted here, or NULL */
    struct dentry *mounted_on; /* for a mount's root: the covered dentry */
    bool deleted;             /* unlinked: path shows " (deleted)" */
    uint16_t name_length;
    char *name;
};

struct filesystem {
    const char *type;         /* "tmpfs", "proc", "devtmpfs" ... */
    uint32_t device;          /* st_dev */
    uint32_t magic;           /* statfs f_type */
    struct dentry *root;
    uint64_t next_inode_number;
    void *private_data;
    struct list mount_link;
    char mount_path[64];      /* for /proc/mounts */
};

/* inode.c */
struct inode *inode_create(struct filesystem *filesystem, uint32_t mode); /* one reference, number assigned */
void inode_get(struct inode *inode);
void inode_put(struct inode *inode);
/* dentry.c */
struct dentry *dentry_create(struct dentry *parent, const char *name, size_t length, struct inode *inode);
void dentry_get(struct dentry *dentry);
void dentry_put(struct dentry *dentry);
/* path.c: flags for walking */
enum path_flags {
    PATH_FOLLOW = 1u << 0,      /* follow a symlink in the last component */
    PATH_EMPTY = 1u << 1,       /* "" means the directory_fd itself (AT_EMPTY_PATH) */
    PATH_DIRECTORY = 1u << 2,   /* must be a directory */
};
#define AT_FDCWD (-100)
/* Counted dentry of an existing file. */
int path_lookup(int directory_fd, const char *path, uint32_t flags, struct dentry **ret);
/*
 * The directory that holds (or will hold) the last component, whose text is copied into `name` (NAME_MAX + 1).
 * -EEXIST/-EBUSY style answers for "/", "." and ".." are the caller's to choose: *ret_special tells.
 */
int path_lookup_parent(int directory_fd, const char *path, struct dentry **ret_parent, char *name, bool *ret_special,
                       bool *ret_trailing_slash);
/* The child of a directory, cached or looked up; counted; dentry->inode NULL if it does not exist. */
int dentry_lookup(struct dentry *directory, const char *name, size_t length, struct dentry **ret);
struct filesystem *mount_filesystem(struct filesystem *filesystem, const char *path);
struct file *file_create(struct dentry *dentry, struct inode *inode, uint32_t flags,
                         const struct file_operations *operations, void *private_data); /* takes own references */
/* A file without a name (pipe, eventfd, memfd): inode on the anonymous file system. */
struct inode *anonymous_inode(uint32_t mode, const char *kind);

/* What each kind of file system offers to fs_init(). */
struct filesystem *root_filesystem_create(const struct boot_info *boot); /* root/: image + writable layer */
struct filesystem *proc_filesystem_create(void);                         /* proc/ */
struct filesystem *device_filesystem_create(void);                       /* device/ */
struct filesystem *tmpfs_create(void);                                   /* root/ without an image */

#endif
