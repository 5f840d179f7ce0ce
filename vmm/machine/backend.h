/*
 * vmm/machine/backend.h - what a backend implements; private to vmm/machine.
 *
 * struct machine is the first member of each backend's own struct. machine.c fills in its fields
 * and dispatches; the contracts of the operations are those of the functions in machine.h.
 */
#ifndef VITRINE_MACHINE_BACKEND_H
#define VITRINE_MACHINE_BACKEND_H

#include <stdatomic.h>

#include "vmm/machine/debug.h"
#include "vmm/machine/machine.h"

/* The debugger's part (debug.h). */
struct machine_debugger {
    struct vt_error *(*start)(struct machine *machine);
    void (*end)(struct machine *machine);
    void (*drain)(struct machine *machine); /* NULL = nothing to do */
    struct vt_error *(*state)(struct machine *machine, unsigned cpu, struct machine_cpu_state *ret);
    struct vt_error *(*set_state)(struct machine *machine, unsigned cpu,
                                  const struct machine_cpu_state *state);
    struct vt_error *(*point)(struct machine *machine, bool set, enum machine_point_kind kind,
                              uint64_t address, unsigned bytes);
    struct vt_error *(*write)(struct machine *machine, uint64_t phys, const void *data,
                              size_t bytes);
    struct vt_error *(*go)(struct machine *machine, const enum machine_go *go);
    struct vt_error *(*interrupt)(struct machine *machine);
    int (*fd)(struct machine *machine);
    struct machine_debug_event (*event)(struct machine *machine);
};

struct machine_backend {
    const char *name;
    struct vt_error *(*create)(const struct machine *arguments, struct machine **ret);
    struct vt_error *(*start)(struct machine *machine);
    void (*kick)(struct machine *machine);
    void (*release)(struct machine *machine);
    struct vt_error *(*pause)(struct machine *machine);
    struct vt_error *(*resume)(struct machine *machine);
    struct vt_error *(*registers)(struct machine *machine, unsigned cpu,
                                  struct machine_registers *ret);
    struct vt_error *(*save)(struct machine *machine, struct machine_state *ret);
    struct vt_error *(*load)(struct machine *machine, const struct machine_state *state);
    void (*stop)(struct machine *machine);
    void (*destroy)(struct machine *machine); /* after stop */
    bool (*stats)(struct machine *machine, unsigned cpu, struct machine_cpu_stats *ret);
    const struct machine_debugger *debugger;
};

/* Constant after create, except `failed`. */
struct machine {
    const struct machine_backend *backend;
    struct machine_config config;
    struct machine_memory *memory;
    const struct machine_kernel *kernel;
    struct boot_info *boot;
    struct machine_events events;
    atomic_bool failed;  /* the failed event was given: it is given once */
    uint64_t outside_ns; /* see machine_outside_ns() */
};

extern const struct machine_backend machine_backend_kvm;
extern const struct machine_backend machine_backend_qemu;

/* Gives the failed event, unless one was given already. Any thread, no locks held. */
void machine_report_failure(struct machine *machine, const struct machine_failure *failure);

/* The boot flags that say how a machine works; the backend sets them, the owner sets the others. */
#define MACHINE_BOOT_FLAGS                                                                         \
    (BOOT_FLAG_SOFT_SYSCALL | BOOT_FLAG_X2APIC | BOOT_FLAG_TSC_DEADLINE |                          \
     BOOT_FLAG_DIRECT_CPU_START | BOOT_FLAG_KICK_SERIAL | BOOT_FLAG_BELL_BLOCKS |                  \
     BOOT_FLAG_INTERPRETED | BOOT_FLAG_FPU_BY_HOST)

#endif
