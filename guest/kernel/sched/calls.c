/*
 * kernel/sched/calls.c - the scheduling system calls (sched(7), setpriority(2)), for the classes
 * that exist: OTHER, BATCH and IDLE. FIFO, RR and DEADLINE are refused with EINVAL, as by a kernel
 * built without them.
 */
#include "arch/cpu.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/sched/fair.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"
#include "kernel/token/process_gate.h"

#define SCHED_OTHER         0
#define SCHED_FIFO          1
#define SCHED_RR            2
#define SCHED_BATCH         3
#define SCHED_IDLE          5
#define SCHED_DEADLINE      6
#define SCHED_RESET_ON_FORK 0x40000000
#define PRIO_PROCESS        0
#define PRIO_PGRP           1
#define PRIO_USER           2

/* The task with that tid, or the caller for 0; counted. */
static int target(int tid, struct task **ret)
{
    if (tid < 0)
        return -EINVAL;
    if (!tid) {
        task_get(current);
        *ret = current;
        return 0;
    }
    *ret = task_find_get(pid_meant(tid));
    return *ret ? 0 : -ESRCH;
}

/* May the caller change the other's scheduling: its owner, or root. */
static bool may_change(const struct task *task)
{
    const struct credentials *mine = &current->process->credentials;
    struct process *target = task->process;
    if (!target || target == current->process)
        return target || process_has_capability(current->process, CAP_SYS_NICE);
    bool allowed = mine->euid == target->credentials.uid ||
                   mine->euid == target->credentials.euid ||
                   process_has_capability(current->process, CAP_SYS_NICE);
    return process_allows(target, PROCESS_SET_INFORMATION, allowed);
}

/* May the caller give the task that nice value? A better one needs privilege, or RLIMIT_NICE. */
static bool may_have_nice(const struct task *task, int nice)
{
    return nice >= task->nice || process_has_capability(current->process, CAP_SYS_NICE) ||
           (uint64_t)(20 - nice) <=
               READ_ONCE(
                   (task->process ? task->process : current->process)->rlimits[RLIMIT_NICE].soft);
}

SYSCALL0(sched_yield)
{
    task_yield();
    return 0;
}

static int64_t change_policy(int tid, uint32_t policy, int priority, int nice, bool keep_nice)
{
    struct task *task;
    int error = target(tid, &task);
    if (error)
        return error;
    if (!may_change(task) || (!keep_nice && !may_have_nice(task, nice)))
        error = -EPERM;
    else
        error = task_set_policy(task, policy, priority, keep_nice ? task->nice : nice);
    task_put(task);
    return error;
}

SYSCALL3(sched_setscheduler, int, tid, int, policy, uint64_t, parameters)
{
    int priority;
    if (!parameters || tid < 0 || policy < 0)
        return -EINVAL;
    if (get_user(priority, parameters))
        return -EFAULT;
    return change_policy(tid, (uint32_t)policy & ~(uint32_t)SCHED_RESET_ON_FORK, priority, 0, true);
}

SYSCALL2(sched_setparam, int, tid, uint64_t, parameters)
{
    int priority;
    struct task *task;
    if (!parameters || tid < 0)
        return -EINVAL;
    if (get_user(priority, parameters))
        return -EFAULT;
    int error = target(tid, &task);
    if (error)
        return error;
    error = !may_change(task) ? -EPERM : task_set_policy(task, task->policy, priority, task->nice);
    task_put(task);
    return error;
}

SYSCALL1(sched_getscheduler, int, tid)
{
    struct task *task;
    int error = target(tid, &task);
    if (error)
        return error;
    int64_t policy = task->policy;
    task_put(task);
    return policy;
}

SYSCALL2(sched_getparam, int, tid, uint64_t, parameters)
{
    struct task *task;
    if (!parameters || tid < 0)
        return -EINVAL;
    int error = target(tid, &task);
    if (error)
        return error;
    int priority = task->rt_priority;
    task_put(task);
    return put_user(priority, parameters);
}

struct linux_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

SYSCALL3(sched_setattr, int, tid, uint64_t, address, uint32_t, flags)
{
    struct linux_sched_attr attribute = {0};
    uint32_t size;
    if (!address || tid < 0 || flags)
        return -EINVAL;
    if (get_user(size, address))
        return -EFAULT;
    if (!size)
        size = sizeof(attribute);
    if (size < sizeof(attribute))
        return -E2BIG;
    if (copy_from_user(&attribute, address, sizeof(attribute)))
        return -EFAULT;
    return change_policy(tid, attribute.policy, (int)attribute.priority, attribute.nice, false);
}

SYSCALL4(sched_getattr, int, tid, uint64_t, address, uint32_t, size, uint32_t, flags)
{
    struct task *task;
    struct linux_sched_attr attribute = {0};
    if (!address || tid < 0 || flags || size < sizeof(attribute) || size > PAGE_SIZE)
        return -EINVAL;
    int error = target(tid, &task);
    if (error)
        return error;
    attribute.size = sizeof(attribute);
    attribute.policy = task->policy;
    attribute.nice = task->nice;
    task_put(task);
    return put_user(attribute, address);
}

SYSCALL1(sched_get_priority_max, int, policy)
{
    switch (policy) {
    case SCHED_FIFO:
    case SCHED_RR:
        return 99;
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE:
    case SCHED_DEADLINE:
        return 0;
    default:
        return -EINVAL;
    }
}

SYSCALL1(sched_get_priority_min, int, policy)
{
    switch (policy) {
    case SCHED_FIFO:
    case SCHED_RR:
        return 1;
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE:
    case SCHED_DEADLINE:
        return 0;
    default:
        return -EINVAL;
    }
}

SYSCALL2(sched_rr_get_interval, int, tid, uint64_t, address)
{
    struct task *task;
    if (tid < 0)
        return -EINVAL;
    int error = target(tid, &task);
    if (error)
        return error;
    struct linux_timespec slice = {0, (int64_t)clock_tsc_to_ns(task->fair.slice)};
    task_put(task);
    return put_user(slice, address);
}

SYSCALL3(sched_setaffinity, int, tid, uint32_t, bytes, uint64_t, address)
{
    struct task *task;
    uint64_t mask = 0;
    if (copy_from_user(&mask, address, min(bytes, (uint32_t)sizeof(mask))))
        return -EFAULT;
    int error = target(tid, &task);
    if (error)
        return error == -EINVAL ? -ESRCH : error;
    error = !may_change(task) ? -EPERM : task_set_affinity(task, mask);
    task_put(task);
    return error;
}

SYSCALL3(sched_getaffinity, int, tid, uint32_t, bytes, uint64_t, address)
{
    struct task *task;
    if ((bytes & 7) || bytes * 8ull < cpu_count())
        return -EINVAL;
    int error = target(tid, &task);
    if (error)
        return error == -EINVAL ? -ESRCH : error;
    unsigned count = cpu_count();
    uint64_t mask = task->affinity & (count == 64 ? UINT64_MAX : (1ull << count) - 1);
    task_put(task);
    if (put_user(mask, address))
        return -EFAULT;
    return sizeof(mask);
}

SYSCALL3(getcpu, uint64_t, cpu_address, uint64_t, node_address, uint64_t, unused)
{
    (void)unused;
    uint32_t cpu = this_cpu()->index, node = 0;
    if (cpu_address && put_user(cpu, cpu_address))
        return -EFAULT;
    if (node_address && put_user(node, node_address))
        return -EFAULT;
    return 0;
}

/* ---- nice, for one process, a group, or a user ---- */

static bool selected(const struct process *process, int which, uint32_t who)
{
    switch (which) {
    case PRIO_PROCESS:
        return (uint32_t)process->pid == who;
    case PRIO_PGRP:
        return (uint32_t)process->group == who;
    default:
        return process->credentials.uid == who;
    }
}

/* Calls for every thread of every process selected; -ESRCH if there is none. */
static int64_t for_selected(int which, uint32_t who,
                            int64_t (*operation)(struct task *task, int argument, int64_t so_far),
                            int argument)
{
    int64_t result = -ESRCH;
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    if (!who)
        who = which == PRIO_PROCESS ? (uint32_t)current->tid /* of the thread alone, as on Linux */
              : which == PRIO_PGRP  ? (uint32_t)current->process->group
                                    : current->process->credentials.uid;
    else if (which != PRIO_USER)
        who = (uint32_t)pid_meant((int32_t)who);
    if (which == PRIO_PROCESS) {
        struct task *task = who <= INT32_MAX ? task_find_get((int32_t)who) : NULL;
        if (!task)
            return -ESRCH;
        result = operation(task, argument, result);
        task_put(task);
        return result;
    }
    struct process *process;
    for (int32_t pid = 1; (process = process_next_get(pid));) {
        pid = process->pid + 1;
        if (selected(process, which, who)) {
            struct task *task;
            for (int32_t tid = 1; (task = process_thread_next_get(process, tid));) {
                tid = task->tid + 1;
                result = operation(task, argument, result);
                task_put(task);
            }
        }
        process_put(process);
        preemption_point();
    }
    return result;
}

static int64_t set_nice(struct task *task, int nice, int64_t so_far)
{
    if (!may_change(task))
        return -EPERM;
    if (!may_have_nice(task, nice))
        return -EACCES;
    int error = task_set_policy(task, task->policy, 0, nice);
    return so_far == -ESRCH || !so_far ? error : so_far;
}

static int64_t best_nice(struct task *task, int unused, int64_t so_far)
{
    (void)unused;
    int64_t value = 20 - task->nice; /* the ABI's 1..40, so that it is never negative */
    return max(value, so_far);
}

SYSCALL3(setpriority, int, which, int, who, int, nice)
{
    return for_selected(which, (uint32_t)who, set_nice, nice < -20 ? -20 : nice > 19 ? 19 : nice);
}

SYSCALL2(getpriority, int, which, int, who)
{
    return for_selected(which, (uint32_t)who, best_nice, 0);
}

/* ---- I/O priority: kept, and followed by nobody, since nothing is queued for a device ---- */

#define IOPRIO_WHO_PROCESS    1
#define IOPRIO_WHO_USER       3
#define IOPRIO_CLASS_SHIFT    13
#define IOPRIO_CLASS_REALTIME 1
#define IOPRIO_CLASS_IDLE     3

static int64_t set_io_priority(struct task *task, int priority, int64_t so_far)
{
    (void)so_far;
    if (!may_change(task))
        return -EPERM;
    WRITE_ONCE(task->io_priority, (uint32_t)priority);
    return 0;
}

/* The best: a lower class that is not 0, or a lower level in it. */
static int64_t best_io_priority(struct task *task, int unused, int64_t so_far)
{
    (void)unused;
    int64_t value = READ_ONCE(task->io_priority);
    return so_far <= 0 || (value && value < so_far) ? value : so_far;
}

/* `which` counts from 1 here, and from 0 in setpriority(2). */
SYSCALL3(ioprio_set, int, which, int, who, int, priority)
{
    int class = priority >> IOPRIO_CLASS_SHIFT;
    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER || priority < 0 ||
        class > IOPRIO_CLASS_IDLE || (!class && priority))
        return -EINVAL;
    if (class == IOPRIO_CLASS_REALTIME && !process_has_capability(current->process, CAP_SYS_NICE))
        return -EPERM;
    return for_selected(which - IOPRIO_WHO_PROCESS, (uint32_t)who, set_io_priority, priority);
}

SYSCALL2(ioprio_get, int, which, int, who)
{
    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
        return -EINVAL;
    return for_selected(which - IOPRIO_WHO_PROCESS, (uint32_t)who, best_io_priority, 0);
}
