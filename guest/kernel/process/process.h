/*
 * kernel/process/process.h - a thread group: the thing that has a PID, a parent, an exit status and
 * somebody who notices when it ends.
 *
 * Lifetime: object.references: one for being in the PID table, one per thread, one per temporary
 * holder. A process whose last thread has gone is a zombie until its parent (or whoever adopted it)
 * reaped it. Locks: family_lock guards tree, groups, sessions and exit state; signal_lock guards
 * pending signals, masks of its threads, stop and exit requests, timers and rlimits; parts_lock
 * guards the pointers of its threads to shared parts, and its token. The thread list is changed under family_lock
 * and signal_lock together, so either is enough to walk it.
 */
#ifndef KERNEL_PROCESS_PROCESS_H
#define KERNEL_PROCESS_PROCESS_H

#include "kernel/mm/slot_table.h"
#include "kernel/process/capability.h"
#include "kernel/process/signal.h"
#include "kernel/sched/task.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/wait_queue.h"

enum rlimit_index {
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME
};
struct rlimit {
    uint64_t soft, hard; /* UINT64_MAX = none */
};

/* Linux credentials, as programs see them; replaced by projections of the token later. */
struct credentials {
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    struct capability_sets capabilities;
    uint32_t group_count;
    uint32_t groups[32];
};

struct cpu_watch;
struct descriptor_copy;
struct pid_namespace;
struct posix_timer;
struct template;
struct token_object;
struct tty;

#define TIMER_SLACK_DEFAULT_NS 50000

struct process {
    struct glass_object object;
    int32_t pid;                         /* global: of the first PID namespace */
    uint8_t guid[16];                    /* random, never reused; kept by exec */
    struct pid_namespace *pid_namespace; /* the innermost; counted unless it is the first */

    /* -- family_lock -- */
    struct process *parent; /* NULL only in PID 1 and the kernel's own */
    struct list children;   /* through sibling_link */
    struct list sibling_link;
    struct list threads;                  /* tasks that are not reaped, through thread_link */
    struct task *leader;                  /* the task whose tid is the pid; stays until reaped */
    uint32_t task_count;                  /* threads that have not exited */
    int32_t group, session;               /* ids */
    struct list group_link, session_link; /* rings without a head: the PID table names one member */
    bool zombie;                          /* all threads gone, not reaped */
    bool exiting; /* exit_group or a deadly signal: exit_status is decided (signal_lock) */
    bool stopped, continued, stop_reported, continue_reported; /* changed under signal_lock too */
    int32_t stop_signal;
    bool is_subreaper;
    bool did_exec;                   /* since fork: setpgid by the parent is refused */
    uint32_t exit_status;            /* wait status */
    struct wait_queue child_events;  /* parents wait here */
    struct wait_queue thread_events; /* exec waits here until it is the only thread */
    int32_t creator_tid;       /* the parent's thread that made it, or another if that ended */
    struct list pidfds;        /* descriptors that stand for it (pidfd.c) */
    struct tracee *tracees;    /* tasks that it traces (ptrace.h); counted */
    struct template *template; /* while it is one (template.c) */
    uint32_t template_copies;  /* made of it so far */

    /* -- signal_lock -- */
    struct spinlock signal_lock; /* RANK_SIGNAL */
    struct signal_set pending;
    struct list pending_queue;
    uint32_t pending_count;               /* queued in the process and its threads */
    struct pending_signal *spare_pending; /* atomic: an unused entry for the next signal, or NULL */
    struct signal_actions
        *actions;           /* one reference; its tasks' pointers are the same without one */
    bool stop_active;       /* job control: every thread is to stop, or has */
    bool stop_dequeued;     /* a stop signal was taken and no SIGCONT has come since */
    bool deadly_reported;   /* the trace record of the deadly signal is written */
    bool continue_notice;   /* SIGCONT came: the next thread that runs tells the parent */
    bool signals_closed;    /* all threads are gone: nothing is queued any more */
    struct task *exec_task; /* the thread that replaces the program: every other one must go */
    struct rlimit rlimits[RLIMIT_COUNT];
    struct timer alarm; /* ITIMER_REAL */
    uint64_t alarm_interval_ns;
    struct posix_timer *timers; /* time/posix_timer.c, its mutex */
    int32_t next_timer_id;
    struct cpu_watch *cpu_watch;      /* time/cpu_timer.c; NULL: nobody watches its CPU time */
    bool signals_watched;             /* it has looked at a signalfd (signalfd.c) */
    struct wait_queue signal_waiters; /* readers of a signalfd */

    struct credentials credentials; /* written by the process itself under signal_lock */
    struct tty *tty;                /* controlling terminal, family_lock */
    int32_t lost_foreground_group;  /* of a session leader whose terminal hung up, family_lock */
    uint32_t personality;
    uint32_t mitigations; /* MITIGATION_* (shared/token.h): only ever added to; atomic */
    bool no_new_privileges;
    bool dumpable;
    bool no_huge_pages; /* PR_SET_THP_DISABLE: kept, and without effect */
    bool kernel; /* of the kernel's own (PID 1, kthread.h): no signal reaches it; never changes */
    bool unkillable; /* process 1 of a PID namespace: default actions do nothing (signal_lock) */
    int32_t oom_score_adj;
    bool out_of_memory; /* it was chosen to end for want of memory */

    /* accounting of threads and children that are gone; family_lock */
    uint64_t dead_utime_tsc, dead_stime_tsc, dead_nvcsw, dead_nivcsw, dead_min_faults;
    uint64_t children_utime_tsc, children_stime_tsc, children_nvcsw, children_nivcsw,
        children_min_faults;
    uint64_t children_max_resident;
    uint64_t max_resident;
    uint64_t start_ns;
    struct spinlock parts_lock; /* RANK_TASK_PARTS */

    /* -- parts_lock -- */
    struct token_object *token; /* counted: who it is (kernel/token/thread_token.h) */
    struct descriptor_copy
        *descriptor; /* counted: that somebody gave it; NULL: its token's user's usual one */
    uint64_t
        gate_verdict; /* kernel/token/process_gate.h: who was granted what last; read without */
};

/*
 * Is it in the effective set, and has the token (of the current thread: whom it acts as) the privilege that
 * goes with it, if one does?
 */
bool capability_by_privilege(const struct process *process, enum capability capability);
static inline bool process_has_capability(const struct process *process, enum capability capability)
{
    return process->credentials.capabilities.effective >> capability & 1 &&
           (CAPABILITIES_OF_IDS >> capability & 1 || capability_by_privilege(process, capability));
}

extern struct slot_table process_slots;
extern struct spinlock family_lock; /* RANK_FAMILY */
/*
 * PID 1 is the kernel's own: a thread without user memory that adopts and reaps orphans. The user's
 * program is PID 2; when that process ends, the machine ends with its status.
 */
extern struct process *init_process;
extern struct process *program_process;

void process_get(struct process *process);
void process_put(struct process *process);
/* Its first thread, counted; NULL = it has gone. Takes family_lock. */
struct task *process_leader_get(struct process *process);

/*
 * The shared parts of any task, as counted references for a look from another task (/proc); NULL if
 * it has none (kernel thread, or already exited). A task uses its own pointers without this.
 */
struct address_space *task_address_space_get(struct task *task);
struct file_table *task_files_get(struct task *task);
struct fs_context *task_fs_get(struct task *task);

/* ---- pid.c. Lookups return a counted reference or NULL. ---- */
struct task *task_find_get(int32_t tid);
struct process *process_find_get(int32_t pid);
/* For /proc: the smallest pid >= from whose process exists, as a counted reference; NULL = no more.
 */
struct process *process_next_get(int32_t from);
/* For /proc/PID/task: the same over the threads of a process. */
struct task *process_thread_next_get(struct process *process, int32_t from);

/*
 * The members of a process group or session, under family_lock: the first one, or NULL; then each
 * next one until it is the first again.
 */
struct process *group_first(int32_t group);
struct process *session_first(int32_t session);
static inline struct process *group_next(struct process *process)
{
    return list_entry(process->group_link.next, struct process, group_link);
}
static inline struct process *session_next(struct process *process)
{
    return list_entry(process->session_link.next, struct process, session_link);
}
/* Does job control reach the group (group.c)? family_lock held. */
bool group_is_orphaned(int32_t group);

/* How many processes and threads are in the PID table. */
uint32_t process_count(void);
uint32_t thread_count(void);

/* ---- fork.c ---- */
struct clone_arguments {
    uint64_t flags;                        /* CLONE_*, without the exit signal */
    uint64_t pidfd, child_tid, parent_tid; /* user addresses */
    uint64_t exit_signal;
    uint64_t stack, stack_bytes; /* 0 = the parent's */
    uint64_t tls;
    const int32_t *set_tid; /* the numbers to take, of the innermost PID namespace first ... */
    uint32_t set_tid_count; /* ... and how many */
};
/* The one primitive. The child's tid, or -errno. */
int64_t process_clone(const struct clone_arguments *arguments);
/* PIDs 1 and 2 from the boot page; called once by the first CPU's boot thread. Panics only on
 * broken boot data. */
void process_start_init(void);

/* ---- spawn.c ---- */
/*
 * Starts a program that nobody forked, as a child of init in a session of its own: standard output
 * and error as in a new machine, nothing to read. `data` is copied: working directory, path, the
 * arguments, the environment, each ended by NUL. 0: `done` is called once by the new task, with its
 * pid or why the program could not be loaded. Or -errno, and `done` is not called.
 */
int process_spawn(const char *data, size_t bytes, uint32_t argument_count,
                  uint32_t environment_count, void (*done)(uint64_t token, int64_t result),
                  uint64_t token);

/* ---- exec.c ---- */
struct file;
/*
 * Replaces the current process's program. Strings are in kernel memory, NULL-terminated arrays;
 * only on success the old program is gone. 0 or -errno.
 */
int process_exec(struct file *program, const char *path, char *const *argv, char *const *envp);

/* ---- exit.c ---- */
_Noreturn void process_exit_thread(int code);            /* exit(2) of one thread */
_Noreturn void process_exit_group(uint32_t wait_status); /* whole process; wait status encoding */

/* ---- accounting (accounting.c) ---- */
struct linux_rusage;
void process_times(struct process *process, uint64_t *ret_utime_ns, uint64_t *ret_stime_ns);

/* ---- names of the machine (misc.c): NUL-terminated copies ---- */
#define SYSTEM_NAME_BYTES 65
void host_name_get(char name[SYSTEM_NAME_BYTES]);
void domain_name_get(char name[SYSTEM_NAME_BYTES]);
#define SYSTEM_NAME    "Linux"
#define SYSTEM_RELEASE "6.1.0-vitrine"
#define SYSTEM_VERSION "#1 SMP Vitrine"
#define SYSTEM_MACHINE "x86_64"

/* No random layout (BOOT_FLAG_NO_ASLR); set from the boot page by process_start_init(). */
extern bool aslr_enabled;

#endif
