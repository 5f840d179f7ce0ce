/*
 * kernel/observe/glass.h - the page through which the host looks (shared/glass.h). Most of it is
 * constant data; what remains is filled in where it arises.
 */
#ifndef KERNEL_OBSERVE_GLASS_H
#define KERNEL_OBSERVE_GLASS_H

#include "arch/per_cpu.h"
#include "shared/glass.h"

extern struct glass glass;
extern PER_CPU(struct glass_cpu, glass_cpu);

struct boot_info;
/* First CPU, after the frames exist: roots that are not constant, and the trace rings of all CPUs.
 */
void glass_init(const struct boot_info *boot);
/* The glass is complete: tells the host. */
void glass_ready(void);

#endif
