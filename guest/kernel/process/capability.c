/*
 * kernel/process/capability.c - the five sets of capabilities(7): how they follow user ids and
 * programs, capget(2), capset(2), and prctl(2) as far as it is about them.
 */
#include "kernel/process/capability.h"

#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

#define BIT(capability) (1ull << (capability))
/* What the file system user id stands for (capabilities(7), "Effect of user ID changes"). */
#define FILE_SYSTEM_SET                                                                            \
    (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |         \
     BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MKNOD) | BIT(CAP_MAC_OVERRIDE))

static struct capability_sets *sets(void)
{
    return &current->process->credentials.capabilities;
}

/* ---- with ids and programs ---- */

void capabilities_fill(struct capability_sets *all)
{
    *all = (struct capability_sets){
        .effective = CAPABILITIES_ALL, .permitted = CAPABILITIES_ALL, .bounding = CAPABILITIES_ALL};
}

void capabilities_follow_user(struct credentials *now, uint32_t uid, uint32_t euid, uint32_t suid)
{
    struct capability_sets *c = &now->capabilities;
    bool was_root = !uid || !euid || !suid, is_root = !now->uid || !now->euid || !now->suid;

    if (c->secure_bits & SECURE_NO_SETUID_FIXUP)
        return;
    if (was_root && !is_root) {
        if (!(c->secure_bits & SECURE_KEEP_CAPS))
            c->permitted = c->effective = 0;
        c->ambient = 0;
    }
    if (!euid && now->euid)
        c->effective = 0;
    if (euid && !now->euid)
        c->effective = c->permitted;
}

void capabilities_follow_fsuid(struct credentials *now, uint32_t fsuid)
{
    struct capability_sets *c = &now->capabilities;

    if (c->secure_bits & SECURE_NO_SETUID_FIXUP)
        return;
    if (!fsuid && now->fsuid)
        c->effective &= ~FILE_SYSTEM_SET;
    if (fsuid && !now->fsuid)
        c->effective |= c->permitted & FILE_SYSTEM_SET;
}

void capabilities_follow_exec(struct credentials *now, bool gained_id)
{
    struct capability_sets *c = &now->capabilities;
    bool root = !(c->secure_bits & SECURE_NO_ROOT);

    if (gained_id)
        c->ambient = 0;
    c->permitted = c->ambient;
    if (root && (!now->uid || !now->euid))
        c->permitted |= c->inheritable | c->bounding;
    c->effective = root && !now->euid ? c->permitted : c->ambient;
    c->secure_bits &= ~SECURE_KEEP_CAPS;
}

/* ---- prctl(2) ---- */

enum {
    PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS = 8,
    PR_CAPBSET_READ = 23,
    PR_CAPBSET_DROP = 24,
    PR_GET_SECUREBITS = 27,
    PR_SET_SECUREBITS = 28,
    PR_CAP_AMBIENT = 47,
};
enum {
    PR_CAP_AMBIENT_IS_SET = 1,
    PR_CAP_AMBIENT_RAISE = 2,
    PR_CAP_AMBIENT_LOWER = 3,
    PR_CAP_AMBIENT_CLEAR_ALL = 4,
};

static bool has(enum capability capability)
{
    return process_has_capability(current->process, capability);
}

static int64_t set_keep(uint64_t keep)
{
    struct capability_sets *c = sets();
    if (keep > 1)
        return -EINVAL;
    if (c->secure_bits & SECURE_KEEP_CAPS_LOCKED)
        return -EPERM;
    c->secure_bits = (c->secure_bits & ~SECURE_KEEP_CAPS) | (keep ? SECURE_KEEP_CAPS : 0);
    return 0;
}

static int64_t set_secure_bits(uint64_t bits)
{
    struct capability_sets *c = sets();
    uint32_t locks = c->secure_bits & SECURE_LOCKS;
    if (!has(CAP_SETPCAP) || bits & ~(uint64_t)SECURE_BITS || locks & ~bits ||
        (locks >> 1) & (bits ^ c->secure_bits))
        return -EPERM;
    c->secure_bits = (uint32_t)bits;
    return 0;
}

static int64_t change_ambient(uint64_t what, uint64_t capability)
{
    struct capability_sets *c = sets();
    if (what == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (capability)
            return -EINVAL;
        c->ambient = 0;
        return 0;
    }
    if (capability > CAP_LAST)
        return -EINVAL;
    switch (what) {
    case PR_CAP_AMBIENT_IS_SET:
        return (int64_t)(c->ambient >> capability & 1);
    case PR_CAP_AMBIENT_RAISE:
        if (!(c->permitted & c->inheritable & BIT(capability)) ||
            c->secure_bits & SECURE_NO_AMBIENT_RAISE)
            return -EPERM;
        c->ambient |= BIT(capability);
        return 0;
    case PR_CAP_AMBIENT_LOWER:
        c->ambient &= ~BIT(capability);
        return 0;
    default:
        return -EINVAL;
    }
}

static int64_t drop_bounding(uint64_t capability)
{
    if (!has(CAP_SETPCAP))
        return -EPERM;
    if (capability > CAP_LAST)
        return -EINVAL;
    sets()->bounding &= ~BIT(capability);
    return 0;
}

static int64_t do_option(int option, uint64_t a2, uint64_t a3, bool more, bool *ret_known)
{
    const struct capability_sets *c = sets();
    switch (option) {
    case PR_GET_KEEPCAPS:
        return (c->secure_bits & SECURE_KEEP_CAPS) != 0;
    case PR_SET_KEEPCAPS:
        return set_keep(a2);
    case PR_CAPBSET_READ:
        return a2 <= CAP_LAST ? (int64_t)(c->bounding >> a2 & 1) : -EINVAL;
    case PR_CAPBSET_DROP:
        return drop_bounding(a2);
    case PR_GET_SECUREBITS:
        return c->secure_bits;
    case PR_SET_SECUREBITS:
        return set_secure_bits(a2);
    case PR_CAP_AMBIENT:
        return more ? -EINVAL : change_ambient(a2, a3);
    default:
        *ret_known = false;
        return 0;
    }
}

int64_t capability_prctl(int option, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                         bool *ret_known)
{
    struct process *process = current->process;
    *ret_known = true;
    spin_lock(&process->signal_lock);
    int64_t result = do_option(option, a2, a3, a4 || a5, ret_known);
    spin_unlock(&process->signal_lock);
    return result;
}

/* ---- capget(2), capset(2) ---- */

#define CAPABILITY_VERSION_1 0x19980330u
#define CAPABILITY_VERSION_2 0x20071026u
#define CAPABILITY_VERSION_3 0x20080522u

struct capability_header {
    uint32_t version;
    int32_t pid;
};
struct capability_data {
    uint32_t effective, permitted, inheritable;
};

/* Number of data elements for the caller's version; 0 = unknown, and ours is written back. */
static unsigned elements_of(struct capability_header *header, uint64_t address, int64_t *ret_error)
{
    *ret_error = -EFAULT;
    if (get_user(*header, address))
        return 0;
    if (header->version == CAPABILITY_VERSION_1)
        return 1;
    if (header->version == CAPABILITY_VERSION_2 || header->version == CAPABILITY_VERSION_3)
        return 2;
    uint32_t ours = CAPABILITY_VERSION_3;
    if (!put_user(ours, address))
        *ret_error = -EINVAL;
    return 0;
}

SYSCALL2(capget, uint64_t, header_address, uint64_t, data_address)
{
    struct capability_header header;
    int64_t error;
    unsigned elements = elements_of(&header, header_address, &error);
    if (!elements)
        return !data_address && error == -EINVAL ? 0 : error; /* only the version was asked for */
    if (header.pid < 0)
        return -EINVAL;
    struct capability_sets c = *sets();
    if (header.pid && header.pid != current->seen_tid) {
        struct task *task = task_find_get(pid_meant(header.pid));
        if (!task)
            return -ESRCH;
        c = task->process ? task->process->credentials.capabilities : (struct capability_sets){};
        task_put(task);
    }
    if (!data_address)
        return 0;
    struct capability_data data[2];
    for (int i = 0; i < 2; i++)
        data[i] = (struct capability_data){(uint32_t)(c.effective >> 32 * i),
                                           (uint32_t)(c.permitted >> 32 * i),
                                           (uint32_t)(c.inheritable >> 32 * i)};
    return copy_to_user(data_address, data, elements * sizeof(data[0]));
}

SYSCALL2(capset, uint64_t, header_address, uint64_t, data_address)
{
    struct process *process = current->process;
    struct capability_sets *c = sets();
    struct capability_header header;
    struct capability_data data[2] = {};
    int64_t error;
    unsigned elements = elements_of(&header, header_address, &error);
    if (!elements)
        return error;
    if (header.pid && header.pid != current->seen_tid)
        return -EPERM;
    if (copy_from_user(data, data_address, elements * sizeof(data[0])))
        return -EFAULT;
    uint64_t effective = data[0].effective | (uint64_t)data[1].effective << 32;
    uint64_t permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    uint64_t inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    effective &= CAPABILITIES_ALL; /* what does not exist is left out, as Linux does */
    permitted &= CAPABILITIES_ALL;
    inheritable &= CAPABILITIES_ALL;

    error = 0;
    spin_lock(&process->signal_lock);
    uint64_t inherits = c->inheritable | (has(CAP_SETPCAP) ? c->bounding : c->permitted);
    if (inheritable & ~inherits || inheritable & ~(c->inheritable | c->bounding) ||
        permitted & ~c->permitted || effective & ~permitted) {
        error = -EPERM;
    } else {
        c->effective = effective;
        c->permitted = permitted;
        c->inheritable = inheritable;
        c->ambient &= permitted & inheritable;
    }
    spin_unlock(&process->signal_lock);
    return error;
}
