/* kernel/time/clock_init.h - for main.c and timer.c. */
#ifndef KERNEL_TIME_CLOCK_INIT_H
#define KERNEL_TIME_CLOCK_INIT_H

#include "kernel/lib/types.h"
#include "shared/boot.h"

/* entry_tsc: the TSC at the kernel's first instruction, which becomes time zero. */
void clock_init(const struct boot_info *boot, uint64_t entry_tsc);
/* The TSC value at which CLOCK_MONOTONIC shows that time; saturates. */
uint64_t clock_monotonic_to_tsc(uint64_t monotonic_ns);

/* Empty queues for all CPUs; before the first timer. */
void timer_queues_init(void);

#endif
