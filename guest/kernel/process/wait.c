/*
 * wait.c - a parent learns what became of its children: wait4(2), waitid(2), and PID 1, which does
 * nothing else.
 *
 * The children are looked through under family_lock; a zombie that is taken leaves all tables in
 * the same step, so that two waiting threads never get the same one. Sleeping is on the parent's
 * own queue.
 */
#include "kernel/fs/async.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/process/accounting.h"
#include "kernel/process/internal.h"
#include "kernel/process/ptrace.h"
#include "kernel/syscall/syscall.h"

#define WNOHANG    1u
#define WUNTRACED  2u
#define WSTOPPED   2u
#define WEXITED    4u
#define WCONTINUED 8u
#define WNOWAIT    0x01000000u
#define WNOTHREAD  0x20000000u
#define WALL       0x40000000u
#define WCLONE     0x80000000u

#define P_ALL   0
#define P_PID   1
#define P_PGID  2
#define P_PIDFD 3

struct wait_request {
    int32_t pid;             /* > 0: this one */
    struct process *process; /* P_PIDFD: this one; counted */
    int32_t group;           /* > 0: members of this group */
    uint32_t options;
    /* found */
    int32_t found;   /* pid as the parent sees it, 0 = none */
    uint32_t status; /* wait status */
    int32_t code;    /* CLD_* */
    uint32_t uid;
    bool want_usage;
    struct linux_rusage usage;
    struct task *reaped; /* leader, for process_reap_finish() */
};

static bool eligible(const struct process *child, const struct wait_request *request)
{
    if (request->pid > 0 && child->pid != request->pid)
        return false;
    if (request->group > 0 && child->group != request->group)
        return false;
    if (request->options & WNOTHREAD && child->creator_tid != current->tid)
        return false;
    if (request->options & WALL)
        return true;
    bool is_clone = child->leader->exit_signal != SIGCHLD;
    return is_clone == !!(request->options & WCLONE);
}

static void found(struct wait_request *request, struct process *child, uint32_t status, int code)
{
    request->found = pid_seen(child->pid);
    request->status = status;
    request->code = code;
    request->uid = child->credentials.uid;
    if (request->want_usage)
        process_rusage_locked(child, RUSAGE_BOTH, &request->usage);
}

static int exit_code_of(uint32_t status)
{
    if (!(status & 0x7f))
        return CLD_EXITED;
    return status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}

/* Does the child have news that was asked for? Takes it (unless WNOWAIT). */
static bool take_news(struct process *parent, struct process *child, struct wait_request *request)
{
    bool keep = request->options & WNOWAIT;
    if (child->zombie) {
        if (!(request->options & WEXITED))
            return false;
        found(request, child, child->exit_status, exit_code_of(child->exit_status));
        if (!keep) {
            process_account_child_locked(parent, child);
            request->reaped = process_reap_locked(child);
        }
        return true;
    }
    if (unlikely(child->leader->tracee) && ptrace_traces_locked(parent, child->leader))
        return false; /* its stops are news for the tracer that we are */
    if (request->options & WSTOPPED && child->stopped && !child->stop_reported) {
        found(request, child, WAIT_STATUS_STOPPED(child->stop_signal), CLD_STOPPED);
        child->stop_reported = !keep;
        return true;
    }
    if (request->options & WCONTINUED && child->continued && !child->continue_reported) {
        found(request, child, WAIT_STATUS_CONTINUED, CLD_CONTINUED);
        if (!keep) {
            child->continue_reported = true;
            child->continued = false;
        }
        return true;
    }
    return false;
}

static int look_at_tracees(struct wait_request *request)
{
    struct tracee_news news;
    int result =
        ptrace_take_news_locked(request->pid, request->group, request->options & WNOWAIT, &news);
    if (result == 1) {
        request->found = news.tid;
        request->status = news.status;
        request->code = news.ended ? exit_code_of(news.status) : CLD_TRAPPED;
        request->uid = news.uid;
        if (request->want_usage)
            request->usage = (struct linux_rusage){};
    }
    return result;
}

/* Anything yet? 1 = news, 0 = wait, -ECHILD = there is nothing to wait for. */
static int look_once(struct wait_request *request)
{
    struct process *parent = current->process, *child;
    int result = -ECHILD;
    spin_lock(&family_lock);
    if (request->pid > 0) {
        child = request->process ? request->process : process_find_locked(request->pid);
        if (child && child->parent == parent && eligible(child, request))
            result = take_news(parent, child, request);
    } else {
        list_for_each(child, &parent->children, sibling_link)
        {
            if (!eligible(child, request))
                continue;
            result = take_news(parent, child, request);
            if (result == 1)
                break;
        }
    }
    if (unlikely(parent->tracees) && result != 1)
        result = max(result, look_at_tracees(request));
    spin_unlock(&family_lock);
    return result;
}

static int wait_for_news(struct wait_request *request)
{
    int result;
    if (request->options & WNOHANG) {
        result = look_once(request);
    } else {
        struct process *parent = current->process;
        /* What the records and the host see: a pid, a group in the upper half, 0 = any. */
        uint64_t whom = (uint64_t)request->group << 32 | (uint32_t)request->pid;
        if (request->options & (WNOTHREAD | WCLONE) || !(request->options & WEXITED))
            whom |= 1ull << 63;
        int error = wait_event(&parent->child_events, WAIT_CHILD, whom, WAIT_INTERRUPTIBLE, 0,
                               (result = look_once(request)) != 0);
        if (error)
            return error;
    }
    if (request->reaped)
        process_reap_finish(request->reaped);
    return result < 0 ? result : 0;
}

SYSCALL4(wait4, int, pid, uint64_t, status_address, uint32_t, options, uint64_t, usage_address)
{
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    struct wait_request request;
    request.options = options | WEXITED;
    request.pid = pid > 0 ? pid_meant(pid) : 0;
    request.process = NULL;
    request.group = pid == 0 ? current->process->group : pid < -1 ? pid_meant(-pid) : 0;
    request.want_usage = usage_address != 0;
    request.found = 0;
    request.reaped = NULL;
    int error = wait_for_news(&request);
    if (error || !request.found)
        return error;
    if (MUTANT(STACK_LEAK))
        request.usage.nsignals = (int64_t)&request;
    if (usage_address && put_user(request.usage, usage_address))
        return -EFAULT;
    if (status_address && put_user(request.status, status_address))
        return -EFAULT;
    return request.found;
}

SYSCALL5(waitid, int, kind, int, id, uint64_t, info_address, uint32_t, options, uint64_t,
         usage_address)
{
    struct wait_request request = {.options = options, .want_usage = usage_address != 0};
    bool nonblocking = false;
    int error;
    if (options &
        ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WNOTHREAD | WCLONE | WALL))
        return -EINVAL;
    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    switch (kind) {
    case P_ALL:
        break;
    case P_PID:
        if (id <= 0)
            return -EINVAL;
        request.pid = pid_meant(id);
        break;
    case P_PGID:
        if (id < 0)
            return -EINVAL;
        request.group = id ? pid_meant(id) : current->process->group;
        break;
    case P_PIDFD:
        if (id < 0)
            return -EINVAL;
        error = pidfd_process_get(id, &nonblocking, &request.process);
        if (error)
            return error == -ESRCH ? -ECHILD : error;
        request.pid = request.process->pid;
        if (nonblocking)
            request.options |= WNOHANG;
        break;
    default:
        return -EINVAL;
    }
    error = wait_for_news(&request);
    if (request.process)
        process_put(request.process);
    if (!error && !request.found && nonblocking && !(options & WNOHANG))
        error = -EAGAIN;
    if (error)
        return error;
    if (usage_address && request.found && put_user(request.usage, usage_address))
        return -EFAULT;
    if (!info_address)
        return 0;
    /* Nothing to tell (WNOHANG): signal and pid are zero. Only these fields are written, as on
     * Linux. */
    struct {
        int32_t signo, error, code, padding, pid;
        uint32_t uid;
        int32_t status;
    } info = {};
    if (request.found) {
        info.signo = SIGCHLD;
        info.code = request.code;
        info.pid = request.found;
        info.uid = request.uid;
        info.status = request.code == CLD_EXITED ? (int32_t)(request.status >> 8 & 0xff)
                      : request.code == CLD_STOPPED || request.code == CLD_TRAPPED
                          ? (int32_t)(request.status >> 8)
                      : request.code == CLD_CONTINUED ? SIGCONT
                                                      : (int32_t)(request.status & 0x7f);
    }
    return copy_to_user(info_address, &info, sizeof(info));
}

_Noreturn void process_init_thread(void *unused)
{
    struct process *init = current->process;
    file_async_helper();
    for (;;) {
        struct wait_request request = {.options = WEXITED | WALL | WNOHANG};
        int news = 0;
        wait_event(&init->child_events, WAIT_KTHREAD, 0, WAIT_HARD, 0,
                   (news = look_once(&request)) == 1 || file_async_raised());
        if (file_async_raised())
            file_async_run();
        if (request.reaped)
            process_reap_finish(request.reaped);
    }
}
