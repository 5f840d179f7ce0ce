/* tests/unit/host/arch/per_cpu.h - an array: linker sections are the kernel's. */
#ifndef ARCH_PER_CPU_H
#define ARCH_PER_CPU_H

#include "arch/cpu_limits.h"

#define PER_CPU(type, name)  type per_cpu_##name[CPUS_MAX]
#define per_cpu(name, index) per_cpu_##name[index]

#endif
