/*
 * arch/per_cpu.h - variables of which every CPU has its own.
 *
 * All of one CPU's lie together in a block of PER_CPU_BYTES (kernel.ld): what a CPU touches all the
 * time is a page or two, and never shares a cache line with another CPU's. The blocks of CPUs that
 * are not there are never touched. A variable starts as zero.
 *
 * No lock: an element belongs to its CPU unless the variable's own comment says otherwise.
 */
#ifndef ARCH_PER_CPU_H
#define ARCH_PER_CPU_H

#include "arch/cpu_limits.h"
#include "kernel/lib/types.h"

/* Defines (or, after `extern`, declares) the variable; `static` may stand before it. */
#define PER_CPU(type, name) __attribute__((section(".per_cpu"))) type per_cpu_##name

/* The variable of CPU `index`, an lvalue. */
#define per_cpu(name, index)                                                                       \
    (*(__typeof__(per_cpu_##name) *)((uintptr_t)&per_cpu_##name + (uintptr_t)(index)*PER_CPU_BYTES))

#endif
