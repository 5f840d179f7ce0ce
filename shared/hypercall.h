/*
 * shared/hypercall.h - the doorbell: the one `out` with which the guest speaks to the host.
 *
 * A byte written to DOORBELL_PORT. Arguments never travel in registers: they stand in guest memory
 * (struct glass), because under QEMU the port is a debug console that knows neither the CPU nor its
 * registers. The host treats every byte as "look at the glass now"; the code only tells where to
 * look first.
 */
#ifndef VITRINE_SHARED_HYPERCALL_H
#define VITRINE_SHARED_HYPERCALL_H

#define DOORBELL_PORT 0xe9
#define EXIT_PORT     0xf4 /* isa-debug-exit under QEMU: writing ends the machine */

#define KICK_VECTOR 0xf1 /* host-to-guest interrupt: look at glass_control */

enum hypercall_code {
    HYPERCALL_READY = 'R',   /* the glass is complete */
    HYPERCALL_OUTPUT = 'O',  /* an output channel has bytes, or its writer waits for room */
    HYPERCALL_INPUT = 'I',   /* the input channel has room again and the host had filled it */
    HYPERCALL_LOG = 'L',     /* the kernel log has a new line */
    HYPERCALL_TRACE = 'T',   /* a trace ring is half full, or (lossless) its writer waits */
    HYPERCALL_STOPPED = 'S', /* this CPU reached a stop point: glass.stop is filled in */
    HYPERCALL_PARKED = 'P',  /* this CPU is parked because another one stopped */
    HYPERCALL_MAILBOX = 'M', /* the answer to the mailbox command is there */
    HYPERCALL_START_CPU =
        'C',                  /* start CPU glass.start_cpu (only with BOOT_FLAG_DIRECT_CPU_START) */
    HYPERCALL_FPU_SAVE = 'f', /* (only with BOOT_FLAG_FPU_BY_HOST) the CPU's vector state goes to
                                 glass_cpu.fpu_area; done when the `out` is */
    HYPERCALL_FPU_LOAD = 'F', /* the other way; glass_cpu.fpu_result: 0, or 1 = not a valid state */
    HYPERCALL_PANIC = '!',    /* glass.panic is filled in; this CPU will not continue */
    HYPERCALL_DONE = 'D',     /* glass.exit_status is valid; the machine may be ended */
};

#endif
