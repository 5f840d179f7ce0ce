/*
 * fault_stacks.h - the stacks of exceptions that must not trust the stack they interrupt (TSS.IST):
 * one page each per CPU, in a region with guard pages.
 */
#ifndef ARCH_X86_64_FAULT_STACKS_H
#define ARCH_X86_64_FAULT_STACKS_H

#include "kernel/lib/types.h"

enum fault_stack {
    FAULT_STACK_DOUBLE = 0,
    FAULT_STACK_NMI = 1,
    FAULT_STACK_MACHINE_CHECK = 2,
    FAULT_STACKS
};

/* Allocates the CPU's fault stacks (boot, before cpu_init of that CPU). */
void fault_stacks_allocate(unsigned cpu);
uint64_t fault_stack_top(unsigned cpu, enum fault_stack which);

struct cpu;
void cpu_set_online(struct cpu *cpu);
void cpu_set_kernel_stack(struct cpu *cpu, uint64_t stack_top);

#endif
