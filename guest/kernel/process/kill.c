/*
 * kill.c - the system calls that send signals: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2),
 * pidfd_send_signal(2). Order of checks and error numbers as these pages give them.
 */
#include "kernel/fs/inode.h"
#include "kernel/lib/string.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/trace.h"
#include "kernel/process/signal_queue.h"
#include "kernel/syscall/syscall.h"

static bool signal_valid(int signal)
{
    return signal >= 0 && signal <= SIGNALS;
}

/* Without `info`: SI_USER or SI_TKILL of the current process. */
static int64_t send_checked(struct process *process, struct task *task, int signal,
                            const struct linux_siginfo *info, int code)
{
    if (!signal_valid(signal))
        return -EINVAL;
    int error = signal_permission(process, signal);
    if (error || !signal)
        return error;
    return info ? signal_send(process, task, signal, info)
                : signal_send_user(process, task, signal, code);
}

/* kill(2) with pid 0, -1 or -group. */
static __attribute__((noinline)) int64_t kill_many(int64_t pid, int signal)
{
    struct process *self = current->process;
    int64_t error = -ESRCH;
    bool sent = false;

    spin_lock(&family_lock);
    if (pid == -1) {
        for (struct process *process = process_next_locked(2); process;
             process = process_next_locked(process->pid + 1)) {
            if (process == self || pid_seen(process->pid) <= 1)
                continue;
            error = send_checked(process, NULL, signal, NULL, SI_USER);
            /* kill(2) on Linux: with -1, any error but EPERM is worth telling, and success is
             * success. */
            if (error != -EPERM)
                sent = true;
        }
        if (sent)
            error = 0;
    } else {
        int64_t group = pid ? pid_meant((int32_t)-pid) : self->group;
        struct process *first = group <= PID_MAX ? group_first((int32_t)group) : NULL;
        struct process *process = first;
        while (process) {
            int64_t result = send_checked(process, NULL, signal, NULL, SI_USER);
            if (!result)
                sent = true;
            error = result;
            process = group_next(process);
            if (process == first)
                break;
        }
        if (sent)
            error = 0;
    }
    spin_unlock(&family_lock);
    return error;
}

/*
 * Most signals that a program sends, it sends to itself (raise(), abort()), has a handler for and
 * does not block: nothing to look up, to choose or to wake, and always allowed. False = not such a
 * case, nothing was done.
 */
static inline bool send_to_self(struct task *task, bool to_thread, int signal, int code)
{
    struct process *process = task->process;
    struct signal_set *set = to_thread ? &task->pending : &process->pending;
    struct list *queue = to_thread ? &task->pending_queue : &process->pending_queue;
    const uint64_t ordinary =
        (signal_bit(SIGRTMIN) - 1) & ~(SIGNALS_DEFAULT_STOP | signal_bit(SIGCONT));
    struct pending_signal *entry = NULL;

    if (signal < 1 || signal >= SIGRTMIN)
        return false;
    uint64_t bit = signal_bit(signal);
    spin_lock(&process->signal_lock);
    if (likely(bit & ordinary & process->actions->caught.bits &
               ~(set->bits | task->blocked.bits)) &&
        likely(to_thread || process->leader == task) &&
        likely(entry = __atomic_exchange_n(&process->spare_pending, NULL, __ATOMIC_ACQUIRE))) {
        info_make(&entry->info, signal, code, task->seen_tgid, process->credentials.uid);
        list_push_back(queue, &entry->link);
        process->pending_count++;
        set->bits |= bit;
        trace_event(TRACE_SIGNAL, trace_pair(task->tid, signal), (uint64_t)(int64_t)code,
                    TRACE_SIGNAL_QUEUED, 0);
        __atomic_fetch_or(&task->work, TASK_WORK_SIGNAL, __ATOMIC_SEQ_CST);
        if (unlikely(process->signals_watched))
            signalfd_wake_signal_locked(process);
    }
    spin_unlock(&process->signal_lock);
    return entry;
}

static __attribute__((noinline)) int64_t kill_other(int pid, int signal)
{
    struct task *task = task_find_get(pid_meant(pid));
    if (!task)
        return -ESRCH;
    int64_t result =
        task->process ? send_checked(task->process, NULL, signal, NULL, SI_USER) : -EPERM;
    task_put(task);
    return result;
}

static __attribute__((noinline)) int64_t kill_checked(int pid, int signal)
{
    if (pid > 0)
        return kill_other(pid, signal);
    return pid == INT32_MIN ? -ESRCH : kill_many(pid, signal);
}

SYSCALL2(kill, int, pid, int, signal)
{
    struct task *self = current;
    if (likely(pid == self->seen_tgid) && likely(send_to_self(self, false, signal, SI_USER)))
        return 0;
    return kill_checked(pid, signal);
}

static __attribute__((noinline)) int64_t send_to_thread(int32_t tgid, int32_t tid, int signal,
                                                        const struct linux_siginfo *info, int code)
{
    struct task *task = task_find_get(pid_meant(tid));
    if (!task)
        return -ESRCH;
    int64_t result = -ESRCH;
    if (!tgid || task->tgid == pid_meant(tgid))
        result = task->process ? send_checked(task->process, task, signal, info, code) : -EPERM;
    task_put(task);
    return result;
}

SYSCALL2(tkill, int, tid, int, signal)
{
    if (tid <= 0)
        return -EINVAL;
    return send_to_thread(0, tid, signal, NULL, SI_TKILL);
}

SYSCALL3(tgkill, int, tgid, int, tid, int, signal)
{
    struct task *self = current;
    if (likely(tid == self->seen_tid && tgid == self->seen_tgid) &&
        likely(send_to_self(self, true, signal, SI_TKILL)))
        return 0;
    if (tid <= 0 || tgid <= 0)
        return -EINVAL;
    return send_to_thread(tgid, tid, signal, NULL, SI_TKILL);
}

/* A siginfo of the program's own: nothing beyond the used bytes may carry anything. */
static int info_from_user(struct linux_siginfo *info, int signal, uint64_t address)
{
    if (copy_from_user(info, address, sizeof(*info)))
        return -EFAULT;
    const uint8_t *bytes = (const uint8_t *)info;
    for (size_t i = SIGINFO_BYTES; i < sizeof(*info); i++) {
        if (bytes[i])
            return -E2BIG;
    }
    info->signo = signal;
    return 0;
}

SYSCALL3(rt_sigqueueinfo, int, pid, int, signal, uint64_t, info_address)
{
    struct linux_siginfo info;
    int error = info_from_user(&info, signal, info_address);
    if (error)
        return error;
    /* Nobody may pass as the kernel or as kill() towards others. */
    if ((info.code >= 0 || info.code == SI_TKILL) && pid != current->seen_tgid)
        return -EPERM;
    struct task *task = pid > 0 ? task_find_get(pid_meant(pid)) : NULL;
    if (!task)
        return -ESRCH;
    int64_t result =
        task->process ? send_checked(task->process, NULL, signal, &info, info.code) : -EPERM;
    task_put(task);
    return result;
}

SYSCALL4(rt_tgsigqueueinfo, int, tgid, int, tid, int, signal, uint64_t, info_address)
{
    struct linux_siginfo info;
    int error = info_from_user(&info, signal, info_address);
    if (error)
        return error;
    if (tid <= 0 || tgid <= 0)
        return -EINVAL;
    if ((info.code >= 0 || info.code == SI_TKILL) && tgid != current->seen_tgid)
        return -EPERM;
    return send_to_thread(tgid, tid, signal, &info, info.code);
}

/* By a descriptor: what the number stands for can have changed meanwhile, the descriptor cannot. */
SYSCALL4(pidfd_send_signal, int, fd, int, signal, uint64_t, info_address, uint32_t, flags)
{
    struct linux_siginfo info;
    if (flags)
        return -EINVAL;
    struct process *process;
    int64_t result = pidfd_process_get(fd, NULL, &process);
    if (result == -EBADF)
        result = proc_directory_process_get(fd, &process); /* /proc/PID will do, too */
    if (result)
        return result;
    if (info_address) {
        result = copy_from_user(&info, info_address, sizeof(info)) ? -EFAULT : 0;
        if (!result && info.signo != signal)
            result = -EINVAL;
        if (!result && (info.code >= 0 || info.code == SI_TKILL) && process != current->process)
            result = -EPERM;
    }
    if (!result)
        result = send_checked(process, NULL, signal, info_address ? &info : NULL,
                              info_address ? info.code : SI_USER);
    process_put(process);
    return result;
}
