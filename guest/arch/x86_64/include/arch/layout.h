/*
 * arch/layout.h - the virtual address space. The upper half is the same in every address space: its
 * top-level entries are made at boot and never change.
 *
 *   0000000000010000 - 00007fffffffefff   user
 *   ffffd00000000000 - ffffd07fffffffff   device registers (LAPIC, IOAPIC), uncached
 *   ffffe00000000000 (one page)           the `syscall` page of soft hosts: user-readable, a ud2
 *   ffffff8000000000 - ffffffbfffffffff   direct map of all RAM: supervisor, writable, no execution
 *   ffffffc000000000 - ffffffdfffffffff   kernel stacks, a guard page below each
 *   ffffffff80000000 + physical           kernel image: text R-X, rodata R--, data RW-
 *
 * The last three, which every system call touches, share the last entry of the root table, and so a
 * page table: a walk after a change of CR3 reads fewer of them.
 */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define USER_START        0x10000ul
#define USER_END          0x7ffffffff000ul     /* first address that no user mapping may reach */
#define DIRECT_MAP        0xffffff8000000000ul /* 256 GiB: the VMM gives no more */
#define KERNEL_STACKS     0xffffffc000000000ul
#define KERNEL_STACKS_END 0xffffffe000000000ul
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
