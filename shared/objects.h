/*
 * shared/objects.h - what the numbers in published fields mean (shared/glass.h publishes where the
 * fields lie). The kernel uses these very constants; a host decodes with them.
 */
#ifndef VITRINE_SHARED_OBJECTS_H
#define VITRINE_SHARED_OBJECTS_H

/* vma.flags */
enum vma_flags {
    VMA_READ = 1u << 0,
    VMA_WRITE = 1u << 1,
    VMA_EXECUTE = 1u << 2,
    VMA_SHARED = 1u << 3,     /* MAP_SHARED: writes reach the file or the other holders */
    VMA_GROWS_DOWN = 1u << 4, /* a stack */
    VMA_STACK = 1u << 5,
    VMA_HEAP = 1u << 6, /* brk */
    VMA_DONT_FORK = 1u << 7,
    VMA_WIPE_ON_FORK = 1u << 8,
    VMA_LOCKED = 1u << 9,
    VMA_NORESERVE = 1u << 10,
    VMA_COUNTED = 1u << 11, /* the file hears of each such mapping (System V shared memory) */
};
#define VMAS_MAX 65530u /* per address space; Linux's default vm.max_map_count */

/* task.flags */
enum task_flags {
    TASK_KERNEL_THREAD = 1u << 0,
    TASK_IDLE = 1u << 1,
    TASK_EXITING = 1u << 2,     /* on its way out: no new signals, no work */
    TASK_VFORK_CHILD = 1u << 3, /* a parent waits in vfork for it */
    TASK_FORKED_NO_EXEC = 1u << 4,
    TASK_TRACED = 1u << 5, /* by another program (ptrace) */
};

/* task.work: what must be looked at before the next return to user mode; any set bit leads to the
 * slow path. */
enum task_work {
    TASK_WORK_RESCHEDULE = 1u << 0,
    TASK_WORK_SIGNAL = 1u << 1, /* a deliverable signal may be pending */
    TASK_WORK_STOP = 1u << 2,   /* job control */
    TASK_WORK_EXIT = 1u << 3,   /* the process ends: this thread must go */
    TASK_WORK_HOLD = 1u << 4,   /* held from outside: parks; interrupts no system call */
    TASK_WORK_TRACE = 1u << 5,  /* who traces it has changed, or wants it to stop */
    TASK_WORK_ASYNC = 1u << 6,  /* signals of O_ASYNC are to be sent, to whomever */
};

/* task.special.class: what it is scheduled as, which inheritance may change; the higher goes first */
enum sched_class {
    SCHED_CLASS_NORMAL = 0,
    SCHED_CLASS_REALTIME = 1,
    SCHED_CLASS_DEADLINE = 2,
    SCHED_CLASS_STOP = 3, /* the kernel's own */
};

/* task.policy: what it asked for, sched_setscheduler(2)'s numbers */
enum sched_policy_number {
    SCHED_POLICY_OTHER = 0,
    SCHED_POLICY_FIFO = 1,
    SCHED_POLICY_RR = 2,
    SCHED_POLICY_BATCH = 3,
    SCHED_POLICY_IDLE = 5,
    SCHED_POLICY_DEADLINE = 6,
};

/* mutex.state */
enum mutex_state {
    MUTEX_FREE = 0,
    MUTEX_TAKEN = 1,
    MUTEX_WAITED = 2, /* taken, and somebody may wait */
};

/* process.rlimits: as many pairs (soft, hard) of 64 bits, in the order of setrlimit(2) */
#define RLIMIT_COUNT 16

/* file_table */
#define FILE_TABLE_MAX 65536u /* descriptors, whatever RLIMIT_NOFILE says */

/* file_lock.space: flock(2)'s locks do not meet those of fcntl(2) */
enum file_lock_space { FILE_LOCK_RECORD = 0, FILE_LOCK_FLOCK = 1 };

/* frame.flags of a free block that is in a list */
#define FRAME_LISTED 0x8000u

#endif
