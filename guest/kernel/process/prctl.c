/*
 * prctl.c - what a process says about itself: prctl(2), arch_prctl(2), personality(2). The options
 * about capabilities are in capability.c.
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
    PR_GET_TIMING = 13,
    PR_SET_TIMING = 14,
    PR_SET_NAME = 15,
    PR_GET_NAME = 16,
    PR_GET_TSC = 25,
    PR_GET_SECCOMP = 21,
    PR_SET_TSC = 26,
    PR_SET_TIMERSLACK = 29,
    PR_GET_TIMERSLACK = 30,
    PR_TASK_PERF_EVENTS_DISABLE = 31,
    PR_TASK_PERF_EVENTS_ENABLE = 32,
    PR_MCE_KILL_GET = 34,
    PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37,
    PR_SET_NO_NEW_PRIVS = 38,
    PR_GET_NO_NEW_PRIVS = 39,
    PR_GET_TID_ADDRESS = 40,
    PR_SET_THP_DISABLE = 41,
    PR_GET_THP_DISABLE = 42,
    PR_SET_MDWE = 65,
    PR_GET_MDWE = 66,
};
#define PR_TIMING_STATISTICAL 0
#define PR_TSC_ENABLE         1
#define PR_MCE_KILL_DEFAULT   2

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
    int64_t result;
    bool known;
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
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_SET_NAME:
        return set_name(a2);
    case PR_GET_NAME:
        return copy_to_user(a2, task->comm, TASK_COMM_BYTES);
    case PR_GET_TSC:
        value = PR_TSC_ENABLE;
        return put_user(value, a2);
    case PR_SET_TSC:
        return a2 == PR_TSC_ENABLE ? 0 : -EINVAL;
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
    /* What there is nothing of, or one way of only, is said so. */
    case PR_GET_SECCOMP:
    case PR_TASK_PERF_EVENTS_DISABLE:
    case PR_TASK_PERF_EVENTS_ENABLE:
        return 0;
    case PR_MCE_KILL_GET:
        return a2 || a3 || a4 || a5 ? -EINVAL : PR_MCE_KILL_DEFAULT;
    case PR_SET_MDWE:
    case PR_GET_MDWE:
        return a2 || a3 || a4 || a5 ? -EINVAL : 0;
    case PR_SET_THP_DISABLE:
        if (a3 || a4 || a5)
            return -EINVAL;
        process->no_huge_pages = a2 != 0;
        return 0;
    case PR_GET_THP_DISABLE:
        return a2 || a3 || a4 || a5 ? -EINVAL : process->no_huge_pages;
    default:
        result = capability_prctl(option, a2, a3, a4, a5, &known);
        return known ? result : -EINVAL; /* options that this kernel does not have: prctl(2) */
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
