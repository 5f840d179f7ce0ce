/*
 * kernel/namespace/uts.c - host and domain names, one pair per UTS namespace; uname(2),
 * sethostname(2), setdomainname(2).
 */
#include "kernel/namespace/uts.h"

#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/process/clone_flags.h"
#include "kernel/syscall/syscall.h"

static struct spinlock names_lock = SPINLOCK_INIT(RANK_LOG); /* innermost: only copies under it */

static struct uts_namespace *uts_of(struct namespace *namespace)
{
    return container_of(namespace, struct uts_namespace, head);
}

/* The running task's; it cannot go while the task is in it. */
static struct uts_namespace *own(void)
{
    return uts_of(current->namespaces->of[NAMESPACE_UTS]);
}

static int uts_create(struct namespace *from, struct fs_context *fs, struct namespace **ret)
{
    struct uts_namespace *uts = kmalloc(sizeof(*uts));
    if (!uts)
        return -ENOMEM;
    spin_lock(&names_lock);
    *uts = *uts_of(from); /* with the same names; the head follows */
    spin_unlock(&names_lock);
    namespace_publish(&uts->head, from->type);
    *ret = &uts->head;
    return 0;
}

static void uts_release(struct namespace *namespace)
{
    kfree(uts_of(namespace));
}

const struct namespace_type uts_namespace_type = {
    .kind = NAMESPACE_UTS,
    .name = "uts",
    .clone_flag = CLONE_NEWUTS,
    .create = uts_create,
    .release = uts_release,
};

struct uts_namespace initial_uts_namespace = {
    .head = NAMESPACE_INIT(&uts_namespace_type, NAMESPACE_FIRST_UTS),
    .host_name = "vitrine",
    .domain_name = "(none)",
};

/* ---- names ---- */

static void copy_name(char name[SYSTEM_NAME_BYTES], size_t member)
{
    spin_lock(&names_lock);
    memcpy(name, (const char *)own() + member, SYSTEM_NAME_BYTES);
    spin_unlock(&names_lock);
}

void host_name_get(char name[SYSTEM_NAME_BYTES])
{
    copy_name(name, offsetof(struct uts_namespace, host_name));
}

void domain_name_get(char name[SYSTEM_NAME_BYTES])
{
    copy_name(name, offsetof(struct uts_namespace, domain_name));
}

SYSCALL1(uname, uint64_t, address)
{
    struct {
        char system[SYSTEM_NAME_BYTES], node[SYSTEM_NAME_BYTES], release[SYSTEM_NAME_BYTES];
        char version[SYSTEM_NAME_BYTES], machine[SYSTEM_NAME_BYTES], domain[SYSTEM_NAME_BYTES];
    } names = {SYSTEM_NAME, "", SYSTEM_RELEASE, SYSTEM_VERSION, SYSTEM_MACHINE, ""};
    host_name_get(names.node);
    domain_name_get(names.domain);
    return copy_to_user(address, &names, sizeof(names));
}

static int64_t set_system_name(size_t member, uint64_t address, int length)
{
    char name[SYSTEM_NAME_BYTES] = {};
    if (!process_has_capability(current->process, CAP_SYS_ADMIN))
        return -EPERM;
    if (length < 0 || length >= SYSTEM_NAME_BYTES)
        return -EINVAL;
    if (copy_from_user(name, address, (size_t)length))
        return -EFAULT;
    spin_lock(&names_lock);
    memcpy((char *)own() + member, name, SYSTEM_NAME_BYTES);
    spin_unlock(&names_lock);
    return 0;
}

SYSCALL2(sethostname, uint64_t, address, int, length)
{
    return set_system_name(offsetof(struct uts_namespace, host_name), address, length);
}

SYSCALL2(setdomainname, uint64_t, address, int, length)
{
    return set_system_name(offsetof(struct uts_namespace, domain_name), address, length);
}
