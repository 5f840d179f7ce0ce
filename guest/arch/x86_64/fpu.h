/*
 * fpu.h - floating-point and vector state. It is saved when the task that owns the registers leaves
 * the CPU, and loaded when a user task comes whose state they do not hold; kernel threads leave
 * them alone. cpu->fpu_owner and task->arch.fpu_cpu say together whose state is in the registers.
 * The kernel itself uses none of them (page_copy.S borrows one and gives it back).
 *
 * Nothing is lazy on a real processor: no state of one task is ever in the registers while another
 * one runs in user mode, where speculation might read it. With BOOT_FLAG_FPU_ON_DEMAND there is no
 * speculation, but each register saved or loaded is a function call of the host's: then CR0.TS is
 * set at a switch (cpu->fpu_trapped) and the state loaded at the first use, which traps. While
 * fpu_trapped is set, the current task's area is its state. A task that used them several turns in
 * a row gets them at the switch, as everywhere else.
 */
#ifndef ARCH_X86_64_FPU_H
#define ARCH_X86_64_FPU_H

#include "kernel/lib/types.h"

struct cpu;
struct task;

struct boot_info;
/* The first CPU, before fpu_init_cpu(), with BOOT_FLAG_FPU_BY_HOST. */
void fpu_use_host(const struct boot_info *boot);
void fpu_init_cpu(void);
void *fpu_area_allocate(void); /* holds the initial state; NULL = out of memory */
void fpu_area_free(void *area);
/* The current task's state, whole, into an area that is as fpu_area_allocate() made it. */
void fpu_save_current(void *area);
void fpu_area_copy(void *to, const void *from);
/* fork: the current task's state for the child, whose area is as fpu_area_allocate() made it. */
void fpu_copy_current(struct task *child);
void fpu_switch(struct cpu *cpu, struct task *prev, struct task *next);
/*
 * The state in an area as Linux shows it to a tracer, parts in their initial state included; and the
 * other way: `bytes` from the beginning (512: the legacy part only), 0 or -EINVAL. The area is not
 * in any CPU's registers.
 */
size_t fpu_area_bytes(void);
void fpu_area_export(const void *area, void *buffer);
int fpu_area_import(void *area, const void *buffer, size_t bytes);
/* exec: the current task's registers go back to the initial state. */
void fpu_reset_current(void);
/* The current task wants to use the registers and was not allowed to: false = nothing like that. */
bool fpu_use_trap(void);
/* page_copy.S: lifting the trap again and again costs more than to load the registers. */
void fpu_end_loans(void);

/* The state in a signal frame; fixed at boot. */
struct fpu_frame_format {
    uint64_t bytes;        /* with the marks */
    uint64_t highest;      /* address where it still ends below USER_END */
    uint64_t context_flag; /* Linux's UC_FP_XSTATE if there are marks */
    uint64_t sizes;        /* the first three words of Linux's struct _fpx_sw_bytes: magic1 and
                              extended_size, ... */
    uint64_t components;   /* ... XCR0; 0 = FXSAVE only, no marks ... */
    uint64_t state_bytes;  /* ... and the state without magic2 */
};
extern struct fpu_frame_format fpu_frame_format;

/*
 * Signal frames: the current task's state, straight between the registers and user memory. Both
 * inside an open window (arch/user_access.h), which they leave open.
 *
 * The range has been checked, and address is a multiple of 64. 0 or -EFAULT.
 */
int fpu_save_in_window(uint64_t address);
/*
 * Any address; 0 = the initial state. -EFAULT if the memory is not there or holds no valid state:
 * the registers then have the initial state.
 */
int fpu_restore_in_window(uint64_t address);

#endif
