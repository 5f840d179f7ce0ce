/*
 * fork.c - process_clone(), the one way in which tasks come into being. The system calls that are
 * arguments to it are in clone_calls.c; the first two processes are made in first.c.
 *
 * Order of work: everything that can fail comes first, in private; then one step under family_lock
 * makes the child visible in the PID table, the family, its group and session; then it may run. A
 * failure before that step undoes what was done; after it nothing fails.
 */
#include "arch/layout.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/observe/mutant.h"
#include "kernel/observe/trace.h"
#include "kernel/process/internal.h"
#include "kernel/process/ptrace.h"
#include "kernel/sched/parameters.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"
#include "kernel/time/cpu_timer.h"
#include "kernel/token/thread_token.h"
#include "shared/token.h"

#define ARCH_SET_FS 0x1002

static int check_flags(const struct clone_arguments *arguments)
{
    uint64_t flags = arguments->flags;
    if (flags & CLONE_NEWNS && flags & CLONE_FS)
        return -EINVAL;
    if (flags & CLONE_NEWUSER && flags & CLONE_FS)
        return -EINVAL;
    if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if (flags & CLONE_SIGHAND && !(flags & CLONE_VM))
        return -EINVAL;
    if (flags & CLONE_THREAD && flags & (CLONE_NEWUSER | CLONE_NEWPID))
        return -EINVAL;
    if (unlikely(flags & CLONE_PARENT) && current->process->unkillable)
        return -EINVAL; /* nobody would reap a sibling of a namespace's process 1 */
    /* A pidfd stands for a process; and clone(2) has but one place for it and for the tid. */
    if (flags & CLONE_PIDFD &&
        (flags & (CLONE_DETACHED | CLONE_THREAD) ||
         (flags & CLONE_PARENT_SETTID && arguments->pidfd == arguments->parent_tid)))
        return -EINVAL;
    if (flags & CLONE_NEWUSER)
        return -EPERM;
    if (unlikely(READ_ONCE(current->process->mitigations) & MITIGATION_NO_CHILD) &&
        !(flags & CLONE_THREAD))
        return -EPERM;
    if (unlikely(flags & CLONE_NAMESPACES) &&
        !process_has_capability(current->process, CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & (CLONE_NEWIPC | CLONE_SYSVSEM)) == (CLONE_NEWIPC | CLONE_SYSVSEM))
        return -EINVAL; /* undo of semaphores that the child cannot see */
    if (flags & CLONE_INTO_CGROUP)
        return -EINVAL;
    return 0;
}

bool process_too_many_tasks(struct process *process)
{
    uint64_t limit = process_limit(process, RLIMIT_NPROC);
    uint32_t uid = process->credentials.uid;
    if (limit == UINT64_MAX || uid == 0)
        return false;
    uint64_t count = 0;
    spin_lock(&family_lock);
    for (struct process *other = process_next_locked(1); other;
         other = process_next_locked(other->pid + 1)) {
        if (other->credentials.uid == uid)
            count += other->task_count;
    }
    spin_unlock(&family_lock);
    return count >= limit;
}

static void copy_task(struct task *child, const struct task *parent,
                      const struct clone_arguments *arguments)
{
    uint64_t flags = arguments->flags;
    child->affinity = parent->affinity;
    child->timer_slack_ns = parent->timer_slack_ns;
    child->io_priority = parent->io_priority;
    child->blocked = parent->blocked;
    if (!(flags & CLONE_VM) || flags & CLONE_VFORK) {
        child->alternate_stack = parent->alternate_stack;
        child->alternate_stack_bytes = parent->alternate_stack_bytes;
        child->alternate_stack_flags = parent->alternate_stack_flags;
    } else {
        child->alternate_stack_flags = 2; /* SS_DISABLE */
    }
    memcpy(child->comm, parent->comm, TASK_COMM_BYTES);
    if (flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = arguments->child_tid;
    if (flags & CLONE_CHILD_SETTID && arguments->child_tid) {
        child->set_child_tid = arguments->child_tid;
        child->work |= TASK_WORK_SIGNAL; /* signal_deliver() writes it, as the child */
    }
    child->flags |= TASK_FORKED_NO_EXEC | (flags & CLONE_VFORK ? TASK_VFORK_CHILD : 0);
    if (flags & CLONE_THREAD)
        child->exit_signal = -1;
    else if (flags & CLONE_PARENT)
        child->exit_signal = parent->process->leader->exit_signal;
    else
        child->exit_signal = (int32_t)arguments->exit_signal;
}

/* Inside process_clone(), the hot path, without a call. */
static inline __attribute__((always_inline)) struct process *copy_process(struct process *parent,
                                                                          uint64_t flags)
{
    struct process *process = process_create();
    if (!process)
        return NULL;
    process->token = process_token_clone(parent);
    if (!process->token) {
        process_put(process);
        return NULL;
    }
    if (flags & CLONE_SIGHAND) {
        process->actions = parent->actions;
        __atomic_fetch_add(&parent->actions->references, 1, __ATOMIC_RELAXED);
    } else {
        process->actions =
            signal_actions_duplicate(parent->actions, !(flags & CLONE_CLEAR_SIGHAND));
        if (!process->actions) {
            process_put(process);
            return NULL;
        }
    }
    spin_lock(&parent->signal_lock);
    memcpy(process->rlimits, parent->rlimits, sizeof(process->rlimits));
    spin_unlock(&parent->signal_lock);
    const struct credentials *from = &parent->credentials;
    memcpy(&process->credentials, from,
           offsetof(struct credentials, groups) + from->group_count * sizeof(uint32_t));
    process->personality = parent->personality;
    process->no_new_privileges = parent->no_new_privileges;
    process->mitigations = READ_ONCE(parent->mitigations);
    process->dumpable = parent->dumpable;
    process->no_huge_pages = parent->no_huge_pages;
    process->oom_score_adj = parent->oom_score_adj;
    process->start_ns = clock_monotonic_ns();
    if (unlikely(process->rlimits[RLIMIT_CPU].soft != UINT64_MAX) && cpu_limit_watch(process)) {
        process_put(process);
        return NULL;
    }
    return process;
}

struct process *process_duplicate(struct process *parent, uint64_t flags)
{
    return copy_process(parent, flags);
}

/* The parts that are shared or copied; on failure the caller drops what is there. */
static int copy_parts(struct task *child, struct task *parent, uint64_t flags)
{
    if (flags & CLONE_FILES) {
        file_table_get(parent->files);
        child->files = parent->files;
    } else {
        child->files = file_table_duplicate(parent->files);
        if (!child->files)
            return -ENOMEM;
    }
    if (flags & CLONE_FS || MUTANT_EVERY(FS_CONTEXT_SHARED, 5)) {
        fs_context_get(parent->fs);
        child->fs = parent->fs;
    } else {
        child->fs = fs_context_duplicate(parent->fs);
        if (!child->fs)
            return -ENOMEM;
    }
    int error = nsproxy_for_child(flags, child->fs, &child->namespaces);
    if (unlikely(error))
        return error;
    if (flags & CLONE_VM) {
        address_space_get(parent->address_space);
        child->address_space = parent->address_space;
        return 0;
    }
    return address_space_duplicate(parent->address_space, &child->address_space);
}

void task_drop_parts(struct task *child)
{
    if (child->address_space)
        address_space_put(child->address_space);
    if (child->fs)
        fs_context_put(child->fs);
    if (child->files)
        file_table_put(child->files);
    if (child->namespaces)
        nsproxy_put(child->namespaces);
    child->namespaces = NULL;
    child->address_space = NULL;
    child->fs = NULL;
    child->files = NULL;
}

/* A thread enters its process. family_lock and signal_lock held. */
void process_add_thread_locked(struct process *process, struct task *task)
{
    task->process = process;
    task->actions = process->actions;
    task->tgid = process->pid;
    task->seen_tgid = process->leader->seen_tid;
    process_get(process);
    list_push_back(&process->threads, &task->thread_link);
    process->task_count++;
}

/* A new process enters family, group and session, with its first thread. family_lock held. */
void process_join_family_locked(struct process *process, struct task *leader,
                                struct process *parent, int32_t group, int32_t session)
{
    process->pid = leader->tid;
    process->leader = leader;
    process->parent = parent;
    pid_set_process_locked(process->pid, process);
    if (parent && !MUTANT_EVERY(CHILD_OUTSIDE_TREE, 5))
        list_push_back(&parent->children, &process->sibling_link);
    group_join_locked(process, group ? group : process->pid);
    session_join_locked(process, session && !MUTANT_EVERY(SESSION_NOT_INHERITED, 5) ? session
                                                                                    : process->pid);
    spin_lock(&process->signal_lock);
    process_add_thread_locked(process, leader);
    spin_unlock(&process->signal_lock);
}

/* The child's PID namespace is not the first one: room for its numbers there. 0 or -errno. */
static __attribute__((noinline)) int prepare_numbers(struct pid_namespace *namespace,
                                                     const struct clone_arguments *arguments,
                                                     struct pid_numbers **ret)
{
    if (arguments->flags & CLONE_THREAD && namespace != current->process->pid_namespace)
        return -EINVAL;
    *ret = pid_numbers_create(namespace);
    return *ret ? 0 : -ENOMEM;
}

NO_INLINE int process_take_numbers_locked(struct task *child, struct pid_numbers *numbers,
                                          const int32_t *wanted, uint32_t count)
{
    uint32_t level = numbers ? numbers->level : 0;
    int32_t tid;
    int error;
    if (count > level + 1)
        return -EINVAL;
    if (count > level) {
        tid = wanted[level];
        error = pid_take_this_locked(child, tid);
    } else {
        tid = pid_take_locked(child);
        error = tid ? 0 : -EAGAIN;
    }
    if (!error && numbers) {
        error = pid_numbers_take_locked(numbers, tid, wanted, count);
        if (error)
            pid_drop_task_locked(tid);
        else
            child->seen_tid = numbers->number[level];
    }
    if (!error)
        child->tid = tid;
    return error;
}

static void wait_for_vfork(struct task *child, struct wait_queue *done)
{
    wait_event_mode(done, WAIT_VFORK, (uint64_t)child->tid, WAIT_KILLABLE, 0, false,
                    !READ_ONCE(child->vfork_done));
    /* The child wakes with family_lock held: once we have had it, it does not touch our stack any
     * more. */
    spin_lock(&family_lock);
    child->vfork_done = NULL;
    spin_unlock(&family_lock);
}

int64_t process_clone(const struct clone_arguments *arguments)
{
    struct task *self = current;
    struct process *process = self->process, *child_process = NULL;
    struct pid_numbers *numbers = NULL;
    uint64_t flags = arguments->flags;

    int error = check_flags(arguments), pidfd = -1;
    if (error)
        return error;
    if (process_too_many_tasks(process))
        return -EAGAIN;
    struct task *child = task_create(true);
    if (!child)
        return -ENOMEM;
    object_write_begin(&child->object); /* until it has a tid and a place */
    copy_task(child, self, arguments);
    if (unlikely(self->policy || self->nice || self->slice_ns) &&
        (error = task_copy_parameters(child, self)))
        goto fail;
    error = -ENOMEM;
    if (!(flags & CLONE_THREAD)) {
        child_process = copy_process(process, flags);
        if (!child_process)
            goto fail;
    }
    error = copy_parts(child, self, flags);
    if (error)
        goto fail;
    if (unlikely(flags & CLONE_SYSVSEM) && (error = sem_undo_share(child)))
        goto fail;
    arch_task_copy_user(child, self);
    if (arguments->stack)
        arch_task_frame(&child->arch)->rsp = arguments->stack + arguments->stack_bytes;
    if (flags & CLONE_SETTLS) {
        error = (int)arch_prctl(child, ARCH_SET_FS, arguments->tls);
        if (error)
            goto fail;
    }

    if (unlikely(flags & CLONE_PIDFD)) {
        error = pidfd = pidfd_create(child_process, 0);
        if (pidfd >= 0 && put_user(pidfd, arguments->pidfd))
            error = -EFAULT;
        if (error < 0)
            goto fail;
    }

    struct pid_namespace *pid_namespace = pid_namespace_of(child->namespaces->of[NAMESPACE_PID]);
    if (unlikely(pid_namespace != &initial_pid_namespace)) {
        error = prepare_numbers(pid_namespace, arguments, &numbers);
        if (error)
            goto fail;
    }
    unsigned traced_event = 0;
    struct tracee *tracee = NULL;
    if (task_is_traced(self)) {
        traced_event = ptrace_clone_event(self, arguments);
        if (traced_event || flags & CLONE_PTRACE)
            tracee = ptrace_child_prepare(self);
    }

    struct wait_queue vfork_done;
    if (flags & CLONE_VFORK) {
        wait_queue_init(&vfork_done);
        child->vfork_done = &vfork_done;
    }

    spin_lock(&family_lock);
    /* A signal to the group, or a hold of the process, either comes before this point and is
     * handled first, or finds the child too. */
    if (unlikely(task_interrupted(self) || READ_ONCE(self->work) & TASK_WORK_HOLD)) {
        spin_unlock(&family_lock);
        if (tracee)
            tracee_put(tracee);
        error = -ERESTARTNOINTR;
        goto fail;
    }
    if (unlikely(numbers || arguments->set_tid_count)) {
        error = process_take_numbers_locked(child, numbers, arguments->set_tid,
                                            arguments->set_tid_count);
        if (!error)
            numbers = NULL; /* the number has them */
    } else {
        child->tid = pid_take_locked(child);
        error = -EAGAIN;
    }
    if (unlikely(!child->tid)) {
        spin_unlock(&family_lock);
        if (tracee)
            tracee_put(tracee);
        goto fail;
    }
    task_get(child); /* for the PID table */
    if (child_process) {
        struct process *parent = flags & CLONE_PARENT ? process->parent : process;
        child_process->creator_tid = flags & CLONE_PARENT ? process->creator_tid : self->tid;
        child_process->tty = process->tty;
        process_join_family_locked(child_process, child, parent, process->group, process->session);
        if (unlikely(pid_namespace != &initial_pid_namespace))
            pid_namespace_joined_locked(pid_namespace, child_process);
        object_publish(&child_process->object);
    } else {
        spin_lock(&process->signal_lock);
        process_add_thread_locked(process, child);
        spin_unlock(&process->signal_lock);
    }
    object_write_end(&child->object);
    if (unlikely(tracee != NULL))
        ptrace_child_attach_locked(self, child, tracee);
    if (MUTANT_EVERY(TASK_PUT_TWICE, 10) && child_process)
        process_put(child_process);
    int32_t tid = child->tid, seen = pid_seen(tid);
    trace_event(TRACE_FORK, trace_pair(tid, child->tgid), flags | arguments->exit_signal, 0, 0);
    spin_unlock(&family_lock);

    if (flags & CLONE_PARENT_SETTID)
        copy_to_user(arguments->parent_tid, &seen, sizeof(seen));
    if (unlikely(flags & CLONE_VFORK)) {
        task_get(child);
        task_start(child, self);
        if (unlikely(traced_event))
            ptrace_event(traced_event, (uint64_t)(uint32_t)tid);
        wait_for_vfork(child, &vfork_done);
        if (task_is_traced(self))
            ptrace_event(PTRACE_EVENT_VFORK_DONE, (uint64_t)(uint32_t)tid);
        task_put(child);
    } else {
        task_start(child, self);
        if (unlikely(traced_event))
            ptrace_event(traced_event, (uint64_t)(uint32_t)tid);
    }
    return seen;

fail:
    if (numbers)
        pid_numbers_discard(numbers);
    if (pidfd >= 0) {
        spin_lock(&family_lock);
        pidfd_cut_off_locked(child_process);
        spin_unlock(&family_lock);
        file_table_close(pidfd);
    }
    task_drop_parts(child);
    sem_undo_leave(child);
    child->vfork_done = NULL;
    if (child_process) {
        cpu_watch_end(child_process);
        process_put(child_process);
    }
    task_put(child);
    return error;
}
