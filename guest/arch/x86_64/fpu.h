/*
 * fpu.h - floating-point and vector state. It is saved whenever a task that used its registers leaves the CPU,
 * and loaded on the way back to user mode only if the registers do not still hold it: cpu->fpu_owner and
 * task->arch.fpu_cpu say so together. Nothing is lazy: no state of one task is in the registers while another
 * one runs in user mode.
 */
#ifndef ARCH_X86_64_FPU_H
#define ARCH_X86_64_FPU_H

#include "kernel/lib/types.h"

struct cpu;
struct task;

void fpu_init_cpu(void);
void *fpu_area_allocate(void); /* initial state; NULL = out of memory */
void fpu_area_free(void *area);
void fpu_area_copy(struct task *child, struct task *parent); /* parent = the current task */
/* prev leaves this CPU. */
void fpu_switch_out(struct cpu *cpu, struct task *prev);
/* next comes: sets TASK_WORK_FPU if its registers are not loaded. */
void fpu_switch_in(struct cpu *cpu, struct task *next);
/* On the way to user mode, TASK_WORK_FPU set. */
void fpu_load_current(struct cpu *cpu, struct task *task);
/* exec: back to the initial state. */
void fpu_reset_current(struct task *task);

#endif
