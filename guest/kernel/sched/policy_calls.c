/*
 * kernel/sched/policy_calls.c - the system calls about policies (sched(7), sched_setattr(2)). Checks are
 * made in Linux's order.
 */
#include "kernel/sched/policy_calls.h"

#include "kernel/process/process.h"
#include "kernel/sched/parameters.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"

#define SCHED_RESET_ON_FORK 0x40000000

/* struct sched_attr */
#define ATTRIBUTE_BYTES_FIRST 48u /* SCHED_ATTR_SIZE_VER0 */

enum attribute_flags {
    ATTRIBUTE_RESET_ON_FORK = 0x1,
    ATTRIBUTE_RECLAIM = 0x2,
    ATTRIBUTE_DEADLINE_OVERRUN = 0x4,
    ATTRIBUTE_KEEP_POLICY = 0x8,
    ATTRIBUTE_KEEP_PARAMETERS = 0x10,
    ATTRIBUTE_UTILIZATION_MIN = 0x20,
    ATTRIBUTE_UTILIZATION_MAX = 0x40,
    ATTRIBUTE_FLAGS = 0x7f,
};

struct linux_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t utilization_min, utilization_max;
};
_Static_assert(sizeof(struct linux_sched_attr) == 56, "struct sched_attr is part of the ABI");

static bool is_realtime(uint32_t policy)
{
    return policy == SCHED_POLICY_FIFO || policy == SCHED_POLICY_RR;
}

static bool is_normal(uint32_t policy)
{
    return policy == SCHED_POLICY_OTHER || policy == SCHED_POLICY_BATCH ||
           policy == SCHED_POLICY_IDLE;
}

/* What may be asked for without CAP_SYS_NICE. */
static bool allowed_to_all(const struct task *task, const struct sched_parameters *old,
                           const struct sched_parameters *wanted)
{
    const struct process *process = task->process ? task->process : current->process;
    uint64_t limit = READ_ONCE(process->rlimits[RLIMIT_RTPRIO].soft);
    if (is_normal(wanted->policy) && wanted->nice < old->nice &&
        !sched_may_have_nice(task, wanted->nice))
        return false;
    if (is_realtime(wanted->policy)) {
        if (wanted->policy != old->policy && !limit)
            return false;
        if (wanted->priority > old->priority && (uint64_t)wanted->priority > limit)
            return false;
    }
    if (wanted->policy == SCHED_POLICY_DEADLINE)
        return false;
    /* Out of SCHED_IDLE is like a better nice value: RLIMIT_NICE must allow the present one. */
    if (old->policy == SCHED_POLICY_IDLE && wanted->policy != SCHED_POLICY_IDLE &&
        (uint64_t)(20 - old->nice) > READ_ONCE(process->rlimits[RLIMIT_NICE].soft))
        return false;
    return !old->reset_on_fork || wanted->reset_on_fork;
}

static int64_t change(struct task *task, const struct sched_parameters *old,
                      struct sched_parameters *wanted)
{
    int error = sched_parameters_check(wanted);
    if (error)
        return error;
    if (!sched_may_change(task) || (!process_has_capability(current->process, CAP_SYS_NICE) &&
                                    !allowed_to_all(task, old, wanted)))
        return -EPERM;
    return task->flags & TASK_IDLE ? -EINVAL : task_set_parameters(task, wanted);
}

/* policy < 0: the old one. */
static int64_t set_scheduler(int tid, int policy, uint64_t address)
{
    struct task *task;
    struct sched_parameters old, wanted;
    int priority;
    if (!address || tid < 0)
        return -EINVAL;
    if (get_user(priority, address))
        return -EFAULT;
    int64_t error = sched_target(tid, &task);
    if (error)
        return error;
    task_parameters(task, &old);
    wanted = old;
    if (policy >= 0) {
        wanted.policy = (uint32_t)policy & ~(uint32_t)SCHED_RESET_ON_FORK;
        wanted.reset_on_fork = policy & SCHED_RESET_ON_FORK;
    }
    wanted.priority = priority;
    wanted.runtime_ns = wanted.deadline_ns = wanted.period_ns = 0;
    error = change(task, &old, &wanted);
    task_put(task);
    return error;
}

SYSCALL3(sched_setscheduler, int, tid, int, policy, uint64_t, parameters)
{
    return policy < 0 ? -EINVAL : set_scheduler(tid, policy, parameters);
}

SYSCALL2(sched_setparam, int, tid, uint64_t, parameters)
{
    return set_scheduler(tid, -1, parameters);
}

SYSCALL1(sched_getscheduler, int, tid)
{
    struct task *task;
    int error = sched_target(tid, &task);
    if (error)
        return error;
    int64_t policy = task->policy | (task->reset_on_fork ? SCHED_RESET_ON_FORK : 0);
    task_put(task);
    return policy;
}

SYSCALL2(sched_getparam, int, tid, uint64_t, parameters)
{
    struct task *task;
    if (!parameters || tid < 0)
        return -EINVAL;
    int error = sched_target(tid, &task);
    if (error)
        return error;
    int priority = task->rt_priority;
    task_put(task);
    return put_user(priority, parameters);
}

/* ---- struct sched_attr ---- */

/* Copies what the program has of it; what this kernel does not know must be zero. */
static int attribute_import(uint64_t address, struct linux_sched_attr *ret)
{
    uint32_t size, known = sizeof(*ret);
    *ret = (struct linux_sched_attr){0};
    if (get_user(size, address))
        return -EFAULT;
    if (!size)
        size = ATTRIBUTE_BYTES_FIRST;
    bool wrong = size < ATTRIBUTE_BYTES_FIRST || size > PAGE_SIZE;
    for (uint32_t at = known; !wrong && at < size; at++) {
        uint8_t byte;
        if (get_user(byte, address + at))
            return -EFAULT;
        wrong = byte;
    }
    if (wrong)
        return put_user(known, address) ? -EFAULT : -E2BIG;
    if (copy_from_user(ret, address, min(size, known)))
        return -EFAULT;
    if (ret->flags & (ATTRIBUTE_UTILIZATION_MIN | ATTRIBUTE_UTILIZATION_MAX) && size < known)
        return -EINVAL;
    ret->nice = ret->nice < -20 ? -20 : ret->nice > 19 ? 19 : ret->nice;
    return 0;
}

/* What the attribute asks of a task with `old`. */
static struct sched_parameters wanted_by(const struct linux_sched_attr *attribute,
                                         const struct sched_parameters *old)
{
    struct sched_parameters wanted = *old;
    if (!(attribute->flags & ATTRIBUTE_KEEP_POLICY))
        wanted.reset_on_fork = attribute->flags & ATTRIBUTE_RESET_ON_FORK;
    if (attribute->flags & ATTRIBUTE_KEEP_PARAMETERS)
        return wanted; /* the policy is one of them */
    if (!(attribute->flags & ATTRIBUTE_KEEP_POLICY))
        wanted.policy = attribute->policy;
    wanted.priority = (int32_t)attribute->priority;
    if (is_normal(wanted.policy)) {
        if (wanted.policy != SCHED_POLICY_IDLE)
            wanted.nice = attribute->nice;
        wanted.slice_ns = attribute->runtime;
    } else if (wanted.policy == SCHED_POLICY_DEADLINE) {
        wanted.runtime_ns = attribute->runtime;
        wanted.deadline_ns = attribute->deadline;
        wanted.period_ns = attribute->period;
    }
    return wanted;
}

SYSCALL3(sched_setattr, int, tid, uint64_t, address, uint32_t, flags)
{
    struct linux_sched_attr attribute;
    struct sched_parameters old, wanted;
    struct task *task;
    if (!address || tid < 0 || flags)
        return -EINVAL;
    int64_t error = attribute_import(address, &attribute);
    if (error)
        return error;
    if ((int32_t)attribute.policy < 0)
        return -EINVAL;
    error = sched_target(tid, &task);
    if (error)
        return error;
    task_parameters(task, &old);
    wanted = wanted_by(&attribute, &old);
    if (attribute.flags & ~(uint64_t)ATTRIBUTE_FLAGS)
        error = -EINVAL;
    else
        error = change(task, &old, &wanted);
    if (!error && attribute.flags & (ATTRIBUTE_UTILIZATION_MIN | ATTRIBUTE_UTILIZATION_MAX))
        error = -EOPNOTSUPP;
    task_put(task);
    return error;
}

SYSCALL4(sched_getattr, int, tid, uint64_t, address, uint32_t, size, uint32_t, flags)
{
    struct task *task;
    struct sched_parameters parameters;
    struct linux_sched_attr attribute = {0};
    if (!address || tid < 0 || flags || size < ATTRIBUTE_BYTES_FIRST || size > PAGE_SIZE)
        return -EINVAL;
    int error = sched_target(tid, &task);
    if (error)
        return error;
    task_parameters(task, &parameters);
    task_put(task);
    attribute.size = min(size, (uint32_t)sizeof(attribute));
    attribute.policy = parameters.policy;
    attribute.flags = parameters.reset_on_fork ? ATTRIBUTE_RESET_ON_FORK : 0;
    if (parameters.policy == SCHED_POLICY_DEADLINE) {
        attribute.runtime = parameters.runtime_ns;
        attribute.deadline = parameters.deadline_ns;
        attribute.period = parameters.period_ns;
    } else if (is_realtime(parameters.policy)) {
        attribute.priority = (uint32_t)parameters.priority;
    } else {
        attribute.nice = parameters.nice;
        attribute.runtime = parameters.slice_ns;
    }
    return copy_to_user(address, &attribute, attribute.size) ? -EFAULT : 0;
}

/* ---- what there is ---- */

SYSCALL1(sched_get_priority_max, int, policy)
{
    if (policy >= 0 && is_realtime((uint32_t)policy))
        return REALTIME_PRIORITY_MAX;
    return policy >= 0 && (is_normal((uint32_t)policy) || policy == SCHED_POLICY_DEADLINE)
               ? 0
               : -EINVAL;
}

SYSCALL1(sched_get_priority_min, int, policy)
{
    if (policy >= 0 && is_realtime((uint32_t)policy))
        return 1;
    return policy >= 0 && (is_normal((uint32_t)policy) || policy == SCHED_POLICY_DEADLINE)
               ? 0
               : -EINVAL;
}

SYSCALL2(sched_rr_get_interval, int, tid, uint64_t, address)
{
    struct task *task;
    int error = sched_target(tid, &task);
    if (error)
        return error;
    struct linux_timespec slice = {0, 0};
    if (task->policy == SCHED_POLICY_RR)
        slice.nanoseconds = (int64_t)ROUND_ROBIN_MS * 1000000;
    else if (is_normal(task->policy))
        slice.nanoseconds = (int64_t)clock_tsc_to_ns(task->fair.slice);
    task_put(task);
    return put_user(slice, address);
}
