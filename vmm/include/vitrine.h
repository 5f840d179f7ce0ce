/*
 * vitrine.h - libvitrine: start a Vitrine machine, look into it, stop it, judge it.
 *
 * Errors: functions that can fail return struct vt_error *, NULL for success; the caller frees it
 * with vt_error_destroy(). An error has a code to branch on and one sentence for a person.
 * Out-parameters come last and are written only on success.
 * Threads: one thread at a time per object, unless a function says otherwise.
 */
#ifndef VITRINE_H
#define VITRINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/glass.h"
#include "shared/objects.h"
#include "shared/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VITRINE_API_VERSION 1

/* ---- errors ---- */

enum vt_error_code {
    VT_ERROR_ARGUMENT = 1, /* the caller asked for something impossible */
    VT_ERROR_NOT_FOUND,    /* no such file, machine, task ... */
    VT_ERROR_DENIED,
    VT_ERROR_EXISTS, /* the name is taken */
    VT_ERROR_FORMAT, /* a file is not what it should be */
    VT_ERROR_MEMORY,
    VT_ERROR_SYSTEM,  /* a call of the host failed */
    VT_ERROR_BACKEND, /* KVM or QEMU cannot do it here */
    VT_ERROR_TIMEOUT,
    VT_ERROR_GONE,    /* the machine has ended */
    VT_ERROR_CORRUPT, /* guest memory does not make sense */
    VT_ERROR_BUSY,
    VT_ERROR_NO_PROGRAM,  /* there is no such program to run (a shell's 127) */
    VT_ERROR_BAD_PROGRAM, /* it is there but cannot be run (a shell's 126) */
};

struct vt_error;

enum vt_error_code vt_error_code(const struct vt_error *error);
const char *vt_error_message(const struct vt_error *error); /* what failed, on what, what to do */
void vt_error_destroy(struct vt_error *error);              /* NULL is fine */
/* For callers that extend the library: a new error with a printf-style message. */
struct vt_error *vt_error_create(enum vt_error_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
/* The same, with ": " and the text of errno value `error_number` appended. */
struct vt_error *vt_error_system(int error_number, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

/* ---- the host ---- */

enum vt_accel { VT_ACCEL_AUTO = 0, VT_ACCEL_KVM = 1, VT_ACCEL_QEMU = 2 };
enum vt_verdict { VT_VERDICT_NONE = 0, VT_VERDICT_SOFT = 1, VT_VERDICT_NATIVE = 2 };

/* What the probe found. Strings are NUL-terminated, empty when unknown. */
struct vt_host {
    enum vt_verdict verdict; /* about /dev/kvm */
    enum vt_accel chosen;    /* what `auto` takes here */
    char reason[256];        /* why */
    bool kvm_present, kvm_usable;
    int kvm_version;
    char kvm_problem[192];   /* why it is not usable */
    bool kvm_hardware;       /* VMX or SVM */
    double kvm_ring0_ns;     /* nanoseconds per kernel-mode instruction */
    bool kvm_syscall_works;  /* `syscall` from user mode enters the kernel */
    bool kvm_cpuid_filtered; /* the guest's CPUID obeys KVM_SET_CPUID2 */
    bool kvm_int3_works, kvm_xsave_works, kvm_x2apic, kvm_tsc_deadline;
    uint64_t kvm_user_state;   /* vector state that user code reaches, as in XCR0 */
    uint32_t kvm_cpu_features; /* enum boot_cpu_features that work */
    bool qemu_present;
    char qemu_path[128];
    char qemu_version[32];
    uint32_t qemu_cpu_features; /* enum boot_cpu_features */
    char cpu_model[64];
    uint64_t tsc_khz;
    bool cached; /* read from this boot's cache instead of measured now */
};

/* Probes the host, or takes the result cached for this boot of it (refresh = measure again). */
struct vt_error *vt_host_probe(bool refresh, struct vt_host *ret);
const char *vt_verdict_name(enum vt_verdict verdict); /* "native" "soft" "none" */
const char *vt_accel_name(enum vt_accel accel);       /* "auto" "kvm" "qemu" */

/* ---- a machine of one's own ---- */

struct vt_options {
    enum vt_accel accel;
    unsigned cpus;         /* 0 = 1 */
    uint64_t memory_bytes; /* 0 = 128 MiB */
    bool icount;
    const char *kernel;         /* NULL = VITRINE_KERNEL if set, else beside the running program */
    const char *rootfs;         /* NULL = the default root; a directory, .cpio, .tar (also .gz) */
    const char *const *argv;    /* NULL-terminated; argv[0] is the program */
    const char *const *envp;    /* NULL-terminated KEY=VALUE, NULL = PATH, HOME and TERM only */
    const char *cwd;            /* NULL = "/" */
    const char *name;           /* NULL = not reachable by name; else the name other commands use */
    const char *kernel_options; /* "name=value ..." for the kernel, NULL = none */
    int stdin_fd, stdout_fd,
        stderr_fd; /* -1 = closed (EOF, or discarded); the library does not close them */
    /* If a stream is a terminal, follow it while the machine runs: raw mode on stdin as long as
     * this process is in its foreground, size changes, SIGTSTP. Installs signal handlers. */
    bool raw_terminal;
    bool no_aslr;
    bool trace; /* record events from the start */
    bool trace_lossless;
    bool trace_syscalls;
    bool trace_syscall_text;     /* these with all arguments, and the beginnings of texts */
    unsigned trace_ring_records; /* per CPU, 0 = default */
    bool hold_at_start;          /* stopped world before the first user instruction */
    const char *core_file;       /* written when the machine fails; NULL = none */
};

/* How the machine ended. */
enum vt_outcome_kind {
    VT_OUTCOME_EXITED = 1,   /* status is the program's exit status */
    VT_OUTCOME_SIGNALED = 2, /* status is the signal */
    VT_OUTCOME_FAILED = 3,   /* panic, triple fault, backend failure: see report */
    VT_OUTCOME_KILLED = 4,   /* vt_machine_kill() */
};

struct vt_outcome {
    enum vt_outcome_kind kind;
    int status;
};

struct vt_machine;
struct vt_guest;

/* Fills in the defaults (descriptors 0, 1, 2; everything else zero). */
void vt_options_init(struct vt_options *options);

struct vt_error *vt_machine_create(const struct vt_options *options, struct vt_machine **ret);
struct vt_error *vt_machine_start(struct vt_machine *machine);
/* Waits until the machine has ended; timeout in milliseconds, -1 = for ever; VT_ERROR_TIMEOUT keeps
 * it running. */
struct vt_error *vt_machine_wait(struct vt_machine *machine, int timeout_ms,
                                 struct vt_outcome *ret);
void vt_machine_kill(struct vt_machine *machine); /* any thread */
void vt_machine_destroy(struct vt_machine *machine);

/* The readable report of a VT_OUTCOME_FAILED end: registers, symbols, last events. Owned by the
 * machine. */
const char *vt_machine_report(const struct vt_machine *machine);
/* The kernel's log so far; the caller frees it. */
char *vt_machine_log(const struct vt_machine *machine);
enum vt_accel vt_machine_accel(const struct vt_machine *machine);

/* How often each kind of exit happened on a CPU: fills up to `room` entries, returns how many (0
 * under QEMU). */
struct vt_exit_count {
    const char *name;
    uint64_t count;
};
size_t vt_machine_exit_counts(const struct vt_machine *machine, unsigned cpu,
                              struct vt_exit_count *counts, size_t room);
/* The same for the doorbells of all CPUs together, on every backend. */
size_t vt_machine_doorbell_counts(const struct vt_machine *machine, struct vt_exit_count *counts,
                                  size_t room);

/*
 * Lets gdb debug the started machine: `address` is a TCP port of the loopback interface ("0" = any
 * free one) or the path of a Unix socket. *ret_address (free()) is what gdb's `target remote`
 * takes. Where a server is there already, its address is given, whatever was asked for. With
 * hold_at_start the guest waits until a debugger has come and continues. Any thread.
 */
struct vt_error *vt_machine_gdb(struct vt_machine *machine, const char *address,
                                char **ret_address);

/*
 * Writes a core file of the machine as it is now, for gdb and for vt_guest_open_core(); a running
 * machine is paused meanwhile. VT_ERROR_BUSY while a debugger lets it run. Any thread.
 */
struct vt_error *vt_machine_core(struct vt_machine *machine, const char *path);

/* The view into this machine; valid as long as the machine. */
struct vt_guest *vt_machine_guest(struct vt_machine *machine);

/* ---- looking: any running machine of this user, by name, read-only ---- */

struct vt_error *vt_guest_attach(const char *name, struct vt_guest **ret);
void vt_guest_detach(struct vt_guest *guest);                          /* only for attached ones */
struct vt_error *vt_guest_names(char ***ret_names, size_t *ret_count); /* free each and the array */

/* NULL, or VT_ERROR_GONE if the machine has ended: what can still be read is its last state. */
struct vt_error *vt_guest_alive(struct vt_guest *guest);
const char *vt_guest_name(const struct vt_guest *guest); /* "" if it has none */
/* A core file as a guest that has ended; vt_guest_detach() closes it. */
struct vt_error *vt_guest_open_core(const char *path, struct vt_guest **ret);
/* Asks the owner of a running machine for a core file; `path` is absolute. */
struct vt_error *vt_guest_ask_core(const char *name, const char *path);
/*
 * Asks the owner of a running machine for a gdb server (vt_machine_gdb). `address` NULL = a Unix
 * socket beside the machine's control socket. *ret_kernel: the path of the kernel's ELF file.
 * free() both.
 */
struct vt_error *vt_guest_ask_gdb(const char *name, const char *address, char **ret_address,
                                  char **ret_kernel);

/* Waits until the kernel's glass is complete. */
struct vt_error *vt_guest_ready(struct vt_guest *guest, int timeout_ms);

struct vt_task {
    uint64_t id;      /* never reused */
    uint64_t address; /* of the kernel's struct task, for vt_guest_read_field() */
    int32_t pid, tid, ppid, pgid, sid;
    enum task_state state;
    char comm[16];
    uint32_t cpu;    /* where it runs or ran last */
    uint32_t policy; /* SCHED_* of Linux */
    int32_t nice;
    uint64_t utime_ns, stime_ns;
    uint64_t nvcsw, nivcsw; /* voluntary and involuntary switches */
    uint64_t min_faults;
    uint64_t start_ns;        /* since boot */
    enum wait_kind wait_kind; /* when blocked */
    uint64_t wait_object;     /* what it waits on: see TRACE_SWITCH arg2 */
    bool kernel_thread, idle;
    uint64_t process_id, address_space_id; /* object ids; address space 0 = none */
    uint64_t page_table;                   /* physical address of its root page table, 0 = none */
    int32_t exit_status;                   /* wait status of the process, valid in zombies */
    uint64_t signals_pending, signals_blocked;
    enum task_held held;   /* by vt_guest_hold() or vt_guest_freeze() */
    uint64_t affinity;     /* CPU mask */
    uint64_t run_delay_ns; /* time it was ready and had to wait for a CPU */
};

/* A consistent copy of every task: each entry was proven unchanged while it was copied. free(). */
struct vt_error *vt_guest_tasks(struct vt_guest *guest, struct vt_task **ret_tasks,
                                size_t *ret_count);
struct vt_error *vt_guest_task(struct vt_guest *guest, int32_t tid, struct vt_task *ret);
const char *vt_task_state_name(enum task_state state); /* "ready" ...; */
char vt_task_state_letter(enum task_state state);      /* as in ps: R S D T Z X */
const char *vt_wait_kind_name(enum wait_kind kind);
const char *vt_switch_reason_name(enum switch_reason reason);
const char *vt_trace_type_name(enum trace_type type);

/*
 * ---- the kernel's objects ----
 *
 * Each function below returns an array in one block (texts and inner arrays included) that the
 * caller frees with free(); NULL when it is empty. Texts are safe to print: control characters and
 * what is not UTF-8 are written as \ooo.
 *
 * In a world that stands still (a stop point, a panic, an ended machine) a reading is exact. While
 * the guest runs, each reading is proven: it is repeated until nothing that it rests on moved
 * meanwhile; VT_ERROR_BUSY if the guest never lets it (after half a second). Whatever a guest
 * writes, a reading ends: VT_ERROR_CORRUPT if its memory makes no sense, VT_ERROR_FORMAT if its
 * kernel does not publish what is needed. VT_ERROR_NOT_FOUND: the task has ended since it was
 * listed, or (kernel threads, zombies) has no such part.
 */

struct vt_address_space {
    uint64_t id;         /* never reused; vt_task.address_space_id */
    uint64_t address;    /* of the kernel's struct address_space */
    uint64_t page_table; /* physical address of its root */
    uint32_t references; /* tasks that use it, and temporary holders */
    uint32_t vma_count;
    uint64_t cpu_mask; /* CPUs that may hold translations of it */
    /* layout, as exec set it; addresses */
    uint64_t mmap_top, brk_start, brk_end, stack_top, stack_limit_bytes;
    uint64_t code_start, code_end, argument_start, argument_end, environment_start, environment_end;
    /* what the kernel counts; pages of 4 KiB */
    uint64_t mapped_pages, data_pages, anonymous_pages, file_pages, table_pages, max_resident,
        locked_pages;
};
/* Every address space there is, each proven by itself; also those that no task uses any more. */
struct vt_error *vt_guest_address_spaces(struct vt_guest *guest,
                                         struct vt_address_space **ret_spaces, size_t *ret_count);

/* One mapping, [start, end). */
struct vt_vma {
    uint64_t start, end;
    uint32_t flags;          /* enum vma_flags of shared/objects.h */
    uint32_t max_protection; /* VMA_READ | VMA_WRITE | VMA_EXECUTE that mprotect may give */
    uint64_t file;           /* address of the kernel's struct file; 0 = anonymous */
    uint64_t file_offset;    /* of `start`, bytes; 0 if anonymous */
    uint64_t file_bytes;     /* from `start` on so many bytes come from the file (UINT64_MAX: all);
                                the rest is zero memory of its own */
    uint64_t inode;
    uint32_t device;  /* major << 8 | minor */
    const char *name; /* path as the task sees it, "[heap]", "[stack]"; NULL = none */
};
/* The mappings of a task, by address: what /proc/PID/maps shows inside. */
struct vt_error *vt_guest_vmas(struct vt_guest *guest, const struct vt_task *task,
                               struct vt_vma **ret_vmas, size_t *ret_count);
/* The same of an address space, used or not; paths from the root of the tree. */
struct vt_error *vt_guest_space_vmas(struct vt_guest *guest, const struct vt_address_space *space,
                                     struct vt_vma **ret_vmas, size_t *ret_count);

enum vt_file_kind {
    VT_FILE_OTHER = 0,
    VT_FILE_REGULAR,
    VT_FILE_DIRECTORY,
    VT_FILE_DEVICE,
    VT_FILE_TTY,
    VT_FILE_PIPE,   /* also a FIFO */
    VT_FILE_STREAM, /* a standard stream of the machine: the guest takes it for a pipe */
    VT_FILE_SOCKET,
    VT_FILE_EVENTFD,
    VT_FILE_EPOLL,
    VT_FILE_TIMERFD,
    VT_FILE_SIGNALFD,
    VT_FILE_INOTIFY,
    VT_FILE_KINDS
};
/* One descriptor and the open file behind it. */
struct vt_file {
    int32_t fd;
    bool close_on_exec;
    enum vt_file_kind kind;
    uint32_t flags;      /* O_* of Linux, as fcntl(F_GETFL) */
    uint32_t references; /* descriptors, mappings and calls under way that hold the open file */
    uint64_t position;   /* 0 in streams */
    uint64_t address;    /* of the kernel's struct file: descriptors that share it share position
                            and flags */
    uint64_t object;     /* what lies behind it (of a pipe both ends have the same): compare only */
    uint64_t inode, bytes;  /* number and size */
    uint64_t inode_address; /* of the kernel's struct inode: compare only */
    uint32_t mode;          /* st_mode of Linux */
    uint32_t device;        /* of the file system: major << 8 | minor */
    /* pipes: bytes in it and room in all, open ends */
    uint32_t pipe_bytes, pipe_capacity, pipe_readers, pipe_writers;
    const char *name; /* path as the task sees it, "pipe:[17]", "anon_inode:[eventfd]" ... */
};
/* The open files of a task, by descriptor: what /proc/PID/fd shows inside. */
struct vt_error *vt_guest_files(struct vt_guest *guest, const struct vt_task *task,
                                struct vt_file **ret_files, size_t *ret_count);
const char *vt_file_kind_name(enum vt_file_kind kind); /* "file" "pipe" "tty" ... */

struct vt_limit {
    uint64_t soft, hard; /* UINT64_MAX = none */
};

struct vt_process {
    uint64_t id;      /* never reused; vt_task.process_id */
    uint64_t address; /* of the kernel's struct process */
    uint8_t guid[16]; /* random, never reused either; kept by exec */
    int32_t pid, ppid;
    uint64_t parent_id; /* 0 = none */
    int32_t group, session;
    char comm[16]; /* of its first thread */
    bool zombie;   /* all threads are gone, nobody has waited for it yet */
    bool exiting;  /* exit_group() or a deadly signal: exit_status is decided */
    bool stopped;  /* by job control, with stop_signal */
    bool is_subreaper, did_exec, no_new_privileges;
    int32_t stop_signal;
    uint32_t exit_status; /* wait status, valid in zombies */
    uint32_t task_count;  /* threads that have not exited, as the kernel counts them */
    uint64_t signals_pending;
    uint32_t signals_queued; /* of the process and its threads */
    uint32_t uid, euid, gid, egid;
    int32_t oom_score_adj;
    uint64_t start_ns;                    /* CLOCK_MONOTONIC, so since boot */
    struct vt_limit limits[RLIMIT_COUNT]; /* by Linux's RLIMIT_* numbers */
    const int32_t *threads;               /* tids of its tasks in this reading, ascending */
    size_t thread_count;
    const int32_t *children; /* pids of the processes in this reading whose parent it is, ascending
                              */
    size_t child_count;
};
/* Every process that is not reaped, by pid; each proven by itself, like tasks. */
struct vt_error *vt_guest_processes(struct vt_guest *guest, struct vt_process **ret_processes,
                                    size_t *ret_count);

/* A task as the fair class sees it. Virtual times are TSC cycles of a task of nice 0. */
struct vt_queued {
    uint64_t id; /* of the task */
    int32_t tid;
    char comm[16];
    uint32_t weight;
    uint64_t vruntime, deadline;
    int64_t lag;       /* virtual_time - vruntime: what the CPU owes it; negative: not eligible */
    uint64_t slice_ns; /* how long one request is */
};
struct vt_run_queue {
    unsigned cpu;
    bool idle;                      /* nothing runs; `running` is the idle task */
    bool need_reschedule;           /* the running task is to be looked at before it goes on */
    struct vt_queued running;       /* of the idle task only names */
    uint32_t length;                /* tasks that wait, as the kernel counts them */
    uint64_t total_weight;          /* of waiting and running */
    uint64_t virtual_time;          /* where a perfectly fair CPU would be */
    uint64_t slice_end_ns;          /* when the running one's turn ends; UINT64_MAX: nobody waits */
    const struct vt_queued *queued; /* who waits, earliest deadline first */
    size_t queued_count;
};
/* One CPU's run queue. free() it. VT_ERROR_NOT_FOUND: no such CPU. */
struct vt_error *vt_guest_run_queue(struct vt_guest *guest, unsigned cpu,
                                    struct vt_run_queue **ret);

enum vt_timer_use {
    VT_TIMER_OTHER = 0,
    VT_TIMER_SLEEP = 1, /* ends a sleep, or a wait with a deadline, of task `tid` */
    VT_TIMER_ALARM = 2, /* sends SIGALRM to process `pid` */
};
struct vt_timer {
    uint64_t deadline_ns; /* CLOCK_MONOTONIC, so since boot */
    enum vt_timer_use use;
    int32_t tid, pid;   /* whose; 0 = unknown */
    uint64_t object_id; /* of that task or process; 0 = unknown */
    uint64_t address;   /* of the kernel's struct timer */
    uint64_t callback;  /* kernel address of the function that it calls */
};
/* One CPU's timers, earliest first. */
struct vt_error *vt_guest_timers(struct vt_guest *guest, unsigned cpu, struct vt_timer **ret_timers,
                                 size_t *ret_count);

/*
 * A task that waits: for what, and who could end it.
 *
 * Who could wake it is what the kernel's objects say: of a pipe the tasks that hold the other end,
 * of a child the child, of a file lock its holders, of a futex the thread that its word names as
 * owner (the word of robust and PI mutexes; glibc's ordinary mutex; pthread_join), else every task
 * that shares its memory. The word of a futex is the program's own claim.
 *
 * `dead`: nobody is left who could wake it. Each that could waits itself, for others of the dead,
 * without a deadline. Only signals from outside end that. Waits that other things can end (time, a
 * terminal, a signal that is waited for, a FIFO that anybody may open, several files at once) are
 * never called dead. While the guest runs, the dead are proven by two readings in which they are
 * the same and did not run in between; the other waits are one moment's each.
 */
#define VT_WAKERS_MAX 64
struct vt_wait {
    uint64_t id; /* of the task */
    int32_t tid, pid;
    char comm[16];
    enum wait_kind kind;
    uint64_t object;      /* as in vt_task.wait_object */
    const char *what;     /* "pipe:[17]", "futex 0x4c5010 of address space 3", "/tmp/lock" ... */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC at which it ends by itself; 0 = never */
    /* futexes: the address space (its id) and address of the word, or for memory that several
     * address spaces share: space 0, and the position in the file; and the word's value */
    uint64_t futex_space_id, futex_word;
    uint32_t futex_value;
    const char *who;  /* what its wakers are: "writes to it", "owns the mutex" ...; "" = unknown */
    bool open;        /* others than the wakers can end it, too */
    bool more_wakers; /* than VT_WAKERS_MAX */
    const int32_t *wakers; /* tids, ascending, itself not among them */
    size_t waker_count;
    bool dead;
    const int32_t
        *cycle;         /* of the dead: tids that wait in a circle, each for the next, the last for
                           the first; the smallest first. It leads there, or is one of them. */
    size_t cycle_count; /* 0: it waits for nobody who still exists */
};
/* Every blocked task, by tid. */
struct vt_error *vt_guest_waits(struct vt_guest *guest, struct vt_wait **ret_waits,
                                size_t *ret_count);

enum vt_lock_kind { VT_LOCK_SPIN = 1, VT_LOCK_MUTEX = 2 };
struct vt_lock {
    const char *name; /* "family_lock", "futex_buckets[7].lock", "process 3 signal_lock" ... */
    enum vt_lock_kind kind;
    uint32_t rank; /* its place in the one order of all locks (kernel/sync/lock_order.h) */
    bool taken;
    bool waited;          /* mutex: somebody may wait for it */
    uint32_t waiters;     /* mutex: tasks that wait for it */
    uint32_t contentions; /* spinlock: how often somebody had to wait for it, at most 65535; 0 in
                             debug kernels */
    int32_t owner_cpu;    /* spinlock: who holds it; -1 = nobody, or unknown: only debug kernels say
                           */
    int32_t owner_tid;    /* mutex: the same */
    uint64_t address;
};
/* The locks of published roots, processes and address spaces. A lock's fields are one moment's
 * each. */
struct vt_error *vt_guest_locks(struct vt_guest *guest, struct vt_lock **ret_locks,
                                size_t *ret_count);

/* ---- counters ---- */

/* Counters the guest publishes. */
struct vt_counters {
    uint32_t cpus;
    uint64_t frames, frames_free, frames_image;
    uint32_t tasks, processes, address_spaces; /* live objects */
    uint64_t switches, system_calls, faults, interrupts, unknown_system_calls, trace_records,
        trace_lost;
    uint64_t entry_tsc, first_user_tsc; /* kernel entry; first return to user mode on any CPU */
};
struct vt_error *vt_guest_counters(struct vt_guest *guest, struct vt_counters *ret);
struct vt_error *vt_guest_cpu(struct vt_guest *guest, unsigned index, struct glass_cpu *ret);
/* Nanoseconds since the guest's boot that a guest TSC value stands for. */
uint64_t vt_guest_tsc_to_ns(const struct vt_guest *guest, uint64_t tsc);

/* Typed access by the kernel's own tables: any published struct, by name. */
struct vt_error *vt_guest_field(struct vt_guest *guest, const char *type, const char *field,
                                struct glass_field *ret);
struct vt_error *vt_guest_read_field(struct vt_guest *guest, uint64_t object_address,
                                     const char *type, const char *field,
                                     uint64_t *ret); /* integers and addresses */

/* ---- memory ---- */

struct vt_error *vt_guest_read_phys(struct vt_guest *guest, uint64_t phys, void *buffer,
                                    size_t bytes);
struct vt_error *vt_guest_read_kernel(struct vt_guest *guest, uint64_t address, void *buffer,
                                      size_t bytes);
/* User memory of a task, through its page tables as they are. Unmapped = VT_ERROR_NOT_FOUND. */
struct vt_error *vt_guest_read_user(struct vt_guest *guest, const struct vt_task *task,
                                    uint64_t address, void *buffer, size_t bytes);

struct vt_page {
    uint64_t address; /* virtual */
    uint64_t phys;
    uint64_t bytes; /* 4096, 2 MiB or 1 GiB */
    bool writable, executable, user, accessed, dirty, global;
};
/* Calls `visit` for each present leaf with first <= address < end, in order; a nonzero return ends
 * the walk. */
struct vt_error *vt_guest_walk_pages(struct vt_guest *guest, uint64_t page_table, uint64_t first,
                                     uint64_t end,
                                     int (*visit)(void *context, const struct vt_page *page),
                                     void *context);
enum vt_frame_state {
    VT_FRAME_UNTOUCHED = 0, /* the kernel never wrote its entry: it has its first use, or is free */
    VT_FRAME_HEAD = 1,      /* stands for itself, or for the block of 2^order frames it begins */
    VT_FRAME_INSIDE = 2,    /* of a block: kind, references and order are its head's */
    VT_FRAME_HOLE = 3,      /* no memory at all */
};
struct vt_frame {
    uint64_t phys;
    uint32_t references;
    uint32_t kind; /* see the kernel's enum frame_kind, name from vt_frame_kind_name() */
    uint16_t flags;
    uint8_t order;
    uint8_t state; /* enum vt_frame_state */
};
/* One entry of the kernel's frame table as it stands; inside a block it means nothing. */
struct vt_error *vt_guest_frame(struct vt_guest *guest, uint64_t phys, struct vt_frame *ret);
/*
 * Every frame, index = phys / 4096, read by the rules of the kernel's mm/frame.h: what was never
 * touched has the kind of the fixed range that it lies in and its owner's one reference, or is
 * free. free(). Exact in a world that stands still; while the guest runs each entry is its own
 * moment's.
 */
struct vt_error *vt_guest_frames(struct vt_guest *guest, struct vt_frame **ret_frames,
                                 size_t *ret_count);
const char *vt_frame_kind_name(uint32_t kind);

/* ---- stopping: only on a machine of one's own ---- */

struct vt_stop {
    uint64_t epoch;
    unsigned cpu;
    int filter; /* index from vt_guest_stop_on(), or -1: vt_guest_stop_now() */
    struct trace_record event;
};

/* A filter that matches every event of the given type; refine its fields (shared/glass.h) before
 * use. */
struct glass_filter vt_filter(enum trace_type type);
/* From now on the world stops inside each matching event. ret_filter: index for
 * vt_guest_stop_off(). */
struct vt_error *vt_guest_stop_on(struct vt_guest *guest, const struct glass_filter *filter,
                                  int *ret_filter);
struct vt_error *vt_guest_stop_off(struct vt_guest *guest, int filter);
struct vt_error *vt_guest_stop_now(struct vt_guest *guest); /* then wait for the stop */
/* Waits until the world is stopped: every CPU parked. VT_ERROR_GONE if the machine ends first. */
struct vt_error *vt_guest_wait_stop(struct vt_guest *guest, int timeout_ms, struct vt_stop *ret);
struct vt_error *vt_guest_resume(struct vt_guest *guest);
/*
 * The same for an attached machine: its owner stops the world (it stands still on success) or lets
 * it go on. VT_ERROR_BUSY: it is stopped for somebody else. Who detaches lets it go on.
 */
struct vt_error *vt_guest_ask_stop(struct vt_guest *guest, bool stop, int timeout_ms);

/*
 * Lets a stopped world go on until the next switch decision of any CPU, and waits until it is
 * stopped again, inside that decision. Other stop filters count too: ret->event says what stopped
 * it. While nothing is decided (everyone sleeps) it runs on: VT_ERROR_TIMEOUT, the world is
 * running.
 */
struct vt_error *vt_guest_step_switch(struct vt_guest *guest, int timeout_ms, struct vt_stop *ret);

/* ---- acting: on a machine of one's own, or through the owner of an attached one ---- */

/*
 * What the kernel refuses: VT_ERROR_NOT_FOUND (no such process or thread any more), VT_ERROR_DENIED
 * (it is the kernel's own: PID 1, kernel threads, idle tasks), VT_ERROR_ARGUMENT (a number out of
 * range). VT_ERROR_TIMEOUT after 5 s without an answer, as while the world is stopped.
 */
struct vt_error *vt_guest_signal(struct vt_guest *guest, int32_t pid, int signal);
struct vt_error *vt_guest_signal_thread(struct vt_guest *guest, int32_t tid, int signal);
/*
 * Keeps a thread from running until it is released or killed. What it does in the kernel it
 * finishes first, and a call that sleeps goes on sleeping: a held thread owns no lock of the
 * kernel.
 */
struct vt_error *vt_guest_hold(struct vt_guest *guest, int32_t tid);
struct vt_error *vt_guest_release(struct vt_guest *guest, int32_t tid);
/* Every thread of a process, or with pid 0 of all; those made later too, until it is thawed. */
struct vt_error *vt_guest_freeze(struct vt_guest *guest, int32_t pid, unsigned *ret_threads);
struct vt_error *vt_guest_thaw(struct vt_guest *guest, int32_t pid, unsigned *ret_threads);
/* Waits until no held thread of the process (0 = of all) runs or is about to: parked or asleep. */
struct vt_error *vt_guest_wait_held(struct vt_guest *guest, int32_t pid, int timeout_ms);
struct vt_error *vt_guest_set_nice(struct vt_guest *guest, int32_t tid, int nice);
/* policy: SCHED_OTHER 0, SCHED_BATCH 3 or SCHED_IDLE 5 of Linux. */
struct vt_error *vt_guest_set_policy(struct vt_guest *guest, int32_t tid, uint32_t policy,
                                     int nice);
struct vt_error *vt_guest_set_affinity(struct vt_guest *guest, int32_t tid, uint64_t cpus);

struct vt_spawn {
    const char *const *argv; /* NULL-terminated; argv[0] without a slash is looked for in PATH */
    const char *const *envp; /* NULL = PATH, HOME and TERM only */
    const char *cwd;         /* NULL = "/" */
};
/*
 * Starts a program as a child of PID 1, its output that of the machine, nothing on its standard
 * input. Returns when it is loaded. VT_ERROR_NO_PROGRAM, VT_ERROR_BAD_PROGRAM; all strings together
 * have at most 8 KiB.
 */
struct vt_error *vt_guest_spawn(struct vt_guest *guest, const struct vt_spawn *spawn,
                                int32_t *ret_pid);

/*
 * From now on, of the allocations of these kinds that a thread (0 = any) makes in system calls, the
 * first `skip` succeed and the next `count` fail: with ENOMEM, EMFILE, or what the call has for it.
 */
struct vt_failing {
    uint32_t kinds; /* mask over enum glass_allocation */
    int32_t tid;
    uint32_t skip, count;
};
struct vt_error *vt_guest_fail_start(struct vt_guest *guest, const struct vt_failing *failing);
/* Ends it; how many allocations were looked at, and how many of them failed. */
struct vt_error *vt_guest_fail_end(struct vt_guest *guest, uint32_t *ret_seen,
                                   uint32_t *ret_failed);

/* Any command to the kernel; result is what the kernel answered (0, a value, or -errno). */
struct vt_error *vt_guest_command(struct vt_guest *guest, enum mailbox_command command,
                                  const uint64_t arguments[4], int64_t *ret_result);

/* ---- events ---- */

struct vt_trace;
/* A reader that starts at the oldest record still there (from_now = only new ones). */
struct vt_error *vt_trace_open(struct vt_guest *guest, bool from_now, struct vt_trace **ret);
void vt_trace_close(struct vt_trace *trace);
struct vt_guest *vt_trace_guest(const struct vt_trace *trace);
/* Which events the guest records (mask over enum trace_type). Own machine only. */
struct vt_error *vt_guest_trace_types(struct vt_guest *guest, uint64_t types);
/* Asks the owner of an attached machine to record these events as well. */
struct vt_error *vt_guest_ask_trace(struct vt_guest *guest, uint64_t types);
/* The next record in time order over all CPUs. VT_ERROR_TIMEOUT; VT_ERROR_GONE after the last one
 * of an ended machine. */
struct vt_error *vt_trace_next(struct vt_trace *trace, int timeout_ms, struct trace_record *ret);
uint64_t vt_trace_lost(const struct vt_trace *trace); /* NULL: 0 */
/* comm of a task as of the last record returned; "?" if never seen. */
const char *vt_trace_comm(const struct vt_trace *trace, int32_t tid);
/* Waits for a record that matches the filter (skip is honoured), from the reader's place on. */
struct vt_error *vt_trace_wait(struct vt_trace *trace, const struct glass_filter *filter,
                               int timeout_ms, struct trace_record *ret);

/* ---- exports ---- */

enum vt_export {
    VT_EXPORT_FTRACE = 1,      /* ftrace's text */
    VT_EXPORT_CHROME_JSON = 2, /* Chrome's trace event JSON */
    VT_EXPORT_TRACE_CMD = 3,   /* trace-cmd's trace.dat, version 6 */
    VT_EXPORT_PERFETTO = 4,    /* Perfetto's protobuf */
    VT_EXPORT_HTML = 5,        /* a page that draws the run, with everything in it */
};
/* Writes everything the trace reader still has, until the machine ends. Losses are stated in the
 * format's own way. fd: borrowed; need not be seekable. */
struct vt_error *vt_trace_export(struct vt_trace *trace, enum vt_export format, int fd);

/* ---- auditing: the kernel's promises proved from its memory and its records (docs/audit.md) ----
 */

struct vt_audit;

struct vt_audit_options {
    unsigned violations_max; /* different ones that are kept; 0 = 100 */
};

#define VT_AUDIT_AROUND 16

/* A broken promise. Numbers that do not apply are 0. */
struct vt_violation {
    const char *invariant; /* its name; valid as long as the audit */
    char message[320];     /* what is wrong, on what */
    bool stream;           /* found in the records, not in a stopped world */
    int32_t tid, pid;
    uint64_t object;                             /* kernel address of the object */
    uint64_t address;                            /* user or kernel address of a page or word */
    uint64_t phys;                               /* frame */
    uint64_t tsc;                                /* when */
    uint64_t repeats;                            /* how often it was found */
    struct trace_record around[VT_AUDIT_AROUND]; /* the records fed last before it, oldest first */
    size_t around_count;
};

/* What was checked of one promise. */
struct vt_audit_invariant {
    const char *name, *proves;
    bool stream;         /* judged on records; else on a stopped world */
    uint64_t checked;    /* worlds or records */
    uint64_t unsettled;  /* worlds in which it could not be judged: something was half done */
    uint64_t violations; /* findings, repeated ones included */
    uint64_t ns;         /* host time spent, of state checks, without the common walk */
};

struct vt_audit_numbers {
    uint64_t checks, checks_settled; /* worlds; those in which everything could be judged */
    uint64_t records;
    uint64_t last_check_ns; /* host time of the last check, all of it */
};

/* options may be NULL. VT_ERROR_FORMAT: this kernel does not publish what an audit reads. */
struct vt_error *vt_audit_create(struct vt_guest *guest, const struct vt_audit_options *options,
                                 struct vt_audit **ret);
void vt_audit_destroy(struct vt_audit *audit); /* NULL is fine */
/*
 * Judges the world, which must stand still: in a stop, ended or panicked. *ret_settled (may be
 * NULL): nothing was half done, so every promise could be judged. A violation is no error: ask for
 * them. One thread at a time.
 */
struct vt_error *vt_audit_check(struct vt_audit *audit, bool *ret_settled);
/* The same for a running machine, one's own or attached: stops the world, again and again until it
 * is settled (at the latest after timeout_ms it is judged as it is), judges it, and lets it go on.
 */
struct vt_error *vt_audit_check_now(struct vt_audit *audit, int timeout_ms, bool *ret_settled);
/* The world was held for so long by the caller: running tasks were charged for it. */
void vt_audit_note_stop(struct vt_audit *audit, uint64_t nanoseconds);
/* The next record in time order, from the machine's first on. One thread, which may be another than
 * the one that checks. */
void vt_audit_feed(struct vt_audit *audit, const struct trace_record *record);
/* Owned by the audit, in the order of finding; complete when nobody checks or feeds. */
size_t vt_audit_violations(const struct vt_audit *audit, const struct vt_violation **ret);
size_t vt_audit_invariants(const struct vt_audit *audit, const struct vt_audit_invariant **ret);
struct vt_audit_numbers vt_audit_numbers(const struct vt_audit *audit);

#ifdef __cplusplus
}
#endif
#endif
