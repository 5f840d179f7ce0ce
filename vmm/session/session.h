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

struct vt_machine {
    struct vt_host host;
    struct machine_config config;
    struct machine_memory memory;
    struct machine_kernel kernel;
    struct boot_info *boot; /* in guest memory */
    struct machine_events events;
    struct machine *machine;
    struct image image;
    struct program program;
    struct vt_guest guest;
    struct streams streams;
    struct control_socket *control;
    char *name; /* NULL = not reachable by name */
    struct terminal_use terminal;
    bool has_terminal; /* `terminal` says what is followed while the machine runs */

    pthread_t pump;
    bool pump_runs;
    bool guest_made;
    int wake_fd;             /* eventfd: the pump has something to look at */
    uint64_t doorbells[256]; /* atomic, by code */
    bool done, panicked, failed_set, kill_requested, trace_rang; /* atomic */
    struct machine_failure failure;                              /* valid once failed_set */

    pthread_mutex_t lock;
    pthread_cond_t end;
    bool ended;
    struct vt_outcome outcome;
    char *report;
};

void session_wake(struct vt_machine *machine);

/* pump.c: the machine's own thread. */
void *session_pump(void *argument);

#endif
