/* arch/registers.h - control registers, MSRs and CPUID (Intel SDM vol. 3 and 4; AMD64 manual vol.
 * 2). */
#ifndef ARCH_REGISTERS_H
#define ARCH_REGISTERS_H

#include "kernel/lib/types.h"

#define CR0_MONITOR_COPROCESSOR (1ul << 1)
#define CR0_EMULATION           (1ul << 2)
#define CR0_TASK_SWITCHED       (1ul << 3)
#define CR4_PGE                 (1ul << 7)
#define CR4_OSFXSR              (1ul << 9)
#define CR4_OSXMMEXCPT          (1ul << 10)
#define CR4_UMIP                (1ul << 11)
#define CR4_FSGSBASE            (1ul << 16)
#define CR4_OSXSAVE             (1ul << 18)
#define CR4_SMEP                (1ul << 20)
#define CR4_SMAP                (1ul << 21)

#define MSR_APIC_BASE      0x1b
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC         0x800 /* + register / 16 */
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_SYSCALL_MASK   0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SYSCALL    (1ul << 0)
#define EFER_NO_EXECUTE (1ul << 11)

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

#define DEFINE_CONTROL_REGISTER(name)                                                              \
    static inline uint64_t name##_read(void)                                                       \
    {                                                                                              \
        uint64_t value;                                                                            \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value));                                     \
        return value;                                                                              \
    }                                                                                              \
    static inline void name##_write(uint64_t value)                                                \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                            \
    }
DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c,
                         uint32_t *d)
{
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(subleaf));
}

static inline void xcr0_write(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

#endif
