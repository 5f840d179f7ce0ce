/*
 * vmm/machine/qemu_machine.h - the inside of a machine that QEMU runs: its operations
 * (qemu_machine.c) and its two threads (qemu_threads.c).
 *
 * The monitor thread starts the process, reads QMP and standard error, and ends and reaps the
 * process. The bell thread reads doorbell bytes and calls the owner. Ending: stop sets `stopping`
 * and shuts both streams down, which both threads see.
 *
 * Locks: `lock` protects the state below it. No event of the owner is called with it held.
 */
#ifndef VITRINE_MACHINE_QEMU_MACHINE_H
#define VITRINE_MACHINE_QEMU_MACHINE_H

#include <pthread.h>

#include "vmm/machine/host.h"
#include "vmm/machine/qemu.h"

struct qemu_machine {
    struct machine base;
    char program[128];
    struct qemu_process process;
    struct qmp qmp;
    struct qemu_debug debug;
    pthread_t monitor, bell;
    bool has_monitor, has_bell;
    _Atomic uint64_t bells;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vt_error *start_error; /* of the process, until create takes it */
    bool spawned;                 /* the monitor thread has tried */
    bool bell_ended;              /* the bell thread makes no more calls */
    bool stopping, joining, joined;
    char complaint[QEMU_COMPLAINT_BYTES]; /* the end of what QEMU said on standard error */
    size_t complaint_used;
};

bool qemu_is_stopping(struct qemu_machine *machine);
/* Starts both, and with them the process; on failure what was started is told by has_monitor and
 * has_bell. */
struct vt_error *qemu_start_threads(struct qemu_machine *machine);

#endif
