/*
 * kernel/fs/path.h - walking a path step by step, for callers that need more than path_lookup():
 * open() with O_CREAT must stop before the last name and may have to go on through a symlink found
 * there.
 *
 * Lifetime: a path_walk lives on its caller's stack between path_walk_start() and path_walk_end();
 * the path text must outlive it. It holds references, no locks.
 */
#ifndef KERNEL_FS_PATH_H
#define KERNEL_FS_PATH_H

#include "kernel/fs/mount/mount.h"

enum path_last {
    PATH_LAST_NAME, /* an ordinary name below `at`, not looked up yet */
    PATH_LAST_DOT,
    PATH_LAST_DOT_DOT,
    PATH_LAST_NONE, /* no name is left: `at` is the place itself ("/", or where a magic link led) */
};

struct path_walk {
    struct path root; /* counted */
    struct path at;   /* counted; the directory reached so far */
    const char *rest; /* text still to be walked */
    char *link_text;  /* what `rest` points into if it is a symlink's; kmalloc */
    uint32_t flags;   /* enum path_flags */
    uint16_t links;   /* symlinks followed */
    uint16_t depth;   /* of the stack of texts to return to */
    enum path_last last_kind;
    bool trailing_slash; /* the last name must be a directory */
    uint8_t last_length;
    uint32_t last_hash;
    const char *last; /* not terminated */
    struct {
        char *link_text;
        const char *rest;
    } stack[SYMLINKS_MAX];
};

/* 0 or -errno; on an error nothing is held and path_walk_end() must not be called. */
int path_walk_start(struct path_walk *walk, int directory_fd, const char *path, uint32_t flags);
/* Walks to the last name. On an error the walk is still to be ended. */
int path_walk_parent(struct path_walk *walk);
/* The last name was looked up and is a symlink: its text comes next; then path_walk_parent() again.
 */
int path_walk_symlink(struct path_walk *walk, struct dentry *link);
/*
 * The place of the last name (mounts crossed, symlinks not followed): counted, perhaps negative.
 * For the other kinds of last component the directory that they mean.
 */
int path_walk_last(struct path_walk *walk, struct path *ret);
/* Walks all the way, following a last symlink if the flags say so. Never negative. */
int path_walk_to_end(struct path_walk *walk, struct path *ret);
void path_walk_end(struct path_walk *walk);

/* ---- path texts from user memory ---- */

#define PATH_TEXT_SHORT 192

struct path_text {
    char *text;
    char short_text[PATH_TEXT_SHORT]; /* most paths need no allocation */
};
/* 0, -EFAULT, -ENAMETOOLONG or -ENOMEM. path_text_free() only after success. */
int path_text_get(struct path_text *path, uint64_t user_address);
void path_text_free(struct path_text *path);

/* path_lookup() of a path in user memory. */
int path_lookup_user(int directory_fd, uint64_t user_path, uint32_t flags, struct path *ret);
/*
 * The inode that a call with AT_EMPTY_PATH (PATH_EMPTY) or an ordinary path means: counted. Also
 * works on an open file without a name. ret_path->dentry may be NULL then; path_release() gives it
 * back. Pass NULL if it is not wanted.
 */
int path_inode_user(int directory_fd, uint64_t user_path, uint32_t flags, struct inode **ret,
                    struct path *ret_path);
static inline void path_release(const struct path *path)
{
    if (path->dentry)
        path_put(path);
}
/* A path from user memory whose parent is wanted; path_walk_parent() has been done. Ends with
 * path_parent_end(). */
struct path_parent {
    struct path_text text;
    struct path_walk walk;
};
int path_parent_user(struct path_parent *parent, int directory_fd, uint64_t user_path);
void path_parent_end(struct path_parent *parent);

#endif
