/*
 * prctl.c - what a process says about itself: prctl(2), arch_prctl(2), personality(2),
 * capabilities(7).
 *
 * Capabilities here follow the effective user id: 0 has all, any other none. capset() may therefore
 * confirm what is, and is refused for everything else: better than a promise that no check keeps.
 */
#include "arch/context.h"
#include "kernel/lib/string.h"
#include "kernel/observe/trace.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

enum prctl_option {
    PR_SET_PDEATHSIG = 1,
    PR_GET_PDEATHSIG = 2,
    PR_GET_DUMPABLE = 3,
    PR_SET_DUMPABLE = 4,
    PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS = 8,
    PR_GET_TIMING = 13,
    PR_SET_TIMING = 14,
    PR_SET_NAME = 15,
    PR_GET_NAME = 16,
    PR_CAPBSET_READ = 23,
    PR_GET_TSC = 25,
    PR_SET_TSC = 26,
    PR_GET_SECUREBITS = 27,
    PR_SET_TIMERSLACK = 29,
    PR_GET_TIMERSLACK = 30,
    PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37,
    PR_SET_NO_NEW_PRIVS = 38,
    PR_GET_NO_NEW_PRIVS = 39,
    PR_GET_TID_ADDRESS = 40,
};
#define PR_TIMING_STATISTICAL  0
#define PR_TSC_ENABLE          1
#define CAP_LAST               40 /* CAP_CHECKPOINT_RESTORE, the last of Linux 6.1 */
#define TIMER_SLACK_DEFAULT_NS 50000

static int64_t set_name(uint64_t address)
{
    char name[TASK_COMM_BYTES] = {};
    ssize_t length = string_from_user(name, address, sizeof(name) - 1);
    if (length == -EFAULT)
        return -EFAULT;
    name[TASK_COMM_BYTES - 1] = '\0'; /* longer names are cut, not refused */
    task_set_comm(current, name);
    return 0;
}

SYSCALL5(prctl, int, option, uint64_t, a2, uint64_t, a3, uint64_t, a4, uint64_t, a5)
{
    struct task *task = current;
    struct process *process = task->process;
    int32_t value;
    switch (option) {
    case PR_SET_PDEATHSIG:
        if (a2 > SIGNALS)
            return -EINVAL;
        task->parent_death_signal = (int32_t)a2;
        return 0;
    case PR_GET_PDEATHSIG:
        value = task->parent_death_signal;
        return put_user(value, a2);
    case PR_GET_DUMPABLE:
        return process->dumpable;
    case PR_SET_DUMPABLE:
        if (a2 > 1)
            return -EINVAL;
        process->dumpable = a2;
        return 0;
    case PR_GET_KEEPCAPS:
        return process->keep_capabilities;
    case PR_SET_KEEPCAPS:
        if (a2 > 1)
            return -EINVAL;
        process->keep_capabilities = a2;
        return 0;
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_SET_NAME:
        return set_name(a2);
    case PR_GET_NAME:
        return copy_to_user(a2, task->comm, TASK_COMM_BYTES);
    case PR_CAPBSET_READ:
        return a2 <= CAP_LAST ? 1 : -EINVAL;
    case PR_GET_TSC:
        value = PR_TSC_ENABLE;
        return put_user(value, a2);
    case PR_SET_TSC:
        return a2 == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_GET_SECUREBITS:
        return 0;
    case PR_SET_TIMERSLACK:
        task->timer_slack_ns = (int64_t)a2 <= 0 ? TIMER_SLACK_DEFAULT_NS : a2;
        return 0;
    case PR_GET_TIMERSLACK:
        return (int64_t)task->timer_slack_ns;
    case PR_SET_CHILD_SUBREAPER:
        process->is_subreaper = a2 != 0;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        value = process->is_subreaper;
        return put_user(value, a2);
    case PR_SET_NO_NEW_PRIVS:
        if (a2 != 1 || a3 || a4 || a5)
            return -EINVAL;
        process->no_new_privileges = true;
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        if (a2 || a3 || a4 || a5)
            return -EINVAL;
        return process->no_new_privileges;
    case PR_GET_TID_ADDRESS:
        return put_user(task->clear_child_tid, a2);
    default:
        return -EINVAL; /* options that this kernel does not have: prctl(2) */
    }
}

SYSCALL2(arch_prctl, int, code, uint64_t, address)
{
    return arch_prctl(current, code, address);
}

#define PERSONALITY_QUERY UINT32_MAX

SYSCALL1(personality, uint32_t, persona)
{
    struct process *process = current->process;
    uint32_t old = process->personality;
    if (persona != PERSONALITY_QUERY)
        process->personality = persona;
    return old;
}

/* ---- capabilities ---- */

#define CAPABILITY_VERSION_1 0x19980330u
#define CAPABILITY_VERSION_2 0x20071026u
#define CAPABILITY_VERSION_3 0x20080522u
#define CAPABILITIES_ALL     ((1ull << (CAP_LAST + 1)) - 1)

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
    uint32_t euid = current->process->credentials.euid;
    if (header.pid && header.pid != current->tid) {
        struct task *task = task_find_get(header.pid);
        if (!task)
            return -ESRCH;
        euid = task->process ? task->process->credentials.euid : 0;
        task_put(task);
    }
    if (!data_address)
        return 0;
    uint64_t all = euid == 0 ? CAPABILITIES_ALL : 0;
    struct capability_data data[2] = {
        {.effective = (uint32_t)all, .permitted = (uint32_t)all},
        {.effective = (uint32_t)(all >> 32), .permitted = (uint32_t)(all >> 32)},
    };
    return copy_to_user(data_address, data, elements * sizeof(data[0]));
}

SYSCALL2(capset, uint64_t, header_address, uint64_t, data_address)
{
    struct capability_header header;
    struct capability_data data[2] = {};
    int64_t error;
    unsigned elements = elements_of(&header, header_address, &error);
    if (!elements)
        return error;
    if (header.pid && header.pid != current->tid)
        return -EPERM;
    if (copy_from_user(data, data_address, elements * sizeof(data[0])))
        return -EFAULT;
    uint64_t all = current->process->credentials.euid == 0 ? CAPABILITIES_ALL : 0;
    uint64_t effective = data[0].effective | (uint64_t)data[1].effective << 32;
    uint64_t permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    uint64_t inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    if (elements == 1)
        all &= UINT32_MAX;
    return (effective & CAPABILITIES_ALL) == all && (permitted & CAPABILITIES_ALL) == all &&
                   !inheritable
               ? 0
               : -EPERM;
}
