/* arch/cpu_limits.h - how many CPUs the kernel is built for. */
#ifndef ARCH_CPU_LIMITS_H
#define ARCH_CPU_LIMITS_H

#define CPUS_MAX 64 /* == BOOT_CPUS_MAX; one bit each in a 64-bit CPU mask */

#define PER_CPU_BYTES 4096 /* arch/per_cpu.h; known to kernel.ld too */

#endif
