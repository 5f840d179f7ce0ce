/*
 * vmm/session/session.h - the inside of struct vt_machine.
 *
 * Threads: the backend's (doorbell, failed), the pump (streams and the end), the control socket's,
 * and the owner's. The backend's threads only set atomic flags, wake the pump and raise the guest's
 * change counter. `lock` guards ended, outcome and report; the pump writes them once.
 */
#ifndef VITRINE_SESSION_SESSION_H
#define VITRINE_SESSION_SESSION_H

#include <pthread.h>

#include "vmm/image/image.h"
#include "vmm/inspect/guest.h"
#include "vmm/machine/machine.h"
#include "vmm/session/program.h"
#include "vmm/session/streams.h"
#include "vmm/session/terminal.h"

struct control_socket;
struct gdb_server;
struct snapshot;

/* Something to be done by the pump's thread, between two rounds; under lock. */
struct session_call {
    void (*function)(struct vt_machine *machine, void *context);
    void *context;
    bool done;
};

struct vt_machine {
    struct vt_host host;
    struct machine_config config;
    struct machine_memory memory;
    struct machine_kernel kernel;
    struct boot_info *boot; /* in guest memory; of a restored machine, `told` */
    struct boot_info told;  /* what the machine was told of its host, out of the guest's reach */
    bool restored;          /* made from a snapshot; ... */
    uint64_t taken_ns;      /* ... of that time (CLOCK_REALTIME) ... */
    uint64_t since_ready;   /* ... whose guest was up for so many nanoseconds; 0 = unknown */
    struct machine_events events;
    struct machine *machine;
    struct image image;
    struct program program;
    struct vt_guest guest;
    struct streams streams;
    struct control_socket *control;
    struct gdb_server *gdb; /* NULL until somebody asks for it; under lock */
    bool held_at_start;
    char *core_file; /* written when the machine fails; NULL = none */
    char *name;      /* NULL = not reachable by name */
    struct terminal_use terminal;
    bool has_terminal; /* `terminal` says what is followed while the machine runs */

    pthread_t pump;
    bool pump_runs;
    bool guest_made;
    int wake_fd;             /* eventfd: the pump has something to look at */
    uint64_t doorbells[256]; /* atomic, by code */
    bool done, panicked, failed_set, kill_requested, trace_rang; /* atomic */
    struct machine_failure failure;                              /* valid once failed_set */

    pthread_mutex_t hold_lock; /* hold.c: whoever holds the CPUs; before `lock` */
    uint64_t holds;            /* so far; hold_lock */
    uint64_t held_since_ns;    /* CLOCK_MONOTONIC; hold_lock */
    pthread_mutex_t lock;
    pthread_cond_t end; /* ended, or `call` changed */
    struct session_call *call;
    bool ended;
    struct vt_outcome outcome;
    char *report;
    char *core_note; /* a line for the report: what became of the core file */
};

void session_wake(struct vt_machine *machine);

/* session.c, for whoever makes a machine: a struct with nothing in it yet, and its parts. */
struct vt_error *session_new(struct vt_machine **ret);
struct vt_error *session_choose_backend(struct vt_machine *machine);
struct vt_error *session_take_name(struct vt_machine *machine, const struct vt_options *options);
void session_make_guest(struct vt_machine *machine);
/* Streams and terminal, then the backend's machine. */
struct vt_error *session_make_machine(struct vt_machine *machine, const struct vt_options *options);
/* The kernel's file that a user names, or the one that belongs to the library. free(). */
struct vt_error *session_kernel_path(const struct vt_options *options, char **ret);

/*
 * pump.c: has the pump's thread call the function, while nobody moves a stream, and waits for it. A
 * machine that was not started has no such thread: then it is called here. False: it has ended.
 */
bool session_call(struct vt_machine *machine,
                  void (*function)(struct vt_machine *machine, void *context), void *context);

/* debugger.c: the kernel has panicked; a connected debugger looks at it until it goes. The pump's
 * thread. */
void session_let_debugger_look(struct vt_machine *machine);
/* debugger.c: the core file of a machine that has failed, if one is wanted; adds to the report
 * where it is. The pump's thread, before the CPUs are ended. */
void session_failure_core(struct vt_machine *machine);

/* debugger.c: a debugger is connected. */
bool session_has_debugger(struct vt_machine *machine);

/* hold.c: guest_owner.hold and .let_go; the context is the machine. */
struct vt_error *session_hold(void *context, struct guest_registers *ret, unsigned *ret_count);
struct vt_error *session_let_go(void *context);

/* pump.c: the machine's own thread. */
void *session_pump(void *argument);

#endif
