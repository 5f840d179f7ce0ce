/*
 * vmm/gdb/gdb.h - a server for gdb's remote protocol on one machine; one debugger at a time.
 *
 * The server has a thread of its own. While a debugger is connected, the machine's CPUs are held
 * whenever the debugger has not let them go.
 */
#ifndef VITRINE_GDB_GDB_H
#define VITRINE_GDB_GDB_H

#include "vmm/inspect/guest.h"
#include "vmm/machine/debug.h"

/* What is debugged; everything must outlive the server. */
struct gdb_target {
    struct machine *machine;
    struct vt_guest *guest;
    unsigned cpus;
    const char *kernel_path; /* the kernel's ELF file, with symbols */
    bool held_at_start;      /* the guest waits in a stop point for the first "continue" */
    void *context;           /* for: */
    void (*kill)(void *context);
    /* True once the machine has ended; *ret as vt_machine_wait() gives it. */
    bool (*outcome)(void *context, struct vt_outcome *ret);
};

struct gdb_server;

/*
 * Listens on `address`: a TCP port of the loopback interface ("0" = any free one), or the path of a
 * Unix socket that is made (it contains a '/').
 */
struct vt_error *gdb_server_create(const struct gdb_target *target, const char *address,
                                   struct gdb_server **ret);
/* Where it listens, as gdb's `target remote` takes it: ":PORT" or the path. Owned by the server. */
const char *gdb_server_address(const struct gdb_server *server);
/* A debugger is connected now. Any thread. */
bool gdb_server_busy(struct gdb_server *server);
/* If a debugger is connected and lets the guest run: stops it there, as ^C would, and true. Any
 * thread. */
bool gdb_server_interrupt(struct gdb_server *server);
/* Tells a connected debugger how the machine ended, if it has, and closes. NULL is fine. */
void gdb_server_destroy(struct gdb_server *server);

#endif
