/*
 * kernel/process/ptrace.h - one task watched and steered by another process (ptrace(2)).
 *
 * A tracee's side (ptrace_stop.c) stops at what its tracer wants to see; the tracer's side (ptrace.c)
 * looks at it then and lets it go on; wait(2) tells the tracer (wait.c). The tracer is a process: any
 * of its threads may ask, while on Linux it is the thread that attached.
 *
 * Lifetime: a struct tracee is counted: one for the task's pointer, one for the tracer's list. After
 * a detach the task keeps it, without a tracer, until it looks. One whose task has ended stays in the
 * list until it was waited for. Lock: family_lock for everything in it; task->tracee is changed
 * under family_lock and signal_lock, so that either is enough to follow it.
 *
 * A tracee that is `stopped` does not leave the kernel without family_lock: whoever holds it may
 * change the registers on its kernel stack.
 */
#ifndef KERNEL_PROCESS_PTRACE_H
#define KERNEL_PROCESS_PTRACE_H

#include "kernel/process/process.h"

#define PTRACE_EVENT_FORK       1u
#define PTRACE_EVENT_VFORK      2u
#define PTRACE_EVENT_CLONE      3u
#define PTRACE_EVENT_EXEC       4u
#define PTRACE_EVENT_VFORK_DONE 5u
#define PTRACE_EVENT_EXIT       6u
#define PTRACE_EVENT_STOP       128u
#define PTRACE_O_TRACESYSGOOD   1u
#define PTRACE_O_EXITKILL       0x100000u
/* PTRACE_O_TRACE* of an event */
#define PTRACE_O_TRACE(event) (1u << (event))

enum ptrace_mode { PTRACE_RUNS, PTRACE_TO_SYSCALL, PTRACE_STEPS };
enum ptrace_place { PTRACE_AT_NONE, PTRACE_AT_ENTRY, PTRACE_AT_EXIT }; /* GET_SYSCALL_INFO's op */

struct tracee {
    struct tracee *next; /* of the same tracer */
    uint32_t references;
    struct process *tracer; /* NULL: nobody's any more */
    struct task *task;      /* NULL: it has ended */
    int32_t tid;
    int32_t seen_tid; /* as the tracer sees it; kept when the number is free again */
    uint32_t uid;
    uint32_t options;
    bool seized;
    /* the stop that it is in */
    bool stopped, reported, listening;
    bool has_info;
    uint8_t place;   /* enum ptrace_place */
    uint32_t status; /* signal | event << 8 */
    uint64_t message;
    struct linux_siginfo info;
    struct pending_signal given; /* the signal that it made of one (signal_delivery.c) */
    struct wait_queue resumed;
    /* how it goes on */
    uint8_t mode; /* enum ptrace_mode */
    int resume_signal;
    bool trap_wanted; /* PTRACE_INTERRUPT, or a new seized child */
    bool stepping;    /* the trap flag in its registers is the tracer's */
    /* after its end */
    bool ended;
    uint32_t exit_status; /* wait status */
};

/* ---- ptrace_stop.c: as the tracee ---- */

/* The task is traced, or was until now. Reads nothing but its flags. */
static inline bool task_is_traced(const struct task *task)
{
    return unlikely(task->flags & TASK_TRACED);
}
/* On the way to user mode, for a traced task: true = look again (signal_delivery.c). */
bool ptrace_work(struct task *task);
/* A signal was taken from the queues. True: act on what is in `info` now; false: there is none. */
bool ptrace_signal(struct task *task, struct linux_siginfo *info);
void ptrace_syscall_enter(struct trap_frame *frame);
void ptrace_syscall_exit(struct trap_frame *frame);
/* Stops for an event if the tracer wants it. */
void ptrace_event(unsigned event, uint64_t message);
/* The task's number as its tracer sees it; 0 without a tracer, or if that cannot see it. */
int32_t ptrace_number_of(struct task *task);
/* `old_tid`: of ptrace_number_of(), before the task became its process's leader. */
void ptrace_exec(int32_t old_tid);
/* Job control has stopped the process: true = the stop was shown to the tracer and is over. */
bool ptrace_group_stop(struct task *task, int signal);
/* Job control's stop ends: a tracer that listens hears of it. signal_lock held. */
void ptrace_continued_signal_locked(struct task *task);
/* A handler is about to run, or a system call was stepped over: the step ends there. */
void ptrace_step_over(struct task *task);

/* ---- ptrace.c ---- */

struct clone_arguments;
/* Which event a clone is for its caller; 0 = none that is wanted. */
unsigned ptrace_clone_event(const struct task *task, const struct clone_arguments *arguments);
/* A tracee object for the child of a traced task, or NULL: no memory, or nobody traces any more. */
struct tracee *ptrace_child_prepare(struct task *parent);
/* The child, not yet started, is its tracee. family_lock held. */
void ptrace_child_attach_locked(struct task *parent, struct task *child, struct tracee *tracee);
void tracee_put(struct tracee *tracee);
/* The task leaves all tables with this status; `told` = its parent hears of it and is the tracer. */
void ptrace_task_gone_locked(struct task *task, uint32_t status, bool whole_process);
/* The process ends: its tracees go on without it. */
void ptrace_tracer_gone(struct process *process);
/* exec in a thread: it has the tid of the old leader, of which nobody hears any more (may be NULL). */
void ptrace_leader_changed_locked(struct task *task, struct task *old);
/* For /proc/PID/status: the tracer's pid or 0. Takes family_lock. */
int32_t ptrace_tracer_of(struct task *task);
bool ptrace_is_stopped(const struct task *task);
/* PTRACE_MODE_ATTACH of ptrace(2): may the current process steer the other? */
bool ptrace_may_attach(struct process *target);

/* For wait.c, family_lock held: what there is to say of one of the caller's tracees. */
struct tracee_news {
    int32_t tid;
    uint32_t uid, status; /* wait status */
    bool ended;
};
bool ptrace_traces_locked(const struct process *process, const struct task *task);
/* `pid` > 0: that one, `group` > 0: of that group, else any. 1 = news, 0 = none yet, -ECHILD. */
int ptrace_take_news_locked(int32_t pid, int32_t group, bool keep, struct tracee_news *ret);

#endif
