/*
 * kernel/sched/calls.c - the scheduling system calls about nice values, CPUs and I/O priorities
 * (setpriority(2), sched_setaffinity(2)); policies are policy_calls.c.
 */
#include "arch/cpu.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/sched/parameters.h"
#include "kernel/sched/policy_calls.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"
#include "kernel/token/process_gate.h"

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

int sched_target(int tid, struct task **ret)
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

bool sched_may_change(const struct task *task)
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

bool sched_may_have_nice(const struct task *task, int nice)
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

SYSCALL3(sched_setaffinity, int, tid, uint32_t, bytes, uint64_t, address)
{
    struct task *task;
    uint64_t mask = 0;
    if (copy_from_user(&mask, address, min(bytes, (uint32_t)sizeof(mask))))
        return -EFAULT;
    int error = sched_target(tid, &task);
    if (error)
        return error == -EINVAL ? -ESRCH : error;
    error = !sched_may_change(task) ? -EPERM : task_set_affinity(task, mask);
    task_put(task);
    return error;
}

SYSCALL3(sched_getaffinity, int, tid, uint32_t, bytes, uint64_t, address)
{
    struct task *task;
    if ((bytes & 7) || bytes * 8ull < cpu_count())
        return -EINVAL;
    int error = sched_target(tid, &task);
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
    if (!sched_may_change(task))
        return -EPERM;
    if (!sched_may_have_nice(task, nice))
        return -EACCES;
    task_set_nice(task, nice);
    return so_far == -ESRCH ? 0 : so_far;
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
    if (!sched_may_change(task))
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
