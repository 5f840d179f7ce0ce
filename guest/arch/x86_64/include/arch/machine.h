/* arch/machine.h - set-up of the machine, called by main.c in this order on the first CPU. */
#ifndef ARCH_MACHINE_H
#define ARCH_MACHINE_H

#include "arch/cpu.h"
#include "shared/boot.h"

extern uint32_t boot_flags;   /* enum boot_flags */
extern uint32_t cpu_features; /* enum boot_cpu_features that CPUID and the VMM both allow */
extern char image_start[], text_end[], rodata_end[], image_end[];

void cpu_early_init(struct boot_info *boot); /* GS, GDT, IDT: from here on a fault is reported */
void paging_init(
    const struct boot_info *boot); /* the final kernel page tables; needs frame_init() */
void cpu_features_init(const struct boot_info *boot);
void cpu_init(unsigned index);             /* per CPU: GS, GDT, TSS, IDT, MSRs, control registers */
void cpu_allocate_stacks(struct cpu *cpu); /* fault stacks with guard pages */
void fpu_init(void);                       /* sizes; then per CPU in cpu_init */

/* Kernel stacks with a guard page below; recycled, never unmapped. Returns the top, 0 = out of
 * memory. */
uint64_t kernel_stack_allocate(void);
void kernel_stack_free(uint64_t top);
/* Maps device registers, uncached; boot only. */
void *device_map(phys_t phys);

uint64_t arch_hwcap(void);  /* AT_HWCAP: CPUID 1 EDX */
uint64_t arch_hwcap2(void); /* AT_HWCAP2 */

/* Called by observe: every other CPU is told to halt. */
void cpus_halt_others(void);
_Noreturn void cpu_halt_forever(void);

#endif
