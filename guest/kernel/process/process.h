/*
 * kernel/process/process.h - a thread group: the thing that has a PID, a parent, an exit status and somebody
 * who notices when it ends.
 *
 * Lifetime: object.references: one for being in the PID table, one per thread, one per temporary holder. A
 * process whose last thread has gone is a zombie until its parent (or whoever adopted it) reaped it.
 * Locks: family_lock guards tree, groups, sessions, thread lists and exit state; signal_lock guards pending
 * signals, masks of its threads, timers and rlimits.
 */
#ifndef KERNEL_PROCESS_PROCESS_H
#define KERNEL_PROCESS_PROCESS_H

#include "kernel/mm/slot_table.h"
#include "kernel/process/signal.h"
#include "kernel/sched/task.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/wait_queue.h"

#define RLIMIT_COUNT 16
enum rlimit_index {
    RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC,
    RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE,
    RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME
};
struct rlimit {
    uint64_t soft, hard; /* UINT64_MAX = none */
};

/* Linux credentials, as programs see them; replaced by projections of the token later. */
struct credentials {
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint32_t group_count;
    uint32_t groups[32];
};

struct tty;

struct process {
    struct glass_object object;
    int32_t pid;
    uint8_t guid[16];           /* random, never reused; kept by exec */

    /* -- family_lock -- */
    struct process *parent;     /* NULL only in PID 1 and the kernel's own */
    struct list children;       /* through sibling_link */
    struct list sibling_link;
    struct list threads;        /* tasks that are not reaped, through thread_link */
    struct task *leader;        /* the task whose tid is the pid; stays until reaped */
    uint32_t task_count;        /* threads that have not exited */
    int32_t group, session;     /* ids */
    struct list group_link, session_link;
    bool zombie;                /* all threads gone, not reaped */
    bool exiting;               /* exit_group or a deadly signal: exit_status is decided */
    bool stopped, continued, stop_reported, continue_reported;
    int32_t stop_signal;
    bool is_subreaper;
    bool did_exec;              /* since fork: setpgid by the parent is refused */
    uint32_t exit_status;       /* wait status */
    struct wait_queue child_events; /* parents wait here */

    /* -- signal_lock -- */
    struct spinlock signal_lock; /* RANK_SIGNAL */
    struct signal_set pending;
    struct list pending_queue;
    struct rlimit rlimits[RLIMIT_COUNT];
    struct timer alarm;         /* ITIMER_REAL */
    uint64_t alarm_interval_ns;
    struct wait_queue signal_waiters; /* signalfd, sigtimedwait */

    struct credentials credentials; /* written by the process itself under signal_lock */
    struct tty *tty;            /* controlling terminal, family_lock */
    uint32_t personality;
    bool no_new_privileges;
    bool dumpable;
    int32_t oom_score_adj;

    /* accounting of threads and children that are gone; family_lock */
    uint64_t dead_utime_tsc, dead_stime_tsc, dead_nvcsw, dead_nivcsw, dead_min_faults;
    uint64_t children_utime_tsc, children_stime_tsc, children_nvcsw, children_nivcsw, children_min_faults;
    uint64_t children_max_resident;
    uint64_t max_resident;
    uint64_t start_ns;
    struct mutex exec_lock;     /* RANK_EXEC */
};

extern struct slot_table process_slots;
extern struct spinlock family_lock; /* RANK_FAMILY */
extern struct process *init_process;

void process_get(struct process *process);
void process_put(struct process *process);

/* ---- pid.c. Lookups return a counted reference or NULL. ---- */
struct task *task_find_get(int32_t tid);
struct process *process_find_get(int32_t pid);
/* For /proc: the smallest pid >= from whose process exists, as a counted reference; NULL = no more. */
struct process *process_next_get(int32_t from);
/* For /proc/PID/task: the same over the threads of a process. */
struct task *process_thread_next_get(struct process *process, int32_t from);

/* ---- fork.c ---- */
struct clone_arguments {
    uint64_t flags;        /* CLONE_*, without the exit signal */
    uint64_t pidfd, child_tid, parent_tid; /* user addresses */
    uint64_t exit_signal;
    uint64_t stack, stack_bytes; /* 0 = the parent's */
    uint64_t tls;
};
/* The one primitive. The child's tid, or -errno. */
int64_t process_clone(const struct clone_arguments *arguments);
/* PID 1 from the boot page; called once by the first CPU's boot thread. Panics only on broken boot data. */
void process_start_init(void);

/* ---- exec.c ---- */
struct file;
/*
 * Replaces the current process's program. Strings are in kernel memory, NULL-terminated arrays; only on
 * success the old program is gone. 0 or -errno.
 */
int process_exec(struct file *program, const char *path, char *const *argv, char *const *envp);

/* ---- exit.c ---- */
_Noreturn void process_exit_thread(int code);                 /* exit(2) of one thread */
_Noreturn void process_exit_group(uint32_t wait_status);      /* whole process; wait status encoding */

/* ---- accounting (accounting.c) ---- */
struct linux_rusage;
void process_times(struct process *process, uint64_t *ret_utime_ns, uint64_t *ret_stime_ns);

#endif
