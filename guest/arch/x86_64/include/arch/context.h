/*
 * arch/context.h - what a task owns of the machine: kernel stack, thread pointers, floating-point
 * state.
 */
#ifndef ARCH_CONTEXT_H
#define ARCH_CONTEXT_H

#include "arch/trap_frame.h"
#include "kernel/lib/types.h"

struct task;

struct arch_task {
    uint64_t kernel_rsp; /* saved stack pointer while the task is switched out */
    uint64_t stack_top;  /* first address above the kernel stack */
    uint64_t fs_base;    /* user's; current while switched out */
    uint64_t gs_base;
    void *fpu;        /* XSAVE or FXSAVE area, 64-byte aligned; NULL in kernel threads */
    uint16_t fpu_cpu; /* index + 1 of the CPU whose registers last held this state; 0 = none */
    uint16_t
        fpu_turns; /* turns on a CPU in a row in which it used them (BOOT_FLAG_FPU_ON_DEMAND) */
};

/* The user's registers: always at the same place on the task's kernel stack. */
static inline struct trap_frame *arch_task_frame(const struct arch_task *arch)
{
    return (struct trap_frame *)(arch->stack_top - sizeof(struct trap_frame));
}

/* Allocates kernel stack and (for user tasks) FPU area. 0 or -ENOMEM; nothing is left behind on
 * failure. */
int arch_task_init(struct task *task, bool user);
void arch_task_deinit(struct task *task);
/* The current task will not return to user mode: what it has in registers need not be saved. */
void arch_task_end(void);

/* The child starts where the parent is in user mode, with result 0: registers, thread pointers and
 * FPU copied. */
void arch_task_copy_user(struct task *child, const struct task *parent);
/*
 * The current task's state in user mode, kept while it sleeps in the kernel, so that copies can
 * start from it: registers, thread pointers, FPU. 0 or -ENOMEM; user_state_drop() frees.
 */
struct arch_user_state {
    struct trap_frame *frame; /* the task's own, on its kernel stack */
    uint64_t fs_base, gs_base;
    void *fpu;
};
int arch_user_state_save(struct arch_user_state *state);
void arch_user_state_drop(struct arch_user_state *state);
/* As arch_task_copy_user(), from such a state and with `result`. */
void arch_task_copy_state(struct task *child, const struct arch_user_state *state, int64_t result);
/* The current task's vector registers are loaded now, even if they would be at first use only. */
void arch_vector_registers_load(void);
/* The task will start in function(argument) in the kernel; it must not return. */
void arch_task_start_kernel(struct task *task, void (*function)(void *), void *argument);
/*
 * exec: a fresh register file for a new program, everything zero except rip, rsp and flags; FPU
 * state reset. For the current task only.
 */
void arch_task_start_user(struct task *task, uint64_t rip, uint64_t rsp);
/* A new user task (the first one) that starts in user mode from a frame set by
 * arch_task_start_user(). */
void arch_task_start_at_user_return(struct task *task);

/*
 * The current task, a user task that was started with arch_task_start_kernel() and has been given a
 * program by arch_task_start_user(), goes to user mode for the first time, through the same work
 * check as every return.
 */
_Noreturn void arch_enter_user_mode(void);

/* ARCH_SET_FS and friends; 0 or -EINVAL / -EPERM. */
int64_t arch_prctl(struct task *task, int code, uint64_t address);
void arch_set_thread_pointer(struct task *task, uint64_t fs_base);

/* Bytes of the floating-point state in a signal frame: XSAVE standard format with Linux's marks, or
 * FXSAVE's 512. */
size_t fpu_frame_bytes(void);

/* ---- signal frames (arch/x86_64/signal_frame.c; called by kernel/process/signal_delivery.c) ----
 */

struct linux_siginfo;
struct signal_action;
/*
 * Builds the Linux rt_sigframe on the user's (alternate) stack and points the trap frame at the
 * handler. 0, or -EFAULT if the stack is not writable (the caller then sends SIGSEGV).
 */
int arch_signal_frame_push(struct task *task, const struct linux_siginfo *info,
                           const struct signal_action *action, uint64_t saved_mask);
/*
 * rt_sigreturn: restores registers and FPU from the frame. *ret_mask is the mask to restore; it
 * stays as it was if the frame could not be read. 0, or -EFAULT (the caller then sends SIGSEGV):
 * what could be restored has been.
 */
int arch_signal_frame_pop(struct task *task, uint64_t *ret_mask);

/* The system call that was interrupted is to be made again (rax restored, rip back on the
 * instruction). */
void arch_restart_system_call(struct trap_frame *frame, uint64_t number);

#endif
