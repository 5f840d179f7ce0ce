/*
 * vitrine/snapshot.h - machines saved in files, restored and forked (docs/snapshot.md).
 *
 * A snapshot is all of a machine: memory, processors, interrupt controllers, clock. It is taken
 * while nothing moves: a running machine is paused meanwhile, and goes on afterwards; one that is
 * stopped stays so, and its copy is stopped in the same place. Copies share nothing.
 */
#ifndef VITRINE_SNAPSHOT_H
#define VITRINE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "host.h"
#include "machine.h"
#include "version.h"

VITRINE_BEGIN

/*
 * Writes a snapshot. VT_ERROR_BUSY: its kernel is not up yet, or a debugger is connected.
 * VT_ERROR_GONE: it has ended. Any thread, but one at a time. On a failure a file of that name is
 * as before.
 */
struct vt_error *vt_machine_save(struct vt_machine *machine, const char *path);
/* Asks the owner of a running machine for it; `path` is absolute. */
struct vt_error *vt_guest_ask_save(const char *name, const char *path);

/*
 * A machine as a snapshot has it; vt_machine_start() lets it go on. Its clock goes on where it was:
 * the time in the file did not pass for the guest. Of the options only name, descriptors,
 * raw_terminal, core_file, kernel (for symbols) and accel (auto, or the snapshot's) may be set; NULL
 * = no streams. VT_ERROR_FORMAT: the file is no snapshot, damaged, or of another version.
 * VT_ERROR_BACKEND: this host is too different from the one where it was saved; the message says
 * how. Restore under QEMU only what you trust.
 */
struct vt_error *vt_machine_restore(const char *path, const struct vt_options *options,
                                    struct vt_machine **ret);
/* The same at once: a copy of a started machine, not started itself. Options as above. */
struct vt_error *vt_fork(struct vt_machine *machine, const struct vt_options *options,
                         struct vt_machine **ret);

/* What a snapshot says of itself. */
struct vt_snapshot {
    enum vt_accel accel; /* where it can be restored */
    unsigned cpus;
    uint64_t memory_bytes;
    bool icount;
    bool stopped;       /* in a stop: the restored machine waits for vt_guest_resume() */
    uint64_t taken_ns;  /* CLOCK_REALTIME */
    char program[256];  /* path in the guest */
    char cpu_model[64]; /* of the host */
};
/* Everything but the pages is checked, as for restoring. */
struct vt_error *vt_snapshot_describe(const char *path, struct vt_snapshot *ret);

VITRINE_END

#endif
