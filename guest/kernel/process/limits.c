/*
 * limits.c - resource limits (getrlimit(2), prlimit(2)). Each limit is enforced by its owner:
 * RLIMIT_NOFILE by descriptor tables, RLIMIT_STACK by exec and faults, RLIMIT_AS and RLIMIT_DATA by
 * mappings, RLIMIT_NPROC by clone, RLIMIT_SIGPENDING by signal queues, RLIMIT_CPU by time/cpu_timer.c.
 *
 * Lock: signal_lock of the process.
 */
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/cpu_timer.h"
#include "kernel/token/process_gate.h"

#define INFINITE         UINT64_MAX
#define NOFILE_SOFT      1024u
#define NOFILE_HARD      4096u
#define NOFILE_MAX       1048576u /* Linux's fs.nr_open */
#define STACK_SOFT       (8ull << 20)
#define MEMLOCK_BYTES    (8ull << 20)
#define SIGPENDING_COUNT 8192u
#define MSGQUEUE_BYTES   819200u

void limits_init(struct rlimit limits[RLIMIT_COUNT])
{
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        limits[i] = (struct rlimit){INFINITE, INFINITE};
    limits[RLIMIT_STACK].soft = STACK_SOFT;
    limits[RLIMIT_CORE].soft = 0;
    limits[RLIMIT_NOFILE] = (struct rlimit){NOFILE_SOFT, NOFILE_HARD};
    limits[RLIMIT_MEMLOCK] = (struct rlimit){MEMLOCK_BYTES, MEMLOCK_BYTES};
    limits[RLIMIT_SIGPENDING] = (struct rlimit){SIGPENDING_COUNT, SIGPENDING_COUNT};
    limits[RLIMIT_MSGQUEUE] = (struct rlimit){MSGQUEUE_BYTES, MSGQUEUE_BYTES};
    limits[RLIMIT_NICE] = (struct rlimit){0, 0};
    limits[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

int limits_change(struct process *target, unsigned resource, const struct rlimit *wanted,
                  struct rlimit *ret_old)
{
    int error = 0;
    if (resource >= RLIMIT_COUNT)
        return -EINVAL;
    if (wanted && wanted->soft > wanted->hard)
        return -EINVAL;
    if (wanted && resource == RLIMIT_NOFILE && wanted->hard > NOFILE_MAX)
        return -EPERM;
    bool watch = wanted && resource == RLIMIT_CPU && wanted->soft != INFINITE;
    if (watch && cpu_watch_need(target))
        return -ENOMEM;
    spin_lock(&target->signal_lock);
    struct rlimit *limit = &target->rlimits[resource];
    if (wanted && wanted->hard > limit->hard &&
        !process_has_capability(current->process, CAP_SYS_RESOURCE))
        error = -EPERM;
    if (!error) {
        if (ret_old)
            *ret_old = *limit;
        if (wanted)
            *limit = *wanted;
    }
    spin_unlock(&target->signal_lock);
    if (!error && watch)
        cpu_limit_watch(target);
    return error;
}

SYSCALL2(getrlimit, unsigned, resource, uint64_t, address)
{
    struct rlimit limit;
    int64_t error = limits_change(current->process, resource, NULL, &limit);
    return error ? error : copy_to_user(address, &limit, sizeof(limit));
}

SYSCALL2(setrlimit, unsigned, resource, uint64_t, address)
{
    struct rlimit limit;
    if (get_user(limit, address))
        return -EFAULT;
    return limits_change(current->process, resource, &limit, NULL);
}

static bool may_limit(struct process *target, bool changes)
{
    const struct credentials *mine = &current->process->credentials, *theirs = &target->credentials;
    if (target == current->process)
        return true;
    bool allowed =
        (mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
         mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid) ||
        process_has_capability(current->process, CAP_SYS_RESOURCE);
    return process_allows(target, changes ? PROCESS_SET_INFORMATION : PROCESS_QUERY_INFORMATION,
                          allowed);
}

SYSCALL4(prlimit64, int, pid, unsigned, resource, uint64_t, new_address, uint64_t, old_address)
{
    struct rlimit wanted, old;
    if (new_address && get_user(wanted, new_address))
        return -EFAULT;
    struct task *task = current, *other = NULL;
    if (pid && pid != task->seen_tid) {
        other = pid > 0 ? task_find_get(pid_meant(pid)) : NULL;
        if (!other)
            return -ESRCH;
        task = other;
    }
    int64_t error = -EPERM;
    if (task->process && may_limit(task->process, new_address != 0))
        error = limits_change(task->process, resource, new_address ? &wanted : NULL, &old);
    if (other)
        task_put(other);
    if (!error && old_address && put_user(old, old_address))
        return -EFAULT;
    return error;
}
