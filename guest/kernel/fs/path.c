/*
 * kernel/fs/path.c - from the text of a path to the place it names (path_resolution(7)):
 * components, ".", "..", symlinks, mount points, the process's root, and openat2's restrictions.
 *
 * Symlinks are walked without recursion: the text of a link becomes the text to walk, and what was
 * left of the text before is kept on a small stack, only if anything was left. So "is this the last
 * component" is simply "the text ends here and the stack is empty".
 *
 * Locks: dentry locks for an instant, directory locks inside dentry_lookup() on a cache miss. May
 * sleep.
 */
#include "kernel/fs/path.h"

#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

static void replace(struct path *place, const struct path *with)
{
    path_put(place);
    *place = *with;
}

/* ---- where a walk starts ---- */

/* Counted root and, if asked for, working directory of the current task; boot code stands at the
 * tree's root. */
static void view_get(struct path *ret_root, struct path *ret_cwd)
{
    struct task *task = current;
    struct fs_context *context = task ? task->fs : NULL;
    if (unlikely(!context)) {
        *ret_root = initial_root;
        path_get(ret_root);
        if (ret_cwd) {
            *ret_cwd = initial_root;
            path_get(ret_cwd);
        }
        return;
    }
    spin_lock(&context->lock);
    *ret_root = context->root;
    path_get(ret_root);
    if (ret_cwd) {
        *ret_cwd = context->cwd;
        path_get(ret_cwd);
    }
    spin_unlock(&context->lock);
}

int path_walk_start(struct path_walk *walk, int directory_fd, const char *path, uint32_t flags)
{
    if (unlikely(!*path) && !(flags & PATH_EMPTY))
        return -ENOENT;
    bool absolute = *path == '/';
    if (unlikely(absolute && (flags & PATH_BENEATH)))
        return -EXDEV;
    absolute &= !(flags & PATH_IN_ROOT); /* then the root is where the walk starts */
    if (absolute || directory_fd == AT_FDCWD) {
        view_get(&walk->root, absolute ? NULL : &walk->at);
        if (absolute) {
            walk->at = walk->root;
            path_get(&walk->at);
        }
    } else {
        bool counted;
        struct file *file = file_borrow(directory_fd, &counted);
        if (!file)
            return -EBADF;
        if (!file->dentry || (*path && !inode_is(file->inode, S_IFDIR))) {
            file_return(file, counted);
            return -ENOTDIR;
        }
        walk->at = (struct path){file->mount, file->dentry};
        path_get(&walk->at);
        file_return(file, counted);
        view_get(&walk->root, NULL);
    }
    if (flags & (PATH_BENEATH | PATH_IN_ROOT)) {
        path_get(&walk->at);
        replace(&walk->root, &walk->at);
    }
    walk->rest = path;
    walk->link_text = NULL;
    walk->flags = flags;
    walk->links = walk->depth = 0;
    walk->trailing_slash = false;
    return 0;
}

void path_walk_end(struct path_walk *walk)
{
    while (unlikely(walk->depth))
        kfree(walk->stack[--walk->depth].link_text);
    if (unlikely(walk->link_text))
        kfree(walk->link_text);
    path_put(&walk->at);
    path_put(&walk->root);
}

/* ---- steps ---- */

/* To what is mounted at the place, if anything. */
static NO_INLINE int cross(const struct path_walk *walk, struct path *place)
{
    bool marked = false;
    if (walk->flags & PATH_EXPIRY) { /* crossing takes the mark away: it is put back */
        spin_lock(&mount_table_lock);
        struct mount *mount = mount_find(place->mount, place->dentry);
        marked = mount && mount->expiring;
        spin_unlock(&mount_table_lock);
    }
    struct mount *top = mount_cross(place->mount, &place->dentry);
    if (!top)
        return 0;
    mount_put(place->mount);
    place->mount = top;
    if (marked)
        WRITE_ONCE(top->expiring, true);
    return walk->flags & PATH_NO_MOUNTS ? -EXDEV : 0;
}

/* A rename may have moved a directory out of what a bind mount shows: no way up then. */
static bool leads_up(const struct path *place)
{
    const struct mount *mount = place->mount;
    return !mount || mount->root == mount->filesystem->root ||
           dentry_is_below(place->dentry, mount->root);
}

/* "..": *place becomes its parent, across the root of a mount, never above the walk's root. */
static int step_up(struct path_walk *walk, struct path *place)
{
    for (;;) {
        if (path_same(place, &walk->root))
            return walk->flags & PATH_BENEATH ? -EXDEV : 0;
        if (!path_is_mounted(place)) {
            struct dentry *parent = dentry_parent(place->dentry);
            if (parent == place->dentry) { /* of no tree */
                dentry_put(parent);
                return 0;
            }
            if (!leads_up(place)) {
                dentry_put(parent);
                return -ENOENT;
            }
            dentry_put(place->dentry);
            place->dentry = parent;
            break;
        }
        struct path covered;
        if (!mount_covered_get(place->mount, &covered))
            break; /* the lowest mount, or one that was unmounted */
        replace(place, &covered);
        if (walk->flags & PATH_NO_MOUNTS)
            return -EXDEV;
    }
    return READ_ONCE(place->dentry->mounts) ? cross(walk, place) : 0;
}

/* The current text has been walked: go on with the one before. */
static void pop_text(struct path_walk *walk)
{
    kfree(walk->link_text);
    walk->depth--;
    walk->link_text = walk->stack[walk->depth].link_text;
    walk->rest = walk->stack[walk->depth].rest;
}

int path_walk_symlink(struct path_walk *walk, struct dentry *link)
{
    struct inode *inode = link->inode;
    const struct inode_operations *operations = inode->operations;
    if (walk->links++ >= SYMLINKS_MAX || (walk->flags & PATH_NO_SYMLINKS) ||
        (walk->at.mount && walk->at.mount->flags & MOUNT_NO_SYMLINKS))
        return -ELOOP;

    if (operations->follow) {
        struct path target;
        if (walk->flags & PATH_NO_MAGIC_LINKS)
            return -ELOOP;
        if (walk->flags & (PATH_BENEATH | PATH_IN_ROOT))
            return -EXDEV;
        int error = operations->follow(inode, &target);
        if (error)
            return error;
        if ((walk->flags & PATH_NO_MOUNTS) && target.mount != walk->at.mount) {
            path_put(&target);
            return -EXDEV;
        }
        replace(&walk->at, &target);
        return 0;
    }

    if (!operations->read_link)
        return -EINVAL;
    size_t size = inode->bytes && inode->bytes < PATH_MAX ? inode->bytes + 1 : PATH_MAX;
    char *text = kmalloc(size);
    if (!text)
        return -ENOMEM;
    ssize_t length = operations->read_link(inode, text, size - 1);
    int error = length < 0 ? (int)length : !length ? -ENOENT : 0;
    if (!error && *text == '/' &&
        ((walk->flags & PATH_BENEATH) ||
         ((walk->flags & PATH_NO_MOUNTS) && walk->at.mount != walk->root.mount)))
        error = -EXDEV;
    if (error) {
        kfree(text);
        return error;
    }
    text[length] = 0;
    if (*walk->rest) {
        walk->stack[walk->depth].link_text = walk->link_text;
        walk->stack[walk->depth].rest = walk->rest;
        walk->depth++; /* at most `links` <= SYMLINKS_MAX */
    } else {
        kfree(walk->link_text);
    }
    walk->link_text = text;
    walk->rest = text;
    if (*text == '/') {
        path_get(&walk->root);
        replace(&walk->at, &walk->root);
    }
    return 0;
}

int path_walk_parent(struct path_walk *walk)
{
    for (;;) {
        const char *rest = walk->rest;
        while (*rest == '/')
            rest++;
        if (unlikely(!*rest)) {
            walk->rest = rest;
            if (walk->depth) {
                pop_text(walk);
                continue;
            }
            walk->last_kind = PATH_LAST_NONE;
            return 0;
        }

        struct inode *inode = walk->at.dentry->inode;
        if (unlikely(!inode_is(inode, S_IFDIR)))
            return -ENOTDIR;
        int error = inode_permission_by(inode, MAY_EXECUTE, walk->flags & PATH_REAL_IDS);
        if (unlikely(error))
            return error;

        const char *name = rest;
        uint32_t hash = 0;
        while (*rest && *rest != '/')
            hash = (hash ^ (uint8_t)*rest++) * 0x01000193u; /* as name_hash() */
        size_t length = (size_t)(rest - name);
        if (unlikely(length > NAME_MAX))
            return -ENAMETOOLONG;
        bool slash = *rest == '/';
        while (*rest == '/')
            rest++;
        walk->rest = rest;

        enum path_last kind = PATH_LAST_NAME;
        if (unlikely(*name == '.')) {
            if (length == 1)
                kind = PATH_LAST_DOT;
            else if (length == 2 && name[1] == '.')
                kind = PATH_LAST_DOT_DOT;
        }
        if (!*rest && !walk->depth) {
            walk->last = name;
            walk->last_length = (uint8_t)length;
            walk->last_hash = hash;
            walk->last_kind = kind;
            walk->trailing_slash |= slash;
            return 0;
        }

        if (unlikely(kind != PATH_LAST_NAME)) {
            error = kind == PATH_LAST_DOT_DOT ? step_up(walk, &walk->at) : 0;
        } else {
            struct dentry *next;
            error = dentry_lookup_hashed(walk->at.dentry, name, length, hash, &next);
            if (unlikely(error))
                return error;
            inode = load_acquire(&next->inode);
            if (unlikely(READ_ONCE(next->mounts))) {
                struct path place = {walk->at.mount, next};
                mount_get(place.mount);
                error = cross(walk, &place);
                if (error) {
                    path_put(&place);
                    return error;
                }
                replace(&walk->at, &place);
                continue;
            }
            if (unlikely(!inode)) {
                error = -ENOENT;
            } else if (unlikely(inode_is(inode, S_IFLNK))) {
                error = path_walk_symlink(walk, next);
            } else {
                dentry_put(walk->at.dentry);
                walk->at.dentry = next;
                continue;
            }
            dentry_put(next);
        }
        if (error)
            return error;
    }
}

int path_walk_last(struct path_walk *walk, struct path *ret)
{
    int error = 0;
    if (likely(walk->last_kind == PATH_LAST_NAME)) {
        error = dentry_lookup_hashed(walk->at.dentry, walk->last, walk->last_length,
                                     walk->last_hash, &ret->dentry);
        if (error)
            return error;
        ret->mount = walk->at.mount;
        mount_get(ret->mount);
        if (unlikely(READ_ONCE(ret->dentry->mounts)))
            error = cross(walk, ret);
    } else {
        *ret = walk->at;
        path_get(ret);
        error = walk->last_kind == PATH_LAST_DOT_DOT ? step_up(walk, ret) : 0;
    }
    if (error)
        path_put(ret);
    return error;
}

int path_walk_to_end(struct path_walk *walk, struct path *ret)
{
    for (;;) {
        int error = path_walk_parent(walk);
        if (!error)
            error = path_walk_last(walk, ret);
        if (error)
            return error;
        struct inode *inode = load_acquire(&ret->dentry->inode);
        if (!inode) {
            path_put(ret);
            return -ENOENT;
        }
        /* A directory_fd may itself be a symlink (O_PATH | O_NOFOLLOW): it is not followed. */
        if (unlikely(inode_is(inode, S_IFLNK)) && walk->last_kind != PATH_LAST_NONE &&
            ((walk->flags & PATH_FOLLOW) || walk->trailing_slash)) {
            error = path_walk_symlink(walk, ret->dentry);
            path_put(ret);
            if (error)
                return error;
            continue;
        }
        if ((walk->trailing_slash || (walk->flags & PATH_DIRECTORY)) && !inode_is(inode, S_IFDIR)) {
            path_put(ret);
            return -ENOTDIR;
        }
        return 0;
    }
}

int path_lookup(int directory_fd, const char *path, uint32_t flags, struct path *ret)
{
    struct path_walk walk;
    int error = path_walk_start(&walk, directory_fd, path, flags);
    if (error)
        return error;
    error = path_walk_to_end(&walk, ret);
    path_walk_end(&walk);
    return error;
}

int path_lookup_parent(int directory_fd, const char *path, struct path *ret_parent, char *name,
                       bool *ret_special, bool *ret_trailing_slash)
{
    struct path_walk walk;
    int error = path_walk_start(&walk, directory_fd, path, 0);
    if (error)
        return error;
    error = path_walk_parent(&walk);
    if (!error) {
        *ret_special = walk.last_kind != PATH_LAST_NAME;
        *ret_trailing_slash = walk.trailing_slash;
        size_t length = *ret_special ? 0 : walk.last_length;
        if (length)
            memcpy(name, walk.last, length);
        name[length] = 0;
        *ret_parent = walk.at;
        path_get(&walk.at);
    }
    path_walk_end(&walk);
    return error;
}

/* ---- paths in user memory ---- */

int path_text_get(struct path_text *path, uint64_t user_address)
{
    ssize_t length = string_from_user(path->short_text, user_address, PATH_TEXT_SHORT);
    if (likely(length >= 0)) {
        path->text = path->short_text;
        return 0;
    }
    if (length != -ENAMETOOLONG)
        return (int)length;
    path->text = kmalloc(PATH_MAX);
    if (!path->text)
        return -ENOMEM;
    length = string_from_user(path->text, user_address, PATH_MAX);
    if (length < 0) {
        kfree(path->text);
        return (int)length;
    }
    return 0;
}

void path_text_free(struct path_text *path)
{
    if (unlikely(path->text != path->short_text))
        kfree(path->text);
}

int path_lookup_user(int directory_fd, uint64_t user_path, uint32_t flags, struct path *ret)
{
    struct path_text path;
    int error = path_text_get(&path, user_path);
    if (error)
        return error;
    error = path_lookup(directory_fd, path.text, flags, ret);
    path_text_free(&path);
    return error;
}

int path_inode_user(int directory_fd, uint64_t user_path, uint32_t flags, struct inode **ret,
                    struct path *ret_path)
{
    char first;
    if (ret_path)
        *ret_path = (struct path){NULL, NULL};
    if ((flags & PATH_EMPTY) && directory_fd != AT_FDCWD) {
        if (get_user(first, user_path))
            return -EFAULT;
        if (!first) {
            struct file *file = file_table_find(directory_fd);
            if (!file)
                return -EBADF;
            *ret = file->inode;
            inode_get(*ret);
            if (ret_path && file->dentry) {
                *ret_path = (struct path){file->mount, file->dentry};
                path_get(ret_path);
            }
            file_put(file);
            return 0;
        }
    }
    struct path path;
    int error = path_lookup_user(directory_fd, user_path, flags, &path);
    if (error)
        return error;
    *ret = path.dentry->inode;
    inode_get(*ret);
    if (ret_path)
        *ret_path = path;
    else
        path_put(&path);
    return 0;
}

int path_parent_user(struct path_parent *parent, int directory_fd, uint64_t user_path)
{
    int error = path_text_get(&parent->text, user_path);
    if (error)
        return error;
    error = path_walk_start(&parent->walk, directory_fd, parent->text.text, 0);
    if (!error) {
        error = path_walk_parent(&parent->walk);
        if (!error)
            return 0;
        path_walk_end(&parent->walk);
    }
    path_text_free(&parent->text);
    return error;
}

void path_parent_end(struct path_parent *parent)
{
    path_walk_end(&parent->walk);
    path_text_free(&parent->text);
}
