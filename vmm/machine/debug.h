/*
 * vmm/machine/debug.h - a debugger's hold on a machine's CPUs: stop them at any instruction, see
 * and change their registers, step, stop at addresses.
 *
 * What a debugger does here never changes guest memory: addresses are watched by the backend
 * (QEMU) or by the processor's debug registers (KVM). So they are watched in every address space;
 * who wants one only compares what runs when a stop comes.
 *
 * A backend that cannot do something refuses with VT_ERROR_BACKEND and the reason. Threads: one
 * thread at a time between start and end; machine_stop() may come from others at any moment and
 * then every call fails with VT_ERROR_GONE or reports MACHINE_DEBUG_GONE.
 */
#ifndef VITRINE_MACHINE_DEBUG_H
#define VITRINE_MACHINE_DEBUG_H

#include "vmm/machine/machine.h"

/* The registers that programs and kernel code use. */
struct machine_cpu_state {
    struct machine_registers core;
    uint16_t ds, es, fs, gs;
    uint8_t x87[8][10];      /* ST0..ST7 */
    uint32_t x87_control[8]; /* fctrl fstat ftag fiseg fioff foseg fooff fop */
    uint8_t xmm[16][16];
    uint32_t mxcsr;
};

enum machine_point_kind {
    MACHINE_POINT_EXECUTE = 0, /* before the instruction at the address */
    MACHINE_POINT_WRITE = 1,   /* after an instruction that wrote there */
    MACHINE_POINT_ACCESS = 2,  /* the same for reads and writes */
};

enum machine_go {
    MACHINE_GO_STAY = 0,
    MACHINE_GO_RUN = 1,
    MACHINE_GO_STEP = 2, /* one instruction, interrupts off where the backend can */
};

enum machine_debug_reason {
    MACHINE_DEBUG_RUNNING = 0, /* nothing has happened yet */
    MACHINE_DEBUG_TRAP,        /* a step is done, or an execution point is reached */
    MACHINE_DEBUG_WATCH,       /* an access to watched memory: `address` */
    MACHINE_DEBUG_INTERRUPTED, /* machine_debug_interrupt(), or somebody paused the machine */
    MACHINE_DEBUG_FAILED,      /* the machine cannot go on */
    MACHINE_DEBUG_GONE,        /* it has ended */
};

struct machine_debug_event {
    enum machine_debug_reason reason;
    unsigned cpu; /* TRAP, WATCH: whose event it is */
    uint64_t address;
};

/* Takes hold: all CPUs stand still afterwards. The machine must have been started. */
struct vt_error *machine_debug_start(struct machine *machine);
/* Forgets all points and lets every CPU go on. */
void machine_debug_end(struct machine *machine);

/* Nobody debugs, and the machine is paused again and again: to be called every some 100 pauses, so
 * that what they leave for a debugger does not fill up. */
void machine_debug_drain(struct machine *machine);

/* While the CPUs stand still. */
struct vt_error *machine_debug_state(struct machine *machine, unsigned cpu,
                                     struct machine_cpu_state *ret);
/* Control registers and kernel_gs_base are not written. */
struct vt_error *machine_debug_set_state(struct machine *machine, unsigned cpu,
                                         const struct machine_cpu_state *state);
/* Virtual address; `bytes` 1, 2, 4 or 8 (execute: 1). Setting what is set is VT_ERROR_EXISTS. */
struct vt_error *machine_debug_point(struct machine *machine, bool set,
                                     enum machine_point_kind kind, uint64_t address,
                                     unsigned bytes);
/* Writes guest-physical memory so that CPUs execute what was written. */
struct vt_error *machine_debug_write(struct machine *machine, uint64_t phys, const void *data,
                                     size_t bytes);

/* Lets the CPUs go as `go` says, one entry per CPU of the machine. */
struct vt_error *machine_debug_go(struct machine *machine, const enum machine_go *go);
/* Asks all CPUs to stop: an event follows. Any thread, between start and end. */
struct vt_error *machine_debug_interrupt(struct machine *machine);
/* Readable when machine_debug_event() is worth calling. */
int machine_debug_fd(struct machine *machine);
/* Does not wait for CPUs that run. Any reason but RUNNING: all CPUs stand still. */
struct machine_debug_event machine_debug_event(struct machine *machine);

#endif
