/*
 * kernel/fs/permission.c - see permission.h. The rules are those of path_resolution(7), inode(7)
 * and the man pages of the calls; the ids are the process's file system ids.
 */
#include "kernel/fs/permission.h"

#include "arch/cpu.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/process/process.h"
#include "kernel/token/projection.h"

static const struct credentials *credentials_now(void)
{
    struct task *task = current;
    if (unlikely(!task || !task->process))
        return NULL;
    return likely(!task->acting) ? &task->process->credentials : &task->acting->credentials;
}

static bool in_groups(const struct credentials *credentials, uint32_t gid)
{
    uint32_t count = min(credentials->group_count, (uint32_t)ARRAY_COUNT(credentials->groups));
    for (uint32_t i = 0; i < count; i++) {
        if (credentials->groups[i] == gid)
            return true;
    }
    return false;
}

int inode_permission_by(const struct inode *inode, uint32_t mask, bool real)
{
    const struct credentials *credentials = credentials_now();
    uint32_t mode = inode->mode, uid = 0, gid = 0;
    bool overrides = true;
    if (mask & MAY_WRITE && unlikely(inode->flags & INODE_IMMUTABLE))
        return -EPERM; /* whoever asks */
    if (credentials) {
        if (unlikely(current->acting != NULL) && current->acting->looks_only)
            return -EACCES;
        uid = real ? credentials->uid : credentials->fsuid;
        gid = real ? credentials->gid : credentials->fsgid;
        overrides = (real ? uid ? 0 : credentials->capabilities.permitted
                          : credentials->capabilities.effective) >>
                        CAP_DAC_OVERRIDE &
                    1;
    }
    if (likely(overrides)) {
        /* Privilege does not make a file executable that nobody may execute. */
        if ((mask & MAY_EXECUTE) && !(mode & 0111) && (mode & S_IFMT) != S_IFDIR)
            return -EACCES;
        return 0;
    }
    if (inode->uid == uid)
        mode >>= 6;
    else if (inode->gid == gid || in_groups(credentials, inode->gid))
        mode >>= 3;
    return mask & ~mode & 7 ? -EACCES : 0;
}

int inode_permission(const struct inode *inode, uint32_t mask)
{
    return inode_permission_by(inode, mask, false);
}

bool fs_capable(enum capability capability)
{
    const struct credentials *credentials = credentials_now();
    if (!credentials)
        return true;
    return credentials->capabilities.effective >> capability & 1 &&
           (CAPABILITIES_OF_IDS >> capability & 1 ||
            capability_by_privilege(current->process, capability));
}

bool inode_owner_or_privileged(const struct inode *inode)
{
    const struct credentials *credentials = credentials_now();
    return !credentials || credentials->fsuid == inode->uid || fs_capable(CAP_FOWNER);
}

bool fs_in_group(uint32_t gid)
{
    const struct credentials *credentials = credentials_now();
    return !credentials || credentials->fsgid == gid || in_groups(credentials, gid);
}

int directory_may_create(const struct mount *mount, const struct inode *directory)
{
    int error = mount_read_only(mount, directory);
    if (!error && !directory->links)
        error = -ENOENT;
    return error ? error : inode_permission(directory, MAY_WRITE | MAY_EXECUTE);
}

int directory_may_delete(const struct path *directory, const struct dentry *victim,
                         bool want_directory)
{
    const struct inode *inode = victim->inode, *parent = directory->dentry->inode;
    int error = mount_read_only(directory->mount, parent);
    if (!error)
        error = inode_permission(parent, MAY_WRITE | MAY_EXECUTE);
    if (error)
        return error;
    if (unlikely(parent->flags & INODE_APPEND_ONLY || inode_is_kept(inode)))
        return -EPERM;
    if ((parent->mode & S_ISVTX) && !inode_owner_or_privileged(inode) &&
        !inode_owner_or_privileged(parent))
        return -EPERM;
    bool is_directory = inode_is(inode, S_IFDIR);
    if (want_directory && !is_directory)
        return -ENOTDIR;
    if (!want_directory && is_directory)
        return -EISDIR;
    return unlikely(victim->mounts) && mount_covers_here(victim) ? -EBUSY : 0;
}

void inode_drop_set_ids(struct inode *inode)
{
    if (likely(!(inode->mode & (S_ISUID | S_ISGID))) || fs_capable(CAP_FSETID))
        return;
    inode->mode &= ~S_ISUID;
    if (inode->mode & 0010)
        inode->mode &= ~S_ISGID;
}

uint32_t fs_umask(void)
{
    struct task *task = current;
    return task && task->fs ? READ_ONCE(task->fs->umask) & 0777 : 0;
}

uint32_t inode_new_mode(const struct inode *directory, uint32_t mode)
{
    mode &= ~fs_umask();
    if (directory->mode & S_ISGID) {
        if ((mode & S_IFMT) == S_IFDIR)
            mode |= S_ISGID;
        else if ((mode & (S_ISGID | 0010)) == (S_ISGID | 0010) && !fs_in_group(directory->gid) &&
                 !fs_capable(CAP_FSETID))
            mode &= ~S_ISGID;
    }
    return mode;
}

void inode_set_owner(struct inode *inode, const struct inode *directory)
{
    const struct credentials *credentials = credentials_now();
    inode->uid = credentials ? credentials->fsuid : 0;
    inode->gid = credentials ? credentials->fsgid : 0;
    if (directory && (directory->mode & S_ISGID))
        inode->gid = directory->gid;
    if (directory)
        inode->flags = directory->flags & INODE_INHERITED;
}
