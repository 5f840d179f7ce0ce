/* arch/switch.h - changing the CPU from one task to another, for kernel/sched/core.c only. */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include "kernel/lib/types.h"

struct cpu;
struct task;

/* Saves and prepares what is not on the stack: FPU, thread pointers, stack of the next kernel
 * entry. */
void arch_switch_prepare(struct cpu *cpu, struct task *prev, struct task *next);
/*
 * The rest of the caller runs when the saved stack is loaded again. CR3 is loaded, if `root` is not
 * 0, between the last use of the one stack and the first of the other: done earlier or later, one of
 * them would have to be translated twice.
 */
#ifdef KERNEL_DEBUG
/* The bits in which the registers that it loaded differ from those that were saved: 0. */
uint64_t stack_switch(uint64_t *save_rsp, uint64_t load_rsp, phys_t root);
#else
void stack_switch(uint64_t *save_rsp, uint64_t load_rsp, phys_t root);
#endif

#endif
