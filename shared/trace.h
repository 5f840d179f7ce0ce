/*
 * shared/trace.h - the records that the kernel writes into its per-CPU trace rings.
 *
 * A ring has a power-of-two number of fixed 64-byte records. Only its CPU writes it, with
 * interrupts off. Record number n, counted from 1, lies at (n - 1) % records and is complete once
 * the ring's head (struct glass_cpu) is n or more; the place behind the head may be in work. A
 * reader copies a record, then looks at the head again: if it has come to n + records - 1 or
 * further, the ring went round and the copy is not to be trusted; what was lost can be counted.
 *
 * Number and CPU follow from the place: the kernel does not spend instructions on them, the reader
 * fills them in.
 */
#ifndef VITRINE_SHARED_TRACE_H
#define VITRINE_SHARED_TRACE_H

#include <stdint.h>

enum trace_type {
    TRACE_NONE = 0,
    TRACE_SWITCH = 1, /* arg0 = prev tid | next tid << 32; arg1 = prev state | reason << 8 |
                         wait kind << 16 (enum wait_kind) | 1 << 24: not only normal tasks under the
                         fair policy are ready or run there; arg2 = what prev waits on (kernel
                         address, or of a wait pid | group << 32, or user address of a futex), 0 if
                         ready; arg3 = TSC cycles that prev ran since it was switched in */
    TRACE_WAKEUP = 2, /* arg0 = woken tid | target cpu << 32; arg1 = wait kind it slept in */
    TRACE_FORK = 3,   /* arg0 = child tid | child tgid << 32; arg1 = clone flags | exit signal;
                         arg2 = 1: by spawn(), which says what the child has of whom */
    TRACE_EXEC = 4,   /* arg0, arg1 = new comm (16 bytes); arg2 = inode number */
    TRACE_EXIT = 5,   /* a task ends: arg0 = wait status; arg1 = 1 if the last of its process */
    TRACE_REAP = 6,   /* a zombie is gone: arg0 = pid | status << 32; arg1 = reaper's tid */
    TRACE_SIGNAL = 7, /* arg0 = target tid | signal << 32; arg1 = si_code; arg2 = what happens:
                         enum trace_signal_result */
    TRACE_FAULT = 8,  /* user page fault: arg0 = address; arg1 = rip; arg2 = error code;
                         arg3 = enum trace_fault_result */
    TRACE_SYSCALL_ENTER = 9,      /* arg0 = number; arg1..arg3 = first three arguments */
    TRACE_SYSCALL_EXIT = 10,      /* arg0 = number; arg1 = result */
    TRACE_SYSCALL_UNKNOWN = 11,   /* arg0 = number (always on) */
    TRACE_MIGRATE = 12,           /* arg0 = tid | new cpu << 32; arg1 = old cpu */
    TRACE_MARK = 13,              /* a program's own mark: arg0..arg3 free (native call) */
    TRACE_PROCESS_EXCEPTION = 14, /* user exception that became a signal: arg0 = vector, arg1 = rip,
                                     arg2 = error code, arg3 = signal */
    TRACE_COMM = 15,              /* a task renamed itself: arg0, arg1 = new comm */
    TRACE_STOP_TASK = 16,         /* job control: arg0 = tid, arg1 = signal */
    /* Written by debug kernels with the option `audit` only: what no look at memory can show. */
    TRACE_AUDIT_OUT = 17, /* a user task was switched away from: arg0 = hash of its user registers;
                            arg1 = of the FPU's registers; arg2 = of the FS and GS bases; arg3 = CR3 */
    TRACE_AUDIT_IN = 18,  /* it got a CPU again: the same, read back from the registers */
    TRACE_AUDIT_RETURN =
        19, /* it goes back to user mode after a switch: arg0 = hash of the callee-saved
               registers as they will be; arg1 = as the program left them */
    TRACE_AUDIT_FLUSH = 20, /* translations: arg0 = enum audit_flush; arg1 = root table; arg2 = mask
                               of CPUs that may hold some */
    TRACE_AUDIT_MASK = 21, /* signal handler: arg0 = 1 entered, 2 left; arg1 = address of the frame;
                              arg2 = mask that the frame holds; arg3 = mask from now on */
    TRACE_SYSCALL_ARGUMENTS = 22, /* in front of TRACE_SYSCALL_ENTER, for calls with more than three
                                     arguments: arg0..arg2 = the fourth to the sixth */
    TRACE_SYSCALL_TEXT = 23,      /* in front of TRACE_SYSCALL_ENTER or _EXIT: a piece of what an
                                     argument points at. arg0 = header (below), arg1..arg3 = up to
                                     24 bytes */
    TRACE_AUDIT_BREAK = 24,   /* brk: arg0 = the heap's end before; arg1 = after; arg2 = where the
                               first mapping from there on starts; arg3 = root table */
    TRACE_OUT_OF_MEMORY = 25, /* a page fault found no memory, and somebody must end: arg0 =
                                     pid; arg1 = pages that it holds; arg2 = its score; arg3 = free
                                     frames */
    TRACE_SECURITY = 26, /* tokens: arg0 = enum security_event | detail << 32; the rest by event */
    TRACE_RENUMBER = 27, /* a thread that was not its process's first executes a program and takes
                            the process's number: arg0 = former tid | new tid << 32. What is left of
                            the first thread, which has ended, has the former one */
    TRACE_TYPES
};

/* What TRACE_SECURITY is about. Tokens and logon sessions by their numbers. */
enum security_event {
    SECURITY_TOKEN_MADE = 1,     /* detail = enum security_origin; arg1 = token; arg2 = its logon
                                    session; arg3 = privileges present. Not those of forks */
    SECURITY_TOKEN_ADJUSTED = 2, /* arg1 = token; arg2 = privileges present; arg3 = enabled */
    SECURITY_INSTALLED = 3,      /* the process is somebody else: arg1 = token; arg2 = before */
    SECURITY_IMPERSONATES = 4,   /* the thread acts as: arg1 = token; detail = level */
    SECURITY_REVERTED = 5,       /* ... as its process again */
    SECURITY_DENIED = 6,         /* detail = enum security_gate | enum security_object << 8; arg1 =
                                    pid, token or privilege; arg2 = rights asked | granted << 32;
                                    arg3 = token that the thread acts as | that it is << 32 */
    SECURITY_PRIVILEGE_USED = 7, /* for the first time: arg1 = token; arg2 = privilege */
    SECURITY_SESSION_MADE = 8,   /* arg1 = logon session; detail = its type */
    SECURITY_SESSION_ENDED = 9,  /* arg1 = logon session */
};
enum security_origin {
    SECURITY_CREATED = 1,
    SECURITY_DUPLICATED = 2,
    SECURITY_RESTRICTED = 3,
    SECURITY_OF_CLIENT = 4,
};
enum security_gate {
    SECURITY_GATE_FILTER = 1,
    SECURITY_GATE_CONTAINMENT = 2,
    SECURITY_GATE_TOKEN = 3,
    SECURITY_GATE_PROTECTION = 4,
};
enum security_object {
    SECURITY_PROCESS = 1,
    SECURITY_TOKEN = 2,
    SECURITY_PRIVILEGE = 3,
};

/* The header of a TRACE_SYSCALL_TEXT record; the lowest byte is the argument's index from 0. */
#define TRACE_TEXT_BYTES_SHIFT   8            /* 8 bits: bytes in this record */
#define TRACE_TEXT_OFFSET_SHIFT  16           /* 16 bits: where they belong in the text */
#define TRACE_TEXT_ELEMENT_SHIFT 32           /* 8 bits: which string of a list of strings */
#define TRACE_TEXT_RESULT        (1ull << 40) /* what the call wrote; else what it was given */
#define TRACE_TEXT_CUT           (1ull << 41) /* there is more than was recorded */

enum audit_flush {
    AUDIT_FLUSH_BEGIN = 1,  /* this CPU changed page tables and wants them forgotten */
    AUDIT_FLUSH_SERVED = 2, /* this CPU has forgotten, because another one asked */
    AUDIT_FLUSH_END = 3,    /* from here on the frames may be given to others */
    AUDIT_FLUSH_OWED = 4,   /* this task has taken rights or pages away; comes before BEGIN */
};

/* Why a CPU changed from one task to another. */
enum switch_reason {
    SWITCH_BLOCKED = 1, /* prev waits; the wait kind says for what */
    SWITCH_SLICE_OVER = 2,
    SWITCH_PREEMPTED = 3, /* a woken task had the better claim */
    SWITCH_YIELD = 4,
    SWITCH_EXIT = 5,
    SWITCH_STOPPED = 6, /* job control stop, or held from outside */
    SWITCH_IDLE = 7,    /* prev is the idle task: there is work again */
    SWITCH_MIGRATED = 8,
};

/* What a blocked task waits for. */
enum wait_kind {
    WAIT_NONE = 0,
    WAIT_PIPE_READ = 1,
    WAIT_PIPE_WRITE = 2,
    WAIT_CHILD = 3,
    WAIT_FUTEX = 4,
    WAIT_SLEEP = 5, /* nanosleep and timeouts without an object */
    WAIT_POLL = 6,
    WAIT_SIGNAL = 7, /* pause, sigsuspend, sigtimedwait */
    WAIT_CONSOLE_INPUT = 8,
    WAIT_CONSOLE_OUTPUT = 9,
    WAIT_MUTEX = 10,   /* a sleeping lock of the kernel */
    WAIT_VFORK = 11,   /* the child's exec or exit */
    WAIT_KTHREAD = 12, /* a kernel thread without work */
    WAIT_FILE_LOCK = 13,
    WAIT_SOCKET = 14,
    WAIT_EVENT = 15,        /* eventfd, timerfd, signalfd, epoll */
    WAIT_EXIT = 16,         /* for its own threads to go */
    WAIT_SEMAPHORE = 17,    /* System V; object: id of the set << 16 | number of the semaphore */
    WAIT_MESSAGE_READ = 18, /* object: id of the System V queue, or a POSIX queue (an address) */
    WAIT_MESSAGE_WRITE = 19,
    WAIT_TEMPLATE = 20, /* a template, between its copies */
    WAIT_KINDS
};

/* States of a task (docs/model.md). Values are part of the glass protocol. */
enum task_state {
    TASK_UNUSED = 0,
    TASK_CREATED = 1,
    TASK_READY = 2,
    TASK_RUNNING = 3,
    TASK_BLOCKED = 4,      /* interruptible: a signal ends the wait */
    TASK_BLOCKED_HARD = 5, /* uninterruptible */
    TASK_STOPPED = 6,
    TASK_ZOMBIE = 7,
    TASK_DEAD = 8,
    TASK_STATES
};

enum trace_signal_result {
    TRACE_SIGNAL_QUEUED = 0,
    TRACE_SIGNAL_IGNORED = 1,
    TRACE_SIGNAL_HANDLER = 2, /* delivered to a handler */
    TRACE_SIGNAL_DEADLY = 3,  /* delivered: ends the process */
    TRACE_SIGNAL_STOP = 4,
    TRACE_SIGNAL_CONTINUE = 5,
};

enum trace_fault_result {
    TRACE_FAULT_ZERO = 0, /* a fresh zero frame */
    TRACE_FAULT_FILE = 1, /* a file or image frame mapped in place */
    TRACE_FAULT_COW_COPY = 2,
    TRACE_FAULT_COW_REUSE = 3, /* last user: made writable */
    TRACE_FAULT_SPURIOUS = 4,  /* another CPU was faster */
    TRACE_FAULT_STACK = 5,     /* the stack grew */
    TRACE_FAULT_SIGNAL = 6,    /* no such access: a signal follows */
    TRACE_FAULT_TABLE = 7,     /* the page table that it shared since a fork is its own now */
};

struct trace_record {
    uint64_t sequence; /* from 1, per CPU; filled in by the reader */
    uint64_t tsc;
    uint16_t type; /* enum trace_type */
    uint16_t cpu;  /* filled in by the reader; in a stop's record, by the kernel */
    int32_t tid;   /* task running on the CPU when it was written; 0 = idle */
    int32_t tgid;
    uint32_t load; /* SWITCH, WAKEUP: the weights (1024 at nice 0) of all tasks that are then ready
                      or running on the CPU that was switched or woken to, summed; else 0 */
    uint64_t arg[4];
};

#ifndef __cplusplus /* which has another word for it */
_Static_assert(sizeof(struct trace_record) == 64, "a record is one cache line");
#endif

#endif
