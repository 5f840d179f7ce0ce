/*
 * clone_calls.c - the system calls that make tasks: fork(2), vfork(2), clone(2), clone3(2). Each is
 * arguments to process_clone().
 */
#include "arch/layout.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

SYSCALL0(fork)
{
    struct clone_arguments arguments = {.exit_signal = SIGCHLD};
    return process_clone(&arguments);
}

SYSCALL0(vfork)
{
    struct clone_arguments arguments = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};
    return process_clone(&arguments);
}

SYSCALL5(clone, uint64_t, flags, uint64_t, stack, uint64_t, parent_tid, uint64_t, child_tid,
         uint64_t, tls)
{
    struct clone_arguments arguments = {
        .flags = (uint32_t)flags & ~CSIGNAL,
        .exit_signal = flags & CSIGNAL,
        .stack = stack,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
        .tls = tls,
        .pidfd = parent_tid,
    };
    return process_clone(&arguments);
}

struct linux_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size;
    uint64_t cgroup;
};
#define CLONE_ARGS_SIZE_VER0 64u
#define SET_TID_MAX          (PID_NAMESPACE_LEVELS) /* numbers, one per level */

/* The numbers that the new task is to have, of the innermost PID namespace first. */
static int chosen_tids(const struct linux_clone_args *wanted, int32_t ret[SET_TID_MAX])
{
    if (copy_from_user(ret, wanted->set_tid, wanted->set_tid_size * sizeof(*ret)))
        return -EFAULT;
    const struct pid_namespace *children = pid_namespace_of(current->namespaces->of[NAMESPACE_PID]);
    uint32_t levels = children->level + 1 + !!(wanted->flags & CLONE_NEWPID);
    if (wanted->set_tid_size > levels)
        return -EINVAL;
    for (uint64_t i = 0; i < wanted->set_tid_size; i++) {
        if (ret[i] < 1 || ret[i] > PID_MAX)
            return -EINVAL;
    }
    return process_has_capability(current->process, CAP_CHECKPOINT_RESTORE) ? 0 : -EPERM;
}

int struct_from_user(void *to, size_t known, uint64_t address, size_t size, size_t smallest)
{
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (size < smallest)
        return -EINVAL;
    for (size_t offset = known; offset < size;) {
        uint64_t unknown = 0;
        size_t bytes = min(size - offset, sizeof(unknown));
        if (copy_from_user(&unknown, address + offset, bytes))
            return -EFAULT;
        if (unknown)
            return -E2BIG;
        offset += bytes;
    }
    return copy_from_user(to, address, min(size, known));
}

SYSCALL2(clone3, uint64_t, address, size_t, size)
{
    struct linux_clone_args wanted = {};
    int error = struct_from_user(&wanted, sizeof(wanted), address, size, CLONE_ARGS_SIZE_VER0);
    if (error)
        return error;
    if (wanted.set_tid_size > SET_TID_MAX || !wanted.set_tid != !wanted.set_tid_size)
        return -EINVAL;
    if (wanted.exit_signal & ~CSIGNAL || wanted.exit_signal > SIGNALS)
        return -EINVAL;
    if (wanted.flags & CLONE_INTO_CGROUP && (wanted.cgroup > INT32_MAX || size < sizeof(wanted)))
        return -EINVAL;
    if (wanted.flags & ~(0xffffffffull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP))
        return -EINVAL;
    if (wanted.flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME)))
        return -EINVAL;
    if ((wanted.flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) ==
        (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if (wanted.flags & (CLONE_THREAD | CLONE_PARENT) && wanted.exit_signal)
        return -EINVAL;
    if (!wanted.stack != !wanted.stack_size)
        return -EINVAL;
    if (wanted.stack && !user_range_valid(wanted.stack, wanted.stack_size))
        return -EINVAL;
    int32_t set_tid[SET_TID_MAX];
    if (wanted.set_tid) {
        error = chosen_tids(&wanted, set_tid);
        if (error)
            return error;
    }
    struct clone_arguments arguments = {
        .flags = wanted.flags,
        .pidfd = wanted.pidfd,
        .child_tid = wanted.child_tid,
        .parent_tid = wanted.parent_tid,
        .exit_signal = wanted.exit_signal,
        .stack = wanted.stack,
        .stack_bytes = wanted.stack_size,
        .tls = wanted.tls,
        .set_tid = set_tid,
        .set_tid_count = (uint32_t)wanted.set_tid_size,
    };
    return process_clone(&arguments);
}
