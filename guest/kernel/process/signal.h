/*
 * kernel/process/signal.h - Linux signals. Sending queues; delivery happens on the way back to user
 * mode.
 */
#ifndef KERNEL_PROCESS_SIGNAL_H
#define KERNEL_PROCESS_SIGNAL_H

#include "kernel/lib/list.h"
#include "kernel/sched/task.h"

#define SIGNALS 64
enum signal_number {
    SIGHUP = 1,
    SIGINT,
    SIGQUIT,
    SIGILL,
    SIGTRAP,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGKILL,
    SIGUSR1,
    SIGSEGV,
    SIGUSR2,
    SIGPIPE,
    SIGALRM,
    SIGTERM,
    SIGSTKFLT,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGXCPU,
    SIGXFSZ,
    SIGVTALRM,
    SIGPROF,
    SIGWINCH,
    SIGIO,
    SIGPWR,
    SIGSYS,
    SIGRTMIN
};

/* struct siginfo of the Linux ABI: 128 bytes. */
struct linux_siginfo {
    int32_t signo, errno_value, code, pad;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
            uint64_t value;
        } sender; /* kill, sigqueue */
        struct {
            int32_t pid;
            uint32_t uid;
            int32_t status;
            int32_t pad;
            int64_t utime, stime;
        } child;
        struct {
            uint64_t address;
            int16_t lsb;
        } fault;
        struct {
            int32_t timer_id;
            int32_t overrun;
            uint64_t value;
        } timer;
        struct {
            int64_t band;
            int32_t fd;
        } poll; /* SIGIO */
        uint8_t bytes[112];
    };
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "siginfo is part of the ABI");

#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_TKILL      (-6)
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define ILL_ILLOPN    2
#define FPE_INTDIV    1
#define FPE_FLTINV    7
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

/* So many bytes of a siginfo carry anything; the kernel neither keeps nor writes the rest. */
#define SIGINFO_BYTES 48

struct pending_signal {
    struct list link;
    struct linux_siginfo info;
    uint32_t counted_uid; /* of a real-time signal: for whom it counts (user_count.h) */
};

#define SA_NOCLDSTOP      0x1ul
#define SA_NOCLDWAIT      0x2ul
#define SA_SIGINFO        0x4ul
#define SA_EXPOSE_TAGBITS 0x800ul /* no address has tags here: kept and without effect */
#define SA_ONSTACK        0x08000000ul
#define SA_RESTART        0x10000000ul
#define SA_NODEFER        0x40000000ul
#define SA_RESETHAND      0x80000000ul
#define SA_RESTORER       0x04000000ul
#define SIG_DFL           0ul
#define SIG_IGN           1ul

struct signal_action {
    uint64_t handler; /* SIG_DFL, SIG_IGN, or user address */
    uint64_t flags;
    uint64_t restorer;
    struct signal_set mask;
};

/*
 * Dispositions; shared by CLONE_SIGHAND, that is by all threads of a process and in rare cases by
 * several processes. An entry of action[] means something only while its bit in `set` is 1;
 * otherwise the disposition is the default: so a copy for fork touches only what a program really
 * set. Guarded by `lock`, which is taken inside the signal_lock of a process; the sets may be read
 * without it.
 */
struct signal_actions {
    uint32_t references;
    struct spinlock lock;      /* RANK_SIGNAL_ACTIONS */
    struct signal_set set;     /* not the default */
    struct signal_set ignored; /* of them: SIG_IGN */
    struct signal_set caught;  /* of them: a handler */
    struct signal_action action[SIGNALS];
};

static inline uint64_t signal_bit(int signal)
{
    return 1ull << (signal - 1);
}

/* Default actions (signal(7)) as masks. */
#define SIGNALS_DEFAULT_IGNORE                                                                     \
    (1ull << (SIGCHLD - 1) | 1ull << (SIGCONT - 1) | 1ull << (SIGURG - 1) | 1ull << (SIGWINCH - 1))
#define SIGNALS_DEFAULT_STOP                                                                       \
    (1ull << (SIGSTOP - 1) | 1ull << (SIGTSTP - 1) | 1ull << (SIGTTIN - 1) | 1ull << (SIGTTOU - 1))
#define SIGNALS_SYNCHRONOUS                                                                        \
    (1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGILL - 1) | 1ull << (SIGTRAP - 1) | \
     1ull << (SIGFPE - 1) | 1ull << (SIGSYS - 1))
#define SIGNALS_UNBLOCKABLE (1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))

struct process;

/* Sends as the kernel itself (no permission check). The info's signo is set from `signal`; NULL =
 * SI_KERNEL. */
int signal_send_process(struct process *process, int signal, const struct linux_siginfo *info);
int signal_send_task(struct task *task, int signal, const struct linux_siginfo *info);
/* To every member of a process group; -ESRCH if there is none. Takes family_lock. */
int signal_send_group(int32_t group, int signal, const struct linux_siginfo *info);
/*
 * A fault of the current task's own making: cannot be ignored or blocked away (then the default
 * action is taken). Called by trap handlers.
 */
void signal_force(int signal, int code, uint64_t address);
/* Called on the way back to user mode when TASK_WORK_SIGNAL / EXIT / STOP is set:
 * arch/x86_64/trap.c. */
void signal_deliver(struct trap_frame *frame);

/* For /proc/PID/status and the like: a consistent copy. */
struct signal_summary {
    struct signal_set thread_pending, process_pending, blocked, ignored, caught;
    uint32_t queued; /* by all of its user's processes, of at most RLIMIT_SIGPENDING */
};
void signal_summarise(struct task *task, struct signal_summary *ret);
/* The current task's blocked mask becomes `mask` (SIGKILL and SIGSTOP are taken out of it). */
void signal_set_blocked(uint64_t mask);
/*
 * ppoll, pselect, sigsuspend ...: `mask` holds until the call is over; the old one comes back when
 * a handler's frame is built from it, or on the way to user mode. With
 * signal_end_temporary_mask(false) the call ended without a signal and the old mask is back at
 * once.
 */
void signal_begin_temporary_mask(uint64_t mask);
void signal_end_temporary_mask(bool interrupted);
/* Does the current task block or ignore the signal (background tty access)? */
bool signal_blocked_or_ignored(int signal);

#endif
