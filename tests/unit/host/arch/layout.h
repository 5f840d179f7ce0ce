/* tests/unit/host/arch/layout.h - the direct map is an array of the test (machine.c). */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define USER_START         0x10000ul
#define USER_END           0x7ffffffff000ul
#define KERNEL_STACK_PAGES 4
#define KERNEL_STACK_BYTES (KERNEL_STACK_PAGES * 4096ul)

#include "kernel/lib/types.h"

extern char *host_ram;

static inline void *phys_to_virt(phys_t phys)
{
    return host_ram + phys;
}

static inline phys_t virt_to_phys(const void *address)
{
    return (phys_t)((const char *)address - host_ram);
}

static inline bool user_range_valid(uint64_t address, uint64_t bytes)
{
    return address < USER_END && bytes <= USER_END - address;
}

#endif
