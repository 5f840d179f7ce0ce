/*
 * arch/layout.h - the virtual address space. The upper half is the same in every address space: its
 * top-level entries are made at boot and never change.
 *
 *   0000000000010000 - 00007fffffffefff   user
 *   ffff888000000000 - ffffc87fffffffff   direct map of all RAM: supervisor, writable, never
 * executable ffffc90000000000 - ffffc97fffffffff   kernel stacks, a guard page below each
 *   ffffd00000000000 - ffffd07fffffffff   device registers (LAPIC, IOAPIC), uncached
 *   ffffe00000000000 (one page)           the `syscall` page of soft hosts: user-readable, holds
 * ud2 ffffffff80000000 + physical           kernel image: text R-X, rodata R--, data RW-
 */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define USER_START        0x10000ul
#define USER_END          0x7ffffffff000ul /* first address that no user mapping may reach */
#define DIRECT_MAP        0xffff888000000000ul
#define KERNEL_STACKS     0xffffc90000000000ul
#define DEVICE_REGISTERS  0xffffd00000000000ul
#define SOFT_SYSCALL_PAGE 0xffffe00000000000ul
#define KERNEL_IMAGE      0xffffffff80000000ul

#define KERNEL_STACK_PAGES 4
#define KERNEL_STACK_BYTES (KERNEL_STACK_PAGES * 4096ul)

#ifndef __ASSEMBLER__
#include "kernel/lib/types.h"

static inline void *phys_to_virt(phys_t phys)
{
    return (void *)(phys + DIRECT_MAP);
}

/* For addresses in the direct map or the kernel image only. */
static inline phys_t virt_to_phys(const void *address)
{
    uint64_t value = (uint64_t)address;
    return value >= KERNEL_IMAGE ? value - KERNEL_IMAGE : value - DIRECT_MAP;
}

static inline bool user_range_valid(uint64_t address, uint64_t bytes)
{
    return address < USER_END && bytes <= USER_END - address;
}
#endif

#endif
