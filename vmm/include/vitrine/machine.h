/*
 * vitrine/machine.h - a machine of one's own: started, waited for, ended.
 */
#ifndef VITRINE_MACHINE_H
#define VITRINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "host.h"
#include "version.h"

VITRINE_BEGIN

struct vt_guest;
struct vt_machine;

/* May grow at its end in later versions; vt_options_init() comes first. */
struct vt_options {
    size_t size; /* bytes of this struct, as the caller was compiled */
    enum vt_accel accel;
    unsigned cpus;         /* 0 = 1 */
    uint64_t memory_bytes; /* 0 = 128 MiB */
    bool icount;
    const char *kernel;         /* NULL = VITRINE_KERNEL if set, else the installed one */
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
    const char *token; /* who the program is: "user=SID,group=SID,privilege=NAME,..." as of
                          `vitrine run --token`, or the path of such a file; NULL = SYSTEM */
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

void vt_options_init_sized(struct vt_options *options, size_t size);
/* Fills in the defaults (descriptors 0, 1, 2; everything else zero). */
static inline void vt_options_init(struct vt_options *options)
{
    vt_options_init_sized(options, sizeof(*options));
}

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

VITRINE_END

#endif
