/*
 * tests/machine/kernel/layout.h - offsets and numbers of the guest protocol in a form that the
 * assembler takes too. The test program compares every one of them with the real headers at compile
 * time.
 */
#ifndef TESTS_MACHINE_KERNEL_LAYOUT_H
#define TESTS_MACHINE_KERNEL_LAYOUT_H

#define BOOT_PAGE             0x100000
#define BOOT_FLAGS_OFFSET     12
#define BOOT_CPU_COUNT_OFFSET 20

#define FLAG_X2APIC           0x2
#define FLAG_DIRECT_CPU_START 0x8
#define FLAG_KICK_SERIAL      0x10

#define BELL_PORT     0xe9
#define END_PORT      0xf4
#define KICK          0xf1
#define SERIAL_VECTOR 0x24

#define GLASS_IMAGE_OFFSET            24
#define GLASS_CPUS_OFFSET             96
#define GLASS_START_CPU_OFFSET        220
#define GLASS_STOP_EPOCH_OFFSET       224
#define GLASS_RESUME_EPOCH_OFFSET     4824
#define GLASS_BYTES_TOTAL             16384
#define GLASS_CPU_STRIDE_OFFSET       1020
#define GLASS_CPU_STRIDE              192
#define GLASS_CPU_PARKED_EPOCH_OFFSET 56

/* The test kernels' own scratch words, in RAM below the boot page. */
#define TRAMPOLINE_PHYS 0x8000
#define STOPS_PHYS      0x9000 /* how often stop.S is to stop; written by the test */
#define COUNTER_PHYS    0x9008 /* what spin.S counts in */

#endif
