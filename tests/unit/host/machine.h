/*
 * tests/unit/host/machine.h - RAM in an array and what the memory manager asks of the CPU. The
 * counters let a test say how often it was asked.
 */
#ifndef TESTS_UNIT_HOST_MACHINE_H
#define TESTS_UNIT_HOST_MACHINE_H

#include "kernel/lib/types.h"
#include "shared/boot.h"

extern uint64_t host_pages_cleared, host_pages_copied, host_shootdowns;

/* RAM of so many bytes, all zero, in one range; frame_init() done with the kernel's end at 3 MiB.
 */
void host_machine_start(uint64_t bytes);
/* The same with a boot page of the test's own; RAM ends with its last range. */
void host_machine_start_with(const struct boot_info *boot, phys_t kernel_end);

/*
 * Counts free frames by the rules of kernel/mm/frame.h, entry by entry, and fails the test if that
 * is not what frames_free_count() says.
 */
uint64_t host_count_free_frames(void);

#endif
