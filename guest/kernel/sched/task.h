/*
 * kernel/sched/task.h - one thread. It owns little; what threads may share it points at, and
 * sharing means the same pointer (clone's flags choose).
 *
 * Tasks live in slots that are never reused for another type, so that the host can read them at any
 * time. Lifetime: object.references: one for being in the PID table (until reaped), one while it
 * can run, one per temporary holder (task_get). The kernel stack goes when the task has been
 * switched away from for the last time.
 */
#ifndef KERNEL_SCHED_TASK_H
#define KERNEL_SCHED_TASK_H

#include "arch/context.h"
#include "kernel/lib/list.h"
#include "kernel/lib/rbtree.h"
#include "kernel/mm/slot_table.h"
#include "kernel/sched/special.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/time/timer.h"
#include "shared/objects.h"
#include "shared/trace.h"

struct acting;
struct address_space;
struct file_table;
struct fs_context;
struct futex_pi;
struct nsproxy;
struct process;
struct signal_actions;
struct token_object;
struct tracee;

#define TASK_COMM_BYTES 16

struct signal_set {
    uint64_t bits; /* bit n-1 = signal n */
};

/* What a normal task is to its policy (sched/policy.h); guarded by the run queue's lock. */
struct fair_entity {
    union {
        struct rb_node node; /* fair: in the tree */
        struct list link;    /* other policies: in the list */
    };
    union {
        struct {               /* fair (EEVDF) */
            uint64_t deadline; /* virtual */
            uint64_t vruntime;
            uint64_t min_vruntime; /* smallest in the subtree (augmentation) */
            int64_t lag;           /* kept while off the queue */
        };
        struct {             /* other policies */
            uint64_t used;   /* of its slice */
            uint64_t joined; /* the queue's `turns` then */
        };
    };
    uint64_t slice; /* TSC cycles that one request asks for */
    uint32_t weight;
    int8_t nice; /* that the weight follows from; 20: SCHED_IDLE */
    bool queued;
};

struct task {
    struct glass_object object;

    /* -- fixed once published -- */
    int32_t tid;
    int32_t tgid;
    struct process *process; /* NULL in kernel threads without one */
    uint32_t flags;          /* enum task_flags; changed by the task itself only */

    /* -- scheduling: guarded by the run queue's lock of `cpu` (sched/core.c is the only writer) --
     */
    uint8_t state;        /* enum task_state */
    uint8_t sleep_intent; /* wait_mode + 1 while about to block, 0 = none */
    uint8_t wait_kind;    /* enum wait_kind, while blocked */
    uint8_t held;         /* enum task_held (shared/glass.h) */
    uint32_t cpu;
    uint32_t policy; /* enum sched_policy_number: what it asked for (sched/parameters.h) */
    int32_t nice;
    int32_t rt_priority;
    uint64_t affinity; /* CPU mask */
    uint64_t wait_object;
    struct fair_entity fair;  /* what it is while its class is the normal one; else: special */
    uint64_t switched_in_tsc; /* when it last got its CPU */
    uint64_t exec_tsc;        /* cycles run, up to the last switch */
    uint64_t utime_tsc;       /* of them in user mode ... */
    uint64_t stime_tsc;       /* ... and in the kernel */
    uint64_t mode_tsc;        /* when it last changed between user and kernel mode */
    uint64_t nvcsw, nivcsw;
    uint64_t start_tsc;
    uint64_t ready_tsc; /* when it last became ready (run delay) */
    uint64_t run_delay_tsc;

    uint32_t work;         /* enum task_work; atomic, anyone */
    bool preempted_inside; /* lost its CPU at a preemption point: its work in the kernel is
                            * unfinished
                            */
    uint8_t at_edge;       /* preempted on its way to user mode: it may be parked where it stands */

    /* -- shared parts: changed by the task itself under process->parts_lock, so that /proc can look
     * -- */
    struct address_space *address_space; /* NULL in kernel threads */
    struct file_table *files;
    struct fs_context *fs;
    struct nsproxy *namespaces;
    struct token_object *impersonation; /* whom it acts as; NULL: its process's token */
    struct acting *acting;              /* ... and as which ids, towards files; its own */
    struct signal_actions *actions;

    /* -- signals: process->signal_lock -- */
    struct signal_set pending; /* sent to this thread */
    struct list pending_queue; /* struct pending_signal */
    struct signal_set blocked;
    struct signal_set
        saved_mask; /* sigsuspend, ppoll ...: restored when the handler frame is built */
    bool restore_saved_mask;
    struct signal_set awaited; /* sigtimedwait: wakes for these although they are blocked */
    bool job_stopped;          /* took part in the stop of its process */
    struct tracee *tracee;     /* counted; NULL: not traced (process/ptrace.h) */
    uint64_t alternate_stack, alternate_stack_bytes;
    int32_t alternate_stack_flags;

    /* -- threads and futexes: the task itself -- */
    uint64_t clear_child_tid;
    uint64_t set_child_tid;
    uint64_t robust_list;
    uint64_t rseq_area;
    uint32_t rseq_bytes, rseq_signature;

    /* -- tree: family_lock -- */
    struct list thread_link; /* process->threads */
    int32_t exit_signal;     /* what the parent gets; only in the leader */
    int32_t exit_code;       /* wait status of this thread */

    uint64_t min_faults, maj_faults;
    struct waiter waiter;     /* for wait_event_by() */
    struct timer sleep_timer; /* deadline of wait_block() */
    bool sleep_timed_out;
    struct wait_queue *vfork_done; /* on the parent's stack; family_lock */

    /* restart_syscall: how to go on sleeping */
    int64_t (*restart)(struct task *task);
    uint64_t restart_argument[6];

    char comm[TASK_COMM_BYTES];
    struct list *dropping; /* what it puts waits for the outermost put; net/rights.c */
    uint64_t timer_slack_ns;
    uint32_t io_priority; /* ioprio_set(2): kept, and followed by nobody */
    int32_t parent_death_signal;
    int32_t seen_tid, seen_tgid; /* tid and tgid as the task itself sees them (PID namespaces) */

    /* -- scheduling, continued: what most tasks have no use for -- */
    struct special_entity special; /* .class: what it is scheduled as */
    bool reset_on_fork;
    uint32_t slice_ns;                           /* asked for; 0: the usual one */
    uint64_t runtime_ns, deadline_ns, period_ns; /* of the DEADLINE policy */
    uint64_t bandwidth;                          /* admitted, in 2^-20 of a CPU */
    struct sched_claim inherited;                /* from those who wait for its locks */
    struct futex_pi *pi_owned, *pi_waits;        /* ipc/futex/futex_pi.c, its lock */
    struct sem_undo_list
        *sem_undo; /* what its end takes back; ipc/sysv/sem_undo.c; NULL: nothing */

#ifdef KERNEL_DEBUG
    uint16_t held_mutex_ranks[8];
    uint8_t held_mutex_count;
    bool audit_returns; /* it was switched in and has not been back in user mode since */
#endif
    struct arch_task arch;
};

extern struct slot_table task_slots;

/* A task in state Created with a kernel stack, no tid yet; not in any list. NULL when out of
 * memory. */
struct task *task_create(bool user);
static inline void task_get(struct task *task)
{
    __atomic_fetch_add(&task->object.references, 1, __ATOMIC_RELAXED);
}
void task_put(struct task *task); /* last one: Dead, slot freed */
/* Called by the last task_put() before the slot is freed; registered by the process floor. May be
 * NULL. */
extern void (*task_released)(struct task *task);

/* ---- scheduling (sched/core.c) ---- */

/* Created -> Ready: chooses a CPU, enqueues. `parent` gives the fair share's start; may be NULL. */
void task_start(struct task *task, struct task *parent);
/*
 * Blocked -> Ready, if it sleeps in a mode that `reason` may end; withdraws a declared intent to
 * sleep. Returns true if it woke or stopped falling asleep. Any context.
 */
enum wake_reason {
    WAKE_NORMAL = 0,
    WAKE_SIGNAL = 1,
    WAKE_KILL = 2, /* ends a hold too */
    WAKE_CONTINUE = 3,
    WAKE_RELEASE = 4, /* ends a hold; for a parked task only (task_release) */
};
bool task_wake(struct task *task, enum wake_reason reason);
/* Sets work bits and makes the CPU that runs the task notice soon. Any context. */
void task_add_work(struct task *task, uint32_t work);
static inline void task_clear_work(struct task *task, uint32_t work)
{
    __atomic_fetch_and(&task->work, ~work, __ATOMIC_RELAXED);
}
/* sched_yield(). */
void task_yield(void);
/* Running -> Stopped until task_wake(WAKE_CONTINUE or WAKE_KILL). */
void task_stop_self(int signal);
/* Running -> Zombie, for good. Gives up the kernel stack. The caller has done everything else. */
_Noreturn void task_exit_self(void);
/* Lets interrupts in, and the scheduler if it wants; only where no spinlock is held. For long
 * loops. */
void preemption_point(void);
/* A deliverable signal or the end of the process is waiting. */
static inline bool task_interrupted(const struct task *task)
{
    return READ_ONCE(task->work) & (TASK_WORK_SIGNAL | TASK_WORK_EXIT | TASK_WORK_STOP);
}

/*
 * From outside (sched/hold.c). task_hold: 0, also if it is held already; -EPERM for the kernel's
 * own tasks; -ESRCH for one that is ending. task_release: 0; -EINVAL if it is not held.
 */
int task_hold(struct task *task);
int task_release(struct task *task);
/* TASK_WORK_HOLD is set: parks the current task, at the edge of user mode, until it is released. */
void task_park_held(void);
int task_set_affinity(struct task *task, uint64_t mask);
void task_set_comm(struct task *task, const char *name);

/*
 * Calls `look` while the task is not on a CPU and cannot get one, its registers saved: false if it
 * runs. `look` may take no lock.
 */
bool task_look_at_rest(struct task *task, void (*look)(struct task *task, void *context),
                       void *context);

/* Times in nanoseconds, up to now. */
void task_times(struct task *task, uint64_t *ret_utime_ns, uint64_t *ret_stime_ns);

/* A kernel thread, started. NULL when out of memory. */
struct task *kernel_thread(const char *name, void (*function)(void *), void *argument);

#endif
