/*
 * kernel/fs/mount/mount.h - which file system shows where. A mount hangs a directory (or file) of a
 * file system over a place of another mount; a place is a struct path, (mount, dentry). Walks cross
 * from the covered place to the mount's root and back (path.c). Mounts form trees, one per mount
 * namespace; peers and slaves repeat each other's changes (mount_namespaces(7), propagation.c).
 *
 * Locks: mount_lock (mutex) is held for every change of a tree; mount_table_lock (spinlock) guards
 * what walks need: the table of covered places, and `parent` and `mountpoint` of each mount. Either
 * is enough to read those; a change takes both.
 *
 * Lifetime: a mount is counted by its tree (while `namespace` is not NULL), by mounts on it, and by
 * those who stand in it: open files, working and root directories, walks. It holds its root, its
 * parent, the place it covers, and its file system, which is taken down with its last mount.
 */
#ifndef KERNEL_FS_MOUNT_MOUNT_H
#define KERNEL_FS_MOUNT_MOUNT_H

#include "kernel/fs/inode.h"
#include "kernel/namespace/namespace.h"
#include "kernel/sync/refcount.h"

struct task;

enum mount_flags {
    MOUNT_NO_SET_ID = 1u << 0,
    MOUNT_NO_DEVICES = 1u << 1,
    MOUNT_NO_EXECUTE = 1u << 2,
    MOUNT_NO_ACCESS_TIME = 1u << 3,
    MOUNT_NO_DIRECTORY_ACCESS_TIME = 1u << 4,
    MOUNT_RELATIVE_ACCESS_TIME = 1u << 5,
    MOUNT_READ_ONLY = 1u << 6,
    MOUNT_NO_SYMLINKS = 1u << 7,
    MOUNT_UNBINDABLE = 1u << 8,
};
#define MOUNT_ACCESS_TIME_FLAGS                                                                    \
    ((uint32_t)(MOUNT_NO_ACCESS_TIME | MOUNT_NO_DIRECTORY_ACCESS_TIME | MOUNT_RELATIVE_ACCESS_TIME))
/* What mount(2) sets; the rest stays as it is in a remount. */
#define MOUNT_USER_FLAGS                                                                           \
    ((uint32_t)(MOUNT_NO_SET_ID | MOUNT_NO_DEVICES | MOUNT_NO_EXECUTE | MOUNT_READ_ONLY |          \
                MOUNT_NO_SYMLINKS) |                                                               \
     MOUNT_ACCESS_TIME_FLAGS)

struct mount {
    uint32_t references;
    uint32_t flags;   /* enum mount_flags; changed under mount_lock, read without */
    uint32_t writers; /* files open for writing; atomic */
    uint32_t id;
    struct mount *parent;      /* itself: it is on nothing; counted otherwise */
    struct dentry *mountpoint; /* in the parent; NULL or counted */
    struct dentry *root;       /* counted; never changes */
    struct filesystem *filesystem;
    struct mount *hash_next;     /* mount_table_lock */
    struct list filesystem_link; /* mount_table_lock */

    /* mount_lock: */
    struct mount_namespace *namespace; /* NULL: no longer, or not yet, in a tree */
    struct list children;              /* through child_link, in order of mounting */
    struct list child_link;
    struct list namespace_link;
    char *source;         /* what mount(2) was told; kmalloc; never changes */
    uint32_t group;       /* of peers; 0: not shared */
    struct list peers;    /* the other members of the group, as a ring */
    struct mount *master; /* whose changes it repeats; NULL: no one's */
    struct list slaves;   /* through slave_link */
    struct list slave_link;
    bool expiring; /* marked by MNT_EXPIRE, and not used since */
    bool detached; /* top of a tree that an open file holds (handles.c) */

    /* For the length of one operation (mount_lock): */
    uint32_t epoch;             /* of the last mount_propagation_collect() that saw it */
    struct mount *reached_from; /* there, or NULL */
    bool reached_as_slave;
    bool source_is_master; /* what `source_tree` is to copies made for this mount's group */
    bool fresh_group;      /* the operation made it shared */
    bool doomed;           /* it is in a graveyard */
    uint32_t flags_before;
    struct mount *source_tree;
    struct mount *copy;     /* of mount_copy_tree() */
    struct list work_link;  /* of mount_propagation_collect() */
    struct list grave_link; /* graveyard, or a list of copies to be attached */
    struct path covered;    /* in the graveyard: what it held */
};

struct mount_namespace {
    struct namespace head;
    uint32_t mount_count; /* mount_lock */
    struct mount *root;   /* the lowest; its reference is the tree's */
    struct list mounts;   /* through namespace_link, oldest first; mount_lock */
    uint64_t event;       /* raised with every change; mount_lock */
};

extern struct mutex mount_lock;          /* RANK_RENAME */
extern struct spinlock mount_table_lock; /* RANK_MOUNT_TABLE */
extern struct path initial_root;         /* where the first process starts; set by fs_init() */
extern struct mount_namespace initial_mount_namespace;

/* ---- counting ---- */

void mount_destroy(struct mount *mount); /* for mount_put() only */
static inline void mount_get(struct mount *mount)
{
    if (mount)
        reference_get(&mount->references);
}
/* May take a file system down: not under spinlocks, nor with the lock of an inode held. */
static inline void mount_put(struct mount *mount)
{
    if (mount && unlikely(reference_put(&mount->references)))
        mount_destroy(mount);
}
static inline void path_get(const struct path *path)
{
    mount_get(path->mount);
    dentry_get(path->dentry);
}
static inline void path_put(const struct path *path)
{
    dentry_put(path->dentry);
    mount_put(path->mount);
}
static inline bool path_same(const struct path *a, const struct path *b)
{
    return a->dentry == b->dentry && a->mount == b->mount;
}
static inline bool path_is_mounted(const struct path *path)
{
    return path->mount && path->mount->root == path->dentry;
}

/* ---- what a mount allows ---- */

/* -EROFS where the mount (NULL: none) or the inode's file system is read-only. */
static inline int mount_read_only(const struct mount *mount, const struct inode *inode)
{
    if (unlikely(READ_ONCE(inode->filesystem->flags) & FILESYSTEM_READ_ONLY))
        return -EROFS;
    return mount && unlikely(READ_ONCE(mount->flags) & MOUNT_READ_ONLY) ? -EROFS : 0;
}
static inline bool mount_forbids(const struct mount *mount, uint32_t flag)
{
    return mount && READ_ONCE(mount->flags) & flag;
}
/* A file is opened for writing: counted, or -EROFS. */
int mount_want_write(struct mount *mount, const struct inode *inode);
void mount_drop_write(struct mount *mount);
/* Is reading to leave the access time of this inode alone? */
bool mount_keeps_access_time(const struct mount *mount, const struct inode *inode);

/* ---- where walks cross ---- */

/*
 * What is mounted on *dentry in `mount`, or on that, and so on: the topmost mount, counted, and its
 * root takes the place of the caller's reference in *dentry. NULL: nothing.
 */
struct mount *mount_cross(const struct mount *mount, struct dentry **dentry);
/* The same for a place of its own. */
void path_cross(struct path *path);
/* The place that a mount covers: counted. False: it is on nothing (any more). */
bool mount_covered_get(const struct mount *mount, struct path *ret);
/* The mount directly on that place, not counted; mount_lock or mount_table_lock held. */
struct mount *mount_find(const struct mount *mount, const struct dentry *dentry);

/* ---- trees; mount_lock held in all of these ---- */

/* Takes over the maker's hold of the file system. NULL when out of memory: then nothing was taken. */
struct mount *mount_create(struct filesystem *filesystem, struct dentry *root, const char *source);
/* Hangs a mount that is on nothing over a place of its future parent. */
void mount_connect(struct mount *mount, struct mount *parent, struct dentry *mountpoint);
/* Takes it off its place; *ret is what it held: path_put() after mount_lock was let go. */
void mount_disconnect(struct mount *mount, struct path *ret);
/* The next mount of the tree under `top`, parents before children; NULL after the last one. */
struct mount *mount_next(struct mount *mount, const struct mount *top);
struct mount *mount_next_beside(struct mount *mount,
                                const struct mount *top); /* not its children */
void mount_tree_enter(struct mount *top, struct mount_namespace *namespace);
bool mount_in_my_tree(const struct mount *mount);
/* Is it in a tree that an open file holds? NULL is in none. */
bool mount_is_detached(const struct mount *mount);

enum mount_copy {
    MOUNT_COPY_PLAIN,   /* peers of shared ones, slaves of the same masters */
    MOUNT_COPY_PRIVATE, /* neither */
    MOUNT_COPY_SLAVE,   /* slaves of what was copied */
    MOUNT_COPY_SHARED_SLAVE,
};
/*
 * A copy of the tree from `root` in `top` down, on nothing. Unbindable mounts are left out unless
 * `all`. 0, -ENOMEM, -ENOSPC. `recursive` false: `top` alone.
 */
int mount_copy_tree(struct mount *top, struct dentry *root, enum mount_copy kind, bool recursive,
                    bool all, struct mount **ret);

/* Mounts that left their trees, to be ended by mount_graveyard_bury() without mount_lock. */
struct mount_graveyard {
    struct list mounts; /* through grave_link */
};
#define MOUNT_GRAVEYARD_INIT(name)                                                                 \
    {                                                                                              \
        LIST_INIT((name).mounts)                                                                   \
    }
/* Takes the tree under `top` apart. `propagate`: also where it was propagated to. */
void mount_remove_tree(struct mount *top, bool propagate, struct mount_graveyard *graveyard);
void mount_graveyard_bury(struct mount_graveyard *graveyard);
/*
 * Hangs a tree over `place` (where nothing is mounted) and over the same place of its peers and
 * slaves. `top` is on nothing; a tree of the same namespace may have been taken from its place with
 * mount_disconnect(). The reference to `top` becomes the tree's. -ENOSPC or -ENOMEM: nothing has
 * changed.
 */
int mount_attach_tree(struct mount *top, const struct path *place,
                      struct mount_graveyard *graveyard);
/* Something is mounted on a name that no longer exists: in other trees than the caller's. */
void mount_detach_from(struct dentry *dentry);
/* Is the dentry a mount point in the current task's tree? */
bool mount_covers_here(const struct dentry *dentry);

/* ---- propagation.c; mount_lock held ---- */

enum mount_propagation { MOUNT_SHARED = 1, MOUNT_PRIVATE, MOUNT_SLAVE, MOUNT_UNBOUND };
void mount_set_propagation(struct mount *mount, enum mount_propagation type);
void mount_join_peers(struct mount *mount, struct mount *peer);
void mount_follow_master(struct mount *mount, struct mount *master);
/* The nearest master, or peer of one, that `namespace` and `root` can see: for mountinfo. 0: none. */
uint32_t mount_dominating_group(const struct mount *mount, const struct path *root);
/*
 * The mounts that repeat what happens in `origin`: itself first, its peers, its slaves and theirs.
 * Appends them to the list through work_link; each to be removed from it by the caller.
 */
void mount_propagation_collect(struct mount *origin, struct list *ret);
uint32_t mount_new_group(void);
/* Does the place lie in `root`, by the mounts it is in? */
bool mount_reaches(const struct mount *mount, struct dentry *dentry, const struct path *root);

/* ---- namespaces (namespace.c) ---- */

/* The current task's; not counted. Boot code has the initial one. */
struct mount_namespace *mount_namespace_current(void);
/* A task's: counted, or NULL when it has ended. */
struct mount_namespace *mount_namespace_of(struct task *task);
void mount_namespace_put(struct mount_namespace *namespace); /* NULL is fine */

/* ---- start (mount.c) ---- */

/* The first tree: an empty file system below, `filesystem` over it as "/". */
int mount_initialise(struct filesystem *filesystem);
/* Mounts on an existing directory (kernel path). 0 or -errno; takes over the file system. */
int mount_filesystem(struct filesystem *filesystem, const char *source, const char *path);
/* The file system is made: it has no mounts, and one hold, which its first mount takes over. */
void filesystem_mounts_init(struct filesystem *filesystem);
void filesystem_mounts_get(struct filesystem *filesystem);
/* The last one takes it down: names that nobody holds go, and its root. */
void filesystem_mounts_put(struct filesystem *filesystem);

#endif
