/*
 * ptrace.c - who traces whom, and what the tracer may ask for (ptrace(2)). The tracee's side, and
 * what the two share, is in ptrace.h and ptrace_stop.c; requests about memory and registers are in
 * ptrace_data.c.
 */
#include "kernel/process/ptrace.h"

#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/control.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/internal.h"
#include "kernel/process/ptrace_data.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/process_gate.h"

#define PTRACE_TRACEME    0
#define PTRACE_CONT       7
#define PTRACE_KILL       8
#define PTRACE_SINGLESTEP 9
#define PTRACE_ATTACH     16
#define PTRACE_DETACH     17
#define PTRACE_SYSCALL    24
#define PTRACE_SETOPTIONS 0x4200
#define PTRACE_SEIZE      0x4206
#define PTRACE_INTERRUPT  0x4207
#define PTRACE_LISTEN     0x4208
#define PTRACE_O_ALL      0x3000ffu

/* ---- objects ---- */

static struct tracee *tracee_create(void)
{
    struct tracee *tracee = kzalloc(sizeof(*tracee));
    if (!tracee)
        return NULL;
    tracee->references = 1;
    wait_queue_init(&tracee->resumed);
    return tracee;
}

void tracee_put(struct tracee *tracee)
{
    if (!__atomic_sub_fetch(&tracee->references, 1, __ATOMIC_ACQ_REL))
        kfree(tracee);
}

static void list_add_locked(struct process *tracer, struct tracee *tracee)
{
    tracee->tracer = tracer;
    tracee->seen_tid = pid_seen_in(tracer->pid_namespace, tracee->tid);
    tracee->references += MUTANT(TRACEE_COUNTED_TWICE) ? 2 : 1;
    tracee->next = tracer->tracees;
    tracer->tracees = tracee;
    control_count_tracees(1);
}

/* Out of its tracer's list; the list's reference is the caller's. */
static void list_remove_locked(struct tracee *tracee)
{
    struct tracee **at = &tracee->tracer->tracees;
    while (*at != tracee)
        at = &(*at)->next;
    *at = tracee->next;
    tracee->tracer = NULL;
    control_count_tracees(-1);
}

/* The tracee goes on, with that signal. */
static void resume_locked(struct tracee *tracee, int signal)
{
    tracee->resume_signal = signal;
    tracee->listening = false;
    WRITE_ONCE(tracee->stopped, false);
    wake_up_all(&tracee->resumed);
}

static void let_go_locked(struct tracee *tracee, int signal)
{
    struct task *task = tracee->task;
    list_remove_locked(tracee);
    tracee->mode = PTRACE_RUNS;
    tracee->trap_wanted = false;
    if (task)
        task_add_work(task, TASK_WORK_TRACE | TASK_WORK_SIGNAL);
    if (!MUTANT(TRACEE_LEFT_STOPPED))
        resume_locked(tracee, signal);
}

/* The new tracee of `tracer`; the task's reference is the object's first. -EPERM: it has one. */
static int attach_locked(struct process *tracer, struct task *task, struct tracee **fresh)
{
    struct process *process = task->process;
    int error = 0;
    spin_lock(&process->signal_lock);
    if (task->flags & TASK_EXITING || process->zombie) {
        error = -ESRCH;
    } else if (task->tracee && task->tracee->tracer) {
        error = -EPERM;
    } else {
        if (!task->tracee) {
            task->tracee = *fresh;
            *fresh = NULL;
        }
        struct tracee *tracee = task->tracee;
        tracee->task = task;
        tracee->tid = task->tid;
        tracee->uid = process->credentials.uid;
        tracee->options = 0;
        tracee->seized = tracee->stopped = false;
        tracee->mode = PTRACE_RUNS;
        list_add_locked(tracer, tracee);
        task_add_work(task, TASK_WORK_TRACE | TASK_WORK_SIGNAL);
    }
    spin_unlock(&process->signal_lock);
    return error;
}

/* ---- permission ---- */

bool ptrace_may_attach(struct process *target)
{
    const struct credentials *mine = &current->process->credentials, *theirs = &target->credentials;
    if (target == current->process)
        return true;
    bool allowed = (mine->uid == theirs->uid && mine->uid == theirs->euid &&
                    mine->uid == theirs->suid && mine->gid == theirs->gid &&
                    mine->gid == theirs->egid && mine->gid == theirs->sgid && target->dumpable) ||
                   process_has_capability(current->process, CAP_SYS_PTRACE);
    return process_allows(target, PROCESS_VM_READ | PROCESS_VM_WRITE, allowed);
}

int32_t ptrace_tracer_of(struct task *task)
{
    spin_lock(&family_lock);
    const struct tracee *tracee = task->tracee;
    int32_t pid = tracee && tracee->tracer ? tracee->tracer->pid : 0;
    spin_unlock(&family_lock);
    return pid;
}

bool ptrace_is_stopped(const struct task *task)
{
    spin_lock(&family_lock);
    bool stopped = task->tracee && task->tracee->stopped;
    spin_unlock(&family_lock);
    return stopped;
}

/* ---- becoming one ---- */

static int64_t trace_me(void)
{
    struct task *task = current;
    struct tracee *fresh = tracee_create();
    if (!fresh)
        return -ENOMEM;
    spin_lock(&family_lock);
    struct process *parent = task->process->parent;
    int error = parent && parent != init_process ? attach_locked(parent, task, &fresh) : -EPERM;
    spin_unlock(&family_lock);
    if (fresh)
        tracee_put(fresh);
    return error;
}

static int64_t attach(struct task *task, bool seize, uint64_t options)
{
    struct process *process = task->process;
    if (seize && options & ~(uint64_t)PTRACE_O_ALL)
        return -EIO;
    if (!process || task->flags & TASK_KERNEL_THREAD || process == current->process ||
        !ptrace_may_attach(process))
        return -EPERM;
    struct tracee *fresh = tracee_create();
    if (!fresh)
        return -ENOMEM;
    spin_lock(&family_lock);
    int error = attach_locked(current->process, task, &fresh);
    if (!error && seize) {
        task->tracee->seized = true;
        task->tracee->options = (uint32_t)options;
    }
    bool job_stopped = task->job_stopped;
    spin_unlock(&family_lock);
    if (fresh)
        tracee_put(fresh);
    if (error)
        return error;
    if (job_stopped)
        task_wake(task, WAKE_CONTINUE); /* its stop is its tracer's business from now on */
    else if (!seize)
        signal_send(process, task, SIGSTOP, NULL);
    return 0;
}

unsigned ptrace_clone_event(const struct task *task, const struct clone_arguments *arguments)
{
    const struct tracee *tracee = task->tracee;
    if (!tracee || !tracee->tracer || arguments->flags & CLONE_UNTRACED)
        return 0;
    unsigned event = arguments->flags & CLONE_VFORK      ? PTRACE_EVENT_VFORK
                     : arguments->exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE
                                                         : PTRACE_EVENT_FORK;
    return tracee->options & PTRACE_O_TRACE(event) ? event : 0;
}

struct tracee *ptrace_child_prepare(struct task *parent)
{
    return parent->tracee ? tracee_create() : NULL;
}

void ptrace_child_attach_locked(struct task *parent, struct task *child, struct tracee *tracee)
{
    const struct tracee *from = parent->tracee;
    if (!from || !from->tracer) {
        tracee_put(tracee);
        return;
    }
    tracee->task = child;
    tracee->tid = child->tid;
    tracee->uid = child->process->credentials.uid;
    tracee->options = from->options;
    tracee->seized = from->seized;
    child->tracee = tracee;
    child->flags |= TASK_TRACED;
    list_add_locked(from->tracer, tracee);
    if (from->seized) {
        tracee->trap_wanted = true;
        task_add_work(child, TASK_WORK_TRACE | TASK_WORK_SIGNAL);
    } else {
        signal_send(child->process, child, SIGSTOP, NULL);
    }
}

/* ---- the end of either ---- */

void ptrace_task_gone_locked(struct task *task, uint32_t status, bool whole_process)
{
    struct tracee *tracee = task->tracee;
    if (!tracee)
        return;
    spin_lock(&task->process->signal_lock);
    task->tracee = NULL;
    spin_unlock(&task->process->signal_lock);
    tracee->task = NULL;
    tracee->stopped = false;
    struct process *tracer = tracee->tracer;
    if (tracer && whole_process && task->process->parent == tracer) {
        list_remove_locked(tracee); /* it hears of it as the parent */
        tracee_put(tracee);
    } else if (tracer) {
        tracee->ended = true;
        tracee->exit_status = status;
        struct linux_siginfo info = {.signo = SIGCHLD,
                                     .code = status & 0x7f ? CLD_KILLED : CLD_EXITED};
        info.child.pid = tracee->tid;
        info.child.uid = tracee->uid;
        info.child.status = (int32_t)(status & 0x7f ? status & 0x7f : status >> 8 & 0xff);
        if (whole_process && !(tracer->actions->ignored.bits & signal_bit(SIGCHLD)))
            signal_send(tracer, NULL, SIGCHLD, &info);
        wake_up_all(&tracer->child_events);
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is counted, by others too */
    tracee_put(tracee);
}

void ptrace_tracer_gone(struct process *process)
{
    struct tracee *tracee;
    spin_lock(&family_lock);
    while ((tracee = process->tracees)) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is counted, by others too */
        struct task *task = tracee->task;
        if (task && tracee->options & PTRACE_O_EXITKILL)
            signal_send(task->process, NULL, SIGKILL, NULL);
        let_go_locked(tracee, 0);
        tracee_put(tracee);
    }
    spin_unlock(&family_lock);
}

void ptrace_leader_changed_locked(struct task *task, struct task *old)
{
    struct tracee *tracee = old ? old->tracee : NULL;
    if (tracee) {
        old->tracee = NULL;
        tracee->task = NULL;
        if (tracee->tracer) {
            list_remove_locked(tracee);
            tracee_put(tracee);
        }
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is counted, by others too */
        tracee_put(tracee);
    }
    tracee = task->tracee;
    if (tracee) {
        tracee->tid = task->tid;
        if (tracee->tracer)
            tracee->seen_tid = pid_seen_in(tracee->tracer->pid_namespace, tracee->tid);
    }
}

/* ---- wait ---- */

static bool matches(const struct tracee *tracee, int32_t pid, int32_t group)
{
    if (pid > 0)
        return tracee->tid == pid;
    return group <= 0 || (tracee->task && tracee->task->process->group == group);
}

/* Killed in its stop, which nobody is told of any more: its end comes. */
static bool is_dying(const struct tracee *tracee)
{
    return tracee->task && READ_ONCE(tracee->task->work) & TASK_WORK_EXIT;
}

bool ptrace_traces_locked(const struct process *process, const struct task *task)
{
    return task->tracee && task->tracee->tracer == process;
}

int ptrace_take_news_locked(int32_t pid, int32_t group, bool keep, struct tracee_news *ret)
{
    int result = -ECHILD;
    for (struct tracee *tracee = current->process->tracees; tracee; tracee = tracee->next) {
        if (!matches(tracee, pid, group))
            continue;
        result = 0;
        if (!tracee->ended && (!tracee->stopped || tracee->reported || is_dying(tracee)))
            continue;
        ret->tid = tracee->seen_tid;
        ret->uid = tracee->uid;
        ret->ended = tracee->ended;
        ret->status =
            tracee->ended ? tracee->exit_status : tracee->status << 8 | 0x7f; /* stopped */
        if (keep)
            return 1;
        tracee->reported = true;
        if (tracee->ended) {
            list_remove_locked(tracee);
            tracee_put(tracee);
        }
        return 1;
    }
    return result;
}

/* ---- requests ---- */

/* The caller's tracee, in a stop if that is needed; counted. */
static int find(int32_t number, bool stopped, struct tracee **ret)
{
    int32_t tid = pid_meant(number);
    int error = -ESRCH;
    spin_lock(&family_lock);
    for (struct tracee *tracee = current->process->tracees; tracee; tracee = tracee->next) {
        if (tracee->tid != tid || tracee->ended)
            continue;
        if (!stopped || (tracee->stopped && !tracee->listening)) {
            __atomic_fetch_add(&tracee->references, 1, __ATOMIC_RELAXED);
            *ret = tracee;
            error = 0;
        }
        break;
    }
    spin_unlock(&family_lock);
    return error;
}

static int64_t go_on(struct tracee *tracee, int64_t request, uint64_t signal)
{
    int64_t result = -ESRCH;
    if (signal > SIGNALS)
        return -EIO;
    spin_lock(&family_lock);
    if (tracee->stopped && tracee->task) {
        struct trap_frame *frame = arch_task_frame(&tracee->task->arch);
        if (request == PTRACE_SINGLESTEP) {
            frame->rflags |= RFLAGS_TRAP;
            tracee->stepping = true;
        } else if (tracee->stepping) {
            frame->rflags &= ~RFLAGS_TRAP;
            tracee->stepping = false;
        }
        if (request == PTRACE_SINGLESTEP)
            frame->error_code = FRAME_REPLACED;
        WRITE_ONCE(tracee->mode, (uint8_t)(request == PTRACE_SYSCALL      ? PTRACE_TO_SYSCALL
                                           : request == PTRACE_SINGLESTEP ? PTRACE_STEPS
                                                                          : PTRACE_RUNS));
        resume_locked(tracee, (int)signal);
        result = 0;
    }
    spin_unlock(&family_lock);
    return result;
}

static int64_t detach(struct tracee *tracee, uint64_t signal)
{
    bool done = false;
    if (signal > SIGNALS)
        return -EIO;
    spin_lock(&family_lock);
    if (tracee->stopped && tracee->tracer) {
        let_go_locked(tracee, (int)signal);
        done = true;
    }
    spin_unlock(&family_lock);
    if (done)
        tracee_put(tracee); /* the list's */
    return done ? 0 : -ESRCH;
}

static int64_t interrupt(struct tracee *tracee)
{
    if (!tracee->seized)
        return -EIO;
    spin_lock(&family_lock);
    struct task *task = tracee->task;
    if (task) {
        if (tracee->listening)
            resume_locked(tracee, 0);
        if (!tracee->stopped) {
            WRITE_ONCE(tracee->trap_wanted, true);
            task_add_work(task, TASK_WORK_TRACE | TASK_WORK_SIGNAL);
            task_wake(task, WAKE_SIGNAL);
        }
    }
    spin_unlock(&family_lock);
    return 0;
}

/* A group stop goes on, but its tracer is told when that ends. */
static int64_t listen(struct tracee *tracee)
{
    int64_t result = -EIO;
    spin_lock(&family_lock);
    if (tracee->seized && tracee->stopped && tracee->status >> 8 == PTRACE_EVENT_STOP) {
        tracee->listening = true;
        result = 0;
    }
    spin_unlock(&family_lock);
    return result;
}

static int64_t set_options(struct tracee *tracee, uint64_t options)
{
    if (options & ~(uint64_t)PTRACE_O_ALL)
        return -EINVAL;
    spin_lock(&family_lock);
    tracee->options = (uint32_t)options;
    spin_unlock(&family_lock);
    return 0;
}

static int64_t kill_tracee(struct tracee *tracee)
{
    spin_lock(&family_lock);
    if (tracee->task)
        signal_send(tracee->task->process, NULL, SIGKILL, NULL);
    spin_unlock(&family_lock);
    return 0;
}

SYSCALL4(ptrace, int64_t, request, int64_t, tid, uint64_t, address, uint64_t, data)
{
    struct tracee *tracee;
    int64_t result;
    if (request == PTRACE_TRACEME)
        return trace_me();
    if (request == PTRACE_ATTACH || request == PTRACE_SEIZE) {
        struct task *task =
            tid > 0 && tid <= INT32_MAX ? task_find_get(pid_meant((int32_t)tid)) : NULL;
        if (!task)
            return -ESRCH;
        result =
            request == PTRACE_SEIZE && address ? -EIO : attach(task, request == PTRACE_SEIZE, data);
        task_put(task);
        return result;
    }
    bool anyhow = request == PTRACE_KILL || request == PTRACE_INTERRUPT;
    result = find((int32_t)tid, !anyhow, &tracee);
    if (result)
        return result;
    switch (request) {
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
        result = go_on(tracee, request, data);
        break;
    case PTRACE_KILL:
        result = kill_tracee(tracee);
        break;
    case PTRACE_DETACH:
        result = detach(tracee, data);
        break;
    case PTRACE_INTERRUPT:
        result = interrupt(tracee);
        break;
    case PTRACE_LISTEN:
        result = listen(tracee);
        break;
    case PTRACE_SETOPTIONS:
        result = set_options(tracee, data);
        break;
    default:
        result = ptrace_data(tracee, request, address, data);
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is counted, by others too */
    tracee_put(tracee);
    return result;
}
