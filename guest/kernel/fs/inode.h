/*
 * kernel/fs/inode.h - the tree of names: inodes (what a file is), dentries (where it hangs),
 * mounts, and what a kind of file system must provide. Path walking (path.c), the root file system
 * (root/), /proc (proc/) and /dev (device/) meet here.
 *
 * The root file system is one writable in-memory tree whose nodes are made lazily from the
 * read-only image: a directory's image entries are looked up on demand, a file's pages are the
 * image's frames until written. dentries of the image that are not in use are kept (they are
 * small); nothing is ever unpacked.
 *
 * Locks: inode->lock (mutex) guards content, size, metadata and, in directories, entries;
 * dentry->lock (spinlock) guards the cached children and the dentry's own parent and name.
 * rename_lock (mutex) serialises renames between directories.
 *
 * Lifetime: a name that is in its directory's cache stays there without holders until the directory
 * has too many of them. A dentry holds its inode and its parent; a file system lives as long as its
 * mounts and inodes.
 */
#ifndef KERNEL_FS_INODE_H
#define KERNEL_FS_INODE_H

#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/list.h"
#include "kernel/sync/mutex.h"
#include "kernel/time/clock.h"

#define S_IFMT   0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK  0120000u
#define S_IFREG  0100000u
#define S_IFBLK  0060000u
#define S_IFDIR  0040000u
#define S_IFCHR  0020000u
#define S_IFIFO  0010000u
#define S_ISUID  04000u
#define S_ISGID  02000u
#define S_ISVTX  01000u

#define NAME_MAX     255
#define PATH_MAX     4096
#define SYMLINKS_MAX 40

struct extended_attribute;
struct mount_options;
struct notify_watch;
struct proc_text;
struct filesystem; /* one instance of a kind of file system: device number, operations, root */
struct mount;

/* A place in the tree: the same dentry may be seen through several mounts (mount/mount.h). */
struct path {
    struct mount *mount; /* NULL: of a file without a place (a pipe, a namespace) */
    struct dentry *dentry;
};

struct inode {
    uint32_t references;
    uint32_t mode; /* type and permissions */
    uint64_t number;
    uint32_t links;
    uint32_t uid, gid;
    uint32_t flags;                           /* INODE_* (inode_flags.h); lock */
    uint32_t device;                          /* st_rdev of device nodes: major << 8 | minor */
    uint64_t bytes;                           /* size; atomic reads without the lock are fine */
    uint64_t access_ns, modify_ns, change_ns; /* CLOCK_REALTIME */
    uint64_t birth_ns;                        /* never changes */
    struct filesystem *filesystem;
    const struct inode_operations *operations;
    const struct file_operations *file_operations; /* given to files opened on it */
    void *private_data;
    struct mutex lock;        /* RANK_INODE */
    int32_t writers;          /* open for writing; -n: n programs execute it (ETXTBSY); atomic */
    bool mapped;              /* some address space has mapped it, once (mm/file_mappings.h) */
    bool may_be_named;        /* by link(), though it has no name: O_TMPFILE; directory's lock */
    uint32_t entries_version; /* directories: raised with every change of an entry */
    uint64_t sequence;        /* inode_sequence(); 0 = not asked for yet; atomic */
    struct notify_watch *watches; /* who wants to know (notify/notify.h); notify_lock */
};

/* Any may be NULL: -EPERM for changes, -ENOTDIR for lookup. Called with the directory's lock held.
 */
struct inode_operations {
    /* *ret: counted inode, or NULL when there is no such name (then success too: a negative
     * answer). */
    int (*lookup)(struct inode *directory, const char *name, size_t length, struct inode **ret);
    int (*create)(struct inode *directory, const char *name, size_t length, uint32_t mode,
                  uint32_t device, struct inode **ret); /* all types by mode, except symlinks */
    int (*symlink)(struct inode *directory, const char *name, size_t length, const char *target,
                   struct inode **ret);
    int (*link)(struct inode *directory, const char *name, size_t length, struct inode *inode);
    int (*unlink)(struct inode *directory, const char *name, size_t length,
                  struct inode *inode); /* rmdir too */
    int (*rename)(struct inode *old_directory, const char *old_name, size_t old_length,
                  struct inode *new_directory, const char *new_name, size_t new_length,
                  struct inode *inode, struct inode *replaced);
    /* Target text into the buffer: its length. Without the lock. */
    ssize_t (*read_link)(struct inode *inode, char *buffer, size_t size);
    /* A link that is no text but leads straight to a place (/proc/PID/cwd, fd/N): counted *ret. May
     * be NULL. */
    int (*follow)(struct inode *inode, struct path *ret);
    /* Swaps what two existing names stand for (RENAME_EXCHANGE). -EINVAL if NULL. */
    int (*exchange)(struct inode *old_directory, const char *old_name, size_t old_length,
                    struct inode *new_directory, const char *new_name, size_t new_length);
    /* A regular file without a name (O_TMPFILE); links = 0. -EOPNOTSUPP if NULL. */
    int (*create_unnamed)(struct inode *directory, uint32_t mode, struct inode **ret);
    int (*truncate)(struct inode *inode, uint64_t bytes); /* with the lock */
    /* mode: FALLOC_FL_*, checked; with the lock. -EOPNOTSUPP if NULL. */
    int (*allocate)(struct inode *inode, int mode, uint64_t offset, uint64_t bytes);
    /* st_blocks, in 512-byte units; NULL: from the size. */
    uint64_t (*blocks)(const struct inode *inode);
    /* Where the inode's extended attributes are listed; NULL: it can have none (-EOPNOTSUPP). */
    struct extended_attribute **(*attributes)(struct inode *inode);
    /* Fresh attributes before stat (proc); may be NULL. */
    void (*refresh)(struct inode *inode);
    int (*open)(struct inode *inode,
                struct file *file); /* may set file->operations, private_data; may be NULL */
    /* Last reference is gone: frees private data, then calls inode_free(). NULL: only inode_free().
     */
    void (*destroy)(struct inode *inode);
};

/* What read_directory() calls for each entry; nonzero = buffer full, stop, entry not taken. */
typedef int directory_emit(void *context, const char *name, size_t length, uint64_t inode_number,
                           uint32_t mode, uint64_t next_position);
struct directory_context {
    directory_emit *emit;
    void *context;
    uint64_t position; /* where to go on; file->position */
};
/*
 * file_operations.read_directory gets a struct directory_context as its context. "." and ".."
 * included. It is called with file->position_lock held and raises `position` past each entry taken.
 * emit() writes to user memory and may sleep: no spinlock may be held around it.
 */

#define DENTRY_SHORT_NAME 40
/* Set in `references` of a dentry that no cache leads to: it goes with its last holder. */
#define DENTRY_UNHASHED 0x80000000u

struct dentry {
    struct dentry *parent; /* itself at a root; counted; `lock` */
    struct inode *inode;   /* NULL: known not to exist; counted; set once */
    uint32_t
        references; /* holders | DENTRY_UNHASHED; atomic; from 0 up only under the parent's lock */
    uint32_t name_hash;
    struct dentry *hash_next; /* next in the parent's bucket; parent->lock */
    uint32_t mounts;          /* that cover it, in all trees; mount_table_lock; read without */
    struct spinlock lock;     /* RANK_DENTRY; never two at once */
    uint32_t child_count;     /* cached children; `lock`, as the next four */
    struct list children;     /* cached ones, through sibling_link, newest first */
    struct list sibling_link; /* parent->lock */
    struct dentry **buckets;  /* of cached children by name_hash, once there are several */
    uint32_t bucket_count;
    uint32_t prune_epoch; /* of the last dentry_prune_tree() that saw it; `lock` of the parent */
    bool deleted;         /* unlinked: path shows " (deleted)" */
    uint16_t name_length; /* with name: `lock`, and the parent's while cached */
    char *name;
    char short_name[DENTRY_SHORT_NAME];
};

enum filesystem_flags {
    FILESYSTEM_READ_ONLY = 1u << 1,
};

/* For statfs: blocks of 4 KiB. */
struct filesystem_usage {
    uint64_t blocks, blocks_free, inodes, inodes_free;
};

struct filesystem {
    const char *type;           /* "tmpfs", "proc", "devtmpfs" ... */
    uint32_t device;            /* st_dev */
    uint32_t magic;             /* statfs f_type */
    struct dentry *root;        /* counted */
    uint64_t next_inode_number; /* the last one given out; atomic */
    bool volatile_names; /* names come and go by themselves (/proc): dentries are looked up every
                            time and never cached, negative ones neither */
    void *private_data;
    struct list mounts;   /* struct mount, through filesystem_link; mount_lock */
    uint32_t mount_count; /* of them, and one for who made it; atomic: at 0 it is taken down */
    uint32_t flags;       /* enum filesystem_flags; atomic */
    uint32_t holders;     /* inodes, and one for all mounts; atomic */
    void (*usage)(struct filesystem *filesystem, struct filesystem_usage *ret); /* NULL: zeros */
    /* Its own mount options for /proc/PID/mountinfo, each after a comma; NULL: none. */
    void (*show_options)(struct filesystem *filesystem, struct proc_text *text);
    /* New options (mount/options.h) of a remount; mount_lock held. 0 or -EINVAL. NULL: none known. */
    int (*reconfigure)(struct filesystem *filesystem, const struct mount_options *options);
    /* No holder is left: frees the structure. NULL: it is never freed. */
    void (*release)(struct filesystem *filesystem);
};

/* inode.c */
uint64_t inode_take_sequence(struct inode *inode); /* for inode_sequence() only */
struct inode *inode_create(struct filesystem *filesystem,
                           uint32_t mode); /* one reference, number assigned */
/* The same in the caller's own memory (an inode embedded in something larger, freed by destroy). */
void inode_init(struct inode *inode, struct filesystem *filesystem, uint32_t mode);
void inode_get(struct inode *inode);
void inode_put(struct inode *inode);
/* A number that no other inode ever had or has: an identity without a reference. */
static inline uint64_t inode_sequence(struct inode *inode)
{
    uint64_t sequence = READ_ONCE(inode->sequence);
    return likely(sequence) ? sequence : inode_take_sequence(inode);
}
void inode_free(struct inode *inode);   /* what inode_create() made; called by destroy */
void inode_deinit(struct inode *inode); /* counterpart of inode_init() */
void filesystem_hold(struct filesystem *filesystem);
void filesystem_drop(struct filesystem *filesystem);
uint32_t filesystem_new_device(void); /* a st_dev that no other one has */

/* dentry.c */
/*
 * A dentry with one reference for the caller; holds the inode (NULL: a negative one) and the
 * parent. With a parent it is entered in the parent's cache (unless the file system's names are
 * volatile); the caller holds the parent inode's lock, or the tree is not visible yet. parent NULL:
 * the root of a tree, or a nameless file's name ("pipe:[17]"). NULL when out of memory.
 */
struct dentry *dentry_create(struct dentry *parent, const char *name, size_t length,
                             struct inode *inode);
void dentry_get(struct dentry *dentry);
void dentry_put(struct dentry *dentry);
uint32_t name_hash(const char *name, size_t length);
/* dentry_lookup() for callers that have the hash already. */
int dentry_lookup_hashed(struct dentry *directory, const char *name, size_t length, uint32_t hash,
                         struct dentry **ret);
/* dentry_lookup() with the directory inode's lock held. */
int dentry_lookup_locked(struct dentry *directory, const char *name, size_t length,
                         struct dentry **ret);
/* A negative dentry's name exists now; directory lock held. */
void dentry_instantiate(struct dentry *dentry, struct inode *inode);
/* The name is gone from its directory; directory lock held. */
void dentry_delete(struct dentry *dentry);
/*
 * The name moved; both directory locks held. `spare_name` was allocated by the caller if length >=
 * DENTRY_SHORT_NAME (else NULL) and is taken over.
 */
void dentry_move(struct dentry *dentry, struct dentry *new_parent, const char *name, size_t length,
                 char *spare_name);
/* Forgets what no one holds below `top`. */
void dentry_prune_tree(struct dentry *top);
struct dentry *dentry_parent(struct dentry *dentry); /* counted */
/* Does `dentry` lie below `top`, or is it the same? */
bool dentry_is_below(struct dentry *dentry, const struct dentry *top);
/*
 * Text of the path as seen from `root`, NUL-terminated, at the end of the buffer; *ret is its
 * start. The length without NUL or -ENAMETOOLONG. *ret_unreachable: it does not lie below `root`.
 */
ssize_t path_text_of(const struct path *path, const struct path *root, char *buffer, size_t size,
                     char **ret, bool *ret_unreachable);
/* The same of a mount's root, whether that was deleted or not. */
ssize_t mount_text_of(struct mount *mount, const struct path *root, char *buffer, size_t size,
                      char **ret, bool *ret_unreachable);
/* The same within the file system of the dentry, from its root; "//deleted" as in mountinfo. */
ssize_t dentry_text_of(struct dentry *dentry, char *buffer, size_t size, char **ret);
/* Further O_* that only open() looks at. */
#define O_SYNC    04010000
#define O_NOATIME 01000000
#define O_TMPFILE 020000000 /* the bit; programs pass it with O_DIRECTORY */

/* path.c: flags for walking */
enum path_flags {
    PATH_FOLLOW = 1u << 0,      /* follow a symlink in the last component */
    PATH_EMPTY = 1u << 1,       /* "" means the directory_fd itself (AT_EMPTY_PATH) */
    PATH_DIRECTORY = 1u << 2,   /* must be a directory */
    PATH_REAL_IDS = 1u << 3,    /* search permission by the real ids (access) */
    PATH_NO_SYMLINKS = 1u << 4, /* openat2's RESOLVE_*: */
    PATH_NO_MAGIC_LINKS = 1u << 5,
    PATH_NO_MOUNTS = 1u << 6,
    PATH_BENEATH = 1u << 7,
    PATH_IN_ROOT = 1u << 8,
    PATH_EXPIRY = 1u << 9, /* arriving is no use of the mount: MNT_EXPIRE */
};
#define AT_FDCWD (-100)
/* Place of an existing file; counted: path_put(). */
int path_lookup(int directory_fd, const char *path, uint32_t flags, struct path *ret);
/*
 * The directory that holds (or will hold) the last component, whose text is copied into `name`
 * (NAME_MAX + 1). -EEXIST/-EBUSY style answers for "/", "." and ".." are the caller's to choose:
 * *ret_special tells.
 */
int path_lookup_parent(int directory_fd, const char *path, struct path *ret_parent, char *name,
                       bool *ret_special, bool *ret_trailing_slash);
/* The child of a directory, cached or looked up; counted; dentry->inode NULL if it does not exist.
 */
int dentry_lookup(struct dentry *directory, const char *name, size_t length, struct dentry **ret);
/* file.c */
/* `path` NULL: it has no place. Takes references of its own. */
struct file *file_create(const struct path *path, struct inode *inode, uint32_t flags,
                         const struct file_operations *operations, void *private_data);
/*
 * A file without a name (pipe, eventfd): inode on the anonymous file system, one reference. `kind`
 * names it for the reader of the code only.
 */
struct inode *anonymous_inode(uint32_t mode, const char *kind);

extern struct mutex rename_lock; /* RANK_RENAME */

/* Nothing can be done with a file that has these: O_PATH, and files whose opening failed. */
extern const struct file_operations empty_file_operations;

static inline bool inode_is(const struct inode *inode, uint32_t type)
{
    return (inode->mode & S_IFMT) == type;
}

/* root/memory_file.c: tmpfs files without a name. */
/* Zero-filled memory that can be mapped shared; one reference; NULL when out of memory. */
struct file *shared_memory_file_create(uint64_t bytes);
/* The same without a file yet: a name that is in no directory. Counted; NULL when out of memory. */
struct dentry *shared_memory_create(const char *name, uint32_t mode, uint64_t bytes);
/* fcntl F_GET_SEALS / F_ADD_SEALS: the seals, 0, or -EINVAL (no memfd), -EPERM, -EBUSY. */
int64_t file_seals_get(struct file *file);
int64_t file_seals_add(struct file *file, uint32_t seals);
/* F_SEAL_EXEC: may the mode not become that, because of execute permissions that differ? inode->lock held. */
bool inode_seals_forbid_mode(const struct inode *inode, uint32_t mode);
/* New shared mappings of the file may not be writable. */
bool file_seals_forbid_writing(struct file *file);

/* What each kind of file system offers to fs_init(). */
struct filesystem *
root_filesystem_create(const struct boot_info *boot); /* root/: image + writable layer */
struct filesystem *proc_filesystem_create(void);      /* proc/ */
struct process;
/* proc/: whose directory /proc/PID the descriptor is, counted. 0, -EBADF, or -ESRCH. */
int proc_directory_process_get(int fd, struct process **ret);
struct filesystem *device_filesystem_create(void); /* device/ */
struct filesystem *devpts_create(void);            /* device/ */
struct filesystem *tmpfs_create(void);             /* root/ without an image */
struct filesystem *ramfs_create(void);             /* the same without limits */

#endif
