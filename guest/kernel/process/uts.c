/*
 * kernel/process/uts.c - host and domain names, one pair per UTS namespace: see uts.h; uname(2),
 * sethostname(2), setdomainname(2).
 */
#include "kernel/process/uts.h"

#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

#define FIRST_NUMBER 4026531838ull /* PROC_UTS_INIT_INO of Linux */
#define NEXT_NUMBER  4026532200ull

struct uts_namespace {
    uint32_t references; /* not of the first one */
    uint64_t number;
    char host_name[SYSTEM_NAME_BYTES], domain_name[SYSTEM_NAME_BYTES]; /* names_lock */
};

static struct uts_namespace first = {
    .number = FIRST_NUMBER, .host_name = "vitrine", .domain_name = "(none)"};
static struct spinlock names_lock = SPINLOCK_INIT(RANK_LOG); /* innermost: only copies under it */

static struct uts_namespace *real(struct uts_namespace *uts)
{
    return uts ? uts : &first;
}

struct uts_namespace *uts_duplicate(struct uts_namespace *source)
{
    static uint64_t next_number = NEXT_NUMBER; /* atomic */
    struct uts_namespace *uts = kzalloc(sizeof(*uts));
    if (!uts)
        return NULL;
    spin_lock(&names_lock);
    *uts = *real(source);
    spin_unlock(&names_lock);
    uts->references = 1;
    uts->number = __atomic_fetch_add(&next_number, 1, __ATOMIC_RELAXED);
    return uts;
}

void uts_get(struct uts_namespace *uts)
{
    if (uts)
        __atomic_fetch_add(&uts->references, 1, __ATOMIC_RELAXED);
}

void uts_put(struct uts_namespace *uts)
{
    if (uts && !__atomic_sub_fetch(&uts->references, 1, __ATOMIC_ACQ_REL))
        kfree(uts);
}

struct uts_namespace *uts_of(struct process *process)
{
    spin_lock(&process->signal_lock);
    struct uts_namespace *uts = process->uts;
    uts_get(uts);
    spin_unlock(&process->signal_lock);
    return uts;
}

void uts_enter(struct uts_namespace *uts)
{
    struct process *process = current->process;
    spin_lock(&process->signal_lock);
    struct uts_namespace *old = process->uts;
    process->uts = uts;
    spin_unlock(&process->signal_lock);
    uts_put(old);
}

uint64_t uts_number(const struct uts_namespace *uts)
{
    return uts ? uts->number : FIRST_NUMBER;
}

/* ---- names ---- */

static void copy_name(char name[SYSTEM_NAME_BYTES], size_t member)
{
    struct uts_namespace *uts = uts_of(current->process);
    spin_lock(&names_lock);
    memcpy(name, (const char *)real(uts) + member, SYSTEM_NAME_BYTES);
    spin_unlock(&names_lock);
    uts_put(uts);
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
    struct uts_namespace *uts = uts_of(current->process);
    spin_lock(&names_lock);
    memcpy((char *)real(uts) + member, name, SYSTEM_NAME_BYTES);
    spin_unlock(&names_lock);
    uts_put(uts);
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
