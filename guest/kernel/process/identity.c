/*
 * identity.c - user and group ids, by the rules of credentials(7) and the manual pages of the
 * calls. The capability sets follow them (capability.c).
 *
 * Ids of a process are written by its own threads under signal_lock; a set of ids changes as one.
 */
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

#define NO_ID UINT32_MAX /* (uid_t)-1: leave as it is, or not valid */

static bool may_set_users(const struct credentials *credentials)
{
    return credentials->capabilities.effective >> CAP_SETUID & 1;
}

static bool may_set_groups(const struct credentials *credentials)
{
    return credentials->capabilities.effective >> CAP_SETGID & 1;
}

static struct credentials *ids(void)
{
    return &current->process->credentials;
}

static void lock_ids(void)
{
    spin_lock(&current->process->signal_lock);
}

static int64_t unlock_ids(int64_t result)
{
    spin_unlock(&current->process->signal_lock);
    return result;
}

/* A program whose effective ids changed must not be looked into by its user (prctl(2),
 * PR_SET_DUMPABLE). */
static void set_effective_user(struct credentials *c, uint32_t euid)
{
    if (c->euid != euid)
        current->process->dumpable = false;
    c->euid = c->fsuid = euid;
}

static void set_effective_group(struct credentials *c, uint32_t egid)
{
    if (c->egid != egid)
        current->process->dumpable = false;
    c->egid = c->fsgid = egid;
}

SYSCALL0(getuid)
{
    return ids()->uid;
}

SYSCALL0(geteuid)
{
    return ids()->euid;
}

SYSCALL0(getgid)
{
    return ids()->gid;
}

SYSCALL0(getegid)
{
    return ids()->egid;
}

SYSCALL1(setuid, uint32_t, uid)
{
    struct credentials *c = ids();
    if (uid == NO_ID)
        return -EINVAL;
    lock_ids();
    uint32_t uid_was = c->uid, euid_was = c->euid, suid_was = c->suid;
    if (may_set_users(c))
        c->uid = c->suid = uid;
    else if (uid != c->uid && uid != c->suid)
        return unlock_ids(-EPERM);
    set_effective_user(c, uid);
    capabilities_follow_user(c, uid_was, euid_was, suid_was);
    return unlock_ids(0);
}

SYSCALL1(setgid, uint32_t, gid)
{
    struct credentials *c = ids();
    if (gid == NO_ID)
        return -EINVAL;
    lock_ids();
    if (may_set_groups(c))
        c->gid = c->sgid = gid;
    else if (gid != c->gid && gid != c->sgid)
        return unlock_ids(-EPERM);
    set_effective_group(c, gid);
    return unlock_ids(0);
}

SYSCALL2(setreuid, uint32_t, uid, uint32_t, euid)
{
    struct credentials *c = ids();
    lock_ids();
    uint32_t uid_was = c->uid, euid_was = c->euid, suid_was = c->suid;
    uint32_t old_uid = c->uid;
    if (!may_set_users(c)) {
        if (uid != NO_ID && uid != c->uid && uid != c->euid)
            return unlock_ids(-EPERM);
        if (euid != NO_ID && euid != c->uid && euid != c->euid && euid != c->suid)
            return unlock_ids(-EPERM);
    }
    if (uid != NO_ID)
        c->uid = uid;
    if (euid != NO_ID)
        set_effective_user(c, euid);
    if (uid != NO_ID || (euid != NO_ID && euid != old_uid))
        c->suid = c->euid;
    c->fsuid = c->euid;
    capabilities_follow_user(c, uid_was, euid_was, suid_was);
    return unlock_ids(0);
}

SYSCALL2(setregid, uint32_t, gid, uint32_t, egid)
{
    struct credentials *c = ids();
    lock_ids();
    uint32_t old_gid = c->gid;
    if (!may_set_groups(c)) {
        if (gid != NO_ID && gid != c->gid && gid != c->egid)
            return unlock_ids(-EPERM);
        if (egid != NO_ID && egid != c->gid && egid != c->egid && egid != c->sgid)
            return unlock_ids(-EPERM);
    }
    if (gid != NO_ID)
        c->gid = gid;
    if (egid != NO_ID)
        set_effective_group(c, egid);
    if (gid != NO_ID || (egid != NO_ID && egid != old_gid))
        c->sgid = c->egid;
    c->fsgid = c->egid;
    return unlock_ids(0);
}

static bool one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
    return id == NO_ID || id == a || id == b || id == c;
}

SYSCALL3(setresuid, uint32_t, uid, uint32_t, euid, uint32_t, suid)
{
    struct credentials *c = ids();
    lock_ids();
    uint32_t uid_was = c->uid, euid_was = c->euid, suid_was = c->suid;
    if (!may_set_users(c) &&
        !(one_of(uid, c->uid, c->euid, c->suid) && one_of(euid, c->uid, c->euid, c->suid) &&
          one_of(suid, c->uid, c->euid, c->suid)))
        return unlock_ids(-EPERM);
    if (uid != NO_ID)
        c->uid = uid;
    if (euid != NO_ID)
        set_effective_user(c, euid);
    if (suid != NO_ID)
        c->suid = suid;
    c->fsuid = c->euid;
    capabilities_follow_user(c, uid_was, euid_was, suid_was);
    return unlock_ids(0);
}

SYSCALL3(setresgid, uint32_t, gid, uint32_t, egid, uint32_t, sgid)
{
    struct credentials *c = ids();
    lock_ids();
    if (!may_set_groups(c) &&
        !(one_of(gid, c->gid, c->egid, c->sgid) && one_of(egid, c->gid, c->egid, c->sgid) &&
          one_of(sgid, c->gid, c->egid, c->sgid)))
        return unlock_ids(-EPERM);
    if (gid != NO_ID)
        c->gid = gid;
    if (egid != NO_ID)
        set_effective_group(c, egid);
    if (sgid != NO_ID)
        c->sgid = sgid;
    c->fsgid = c->egid;
    return unlock_ids(0);
}

SYSCALL3(getresuid, uint64_t, uid_address, uint64_t, euid_address, uint64_t, suid_address)
{
    struct credentials *c = ids();
    return put_user(c->uid, uid_address) || put_user(c->euid, euid_address) ||
                   put_user(c->suid, suid_address)
               ? -EFAULT
               : 0;
}

SYSCALL3(getresgid, uint64_t, gid_address, uint64_t, egid_address, uint64_t, sgid_address)
{
    struct credentials *c = ids();
    return put_user(c->gid, gid_address) || put_user(c->egid, egid_address) ||
                   put_user(c->sgid, sgid_address)
               ? -EFAULT
               : 0;
}

/* Both return the old value whether or not they did anything (setfsuid(2)). */
SYSCALL1(setfsuid, uint32_t, uid)
{
    struct credentials *c = ids();
    lock_ids();
    uint32_t old = c->fsuid;
    if (uid != NO_ID &&
        (may_set_users(c) || uid == c->uid || uid == c->euid || uid == c->suid || uid == c->fsuid))
        c->fsuid = uid;
    capabilities_follow_fsuid(c, old);
    return unlock_ids(old);
}

SYSCALL1(setfsgid, uint32_t, gid)
{
    struct credentials *c = ids();
    lock_ids();
    uint32_t old = c->fsgid;
    if (gid != NO_ID &&
        (may_set_groups(c) || gid == c->gid || gid == c->egid || gid == c->sgid || gid == c->fsgid))
        c->fsgid = gid;
    return unlock_ids(old);
}

SYSCALL2(getgroups, int, size, uint64_t, address)
{
    struct credentials *c = ids();
    uint32_t groups[ARRAY_COUNT(c->groups)];
    if (size < 0)
        return -EINVAL;
    lock_ids();
    uint32_t count = c->group_count;
    for (uint32_t i = 0; i < count; i++)
        groups[i] = c->groups[i];
    unlock_ids(0);
    if (!size)
        return count;
    if ((uint32_t)size < count)
        return -EINVAL;
    return copy_to_user(address, groups, count * sizeof(groups[0])) ? -EFAULT : (int64_t)count;
}

/* As getgroups() shows them on Linux; the list is short. */
static void sort_groups(uint32_t *groups, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t group = groups[i], at = i;
        for (; at && groups[at - 1] > group; at--)
            groups[at] = groups[at - 1];
        groups[at] = group;
    }
}

/* At most 32 here; Linux has NGROUPS_MAX = 65536, and the same error beyond it. */
SYSCALL2(setgroups, uint32_t, size, uint64_t, address)
{
    struct credentials *c = ids();
    uint32_t groups[ARRAY_COUNT(c->groups)];
    if (!may_set_groups(c))
        return -EPERM;
    if (size > ARRAY_COUNT(groups))
        return -EINVAL;
    if (copy_from_user(groups, address, size * sizeof(groups[0])))
        return -EFAULT;
    for (uint32_t i = 0; i < size; i++) {
        if (groups[i] == NO_ID)
            return -EINVAL;
    }
    sort_groups(groups, size);
    lock_ids();
    c->group_count = size;
    for (uint32_t i = 0; i < size; i++)
        c->groups[i] = groups[i];
    return unlock_ids(0);
}
