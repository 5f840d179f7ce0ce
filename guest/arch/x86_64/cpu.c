/*
 * cpu.c - one CPU made ready: its data, descriptor tables, control registers and model-specific
 * registers.
 *
 * GDT order is fixed by sysret (AMD64 manual vol. 2, 6.1.1): STAR selects base + 8 for SS and base
 * + 16 for CS.
 */
#include "arch/cpu.h"
#include "arch/interrupts.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/page_table.h"
#include "arch/per_cpu.h"
#include "arch/registers.h"
#include "arch/trap_frame.h"
#include "fault_stacks.h"
#include "fpu.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"

#define SELECTOR_TSS 0x38
#define GDT_ENTRIES  9

struct task_state_segment {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct descriptor_table {
    uint64_t entries[GDT_ENTRIES];
};

PER_CPU(struct cpu, cpu) __attribute__((aligned(64)));
static PER_CPU(struct task_state_segment, task_state);
static PER_CPU(struct descriptor_table, descriptor_table);
static struct gate gates[256] __attribute__((aligned(16)));
READ_MOSTLY unsigned cpus_online;

READ_MOSTLY uint32_t boot_flags;
READ_MOSTLY uint32_t cpu_features;

extern char syscall_entry[];
extern char entry_0[], entry_1[], entry_2[], entry_3[], entry_4[], entry_5[], entry_6[], entry_7[],
    entry_8[], entry_10[], entry_11[], entry_12[], entry_13[], entry_14[], entry_16[], entry_17[],
    entry_18[], entry_19[], entry_240[], entry_241[], entry_242[], entry_243[], entry_255[];

struct cpu *cpu_at(unsigned index)
{
    return &per_cpu(cpu, index);
}

void cpu_set_online(struct cpu *cpu)
{
    cpu->glass->index = cpu->index;
    store_release(&cpu->glass->online, 1);
    __atomic_fetch_add(&cpus_online, 1, __ATOMIC_RELEASE);
}

static void gate_set(unsigned vector, const char *entry, unsigned ist, bool user)
{
    uint64_t address = (uint64_t)entry;
    gates[vector] = (struct gate){
        .offset_low = (uint16_t)address,
        .offset_middle = (uint16_t)(address >> 16),
        .offset_high = (uint32_t)(address >> 32),
        .selector = SELECTOR_KERNEL_CODE,
        .ist = (uint8_t)ist,
        .type = user ? 0xee : 0x8e, /* interrupt gate: interrupts stay off */
    };
}

static void gates_init(void)
{
    gate_set(0, entry_0, 0, false);
    gate_set(1, entry_1, 0, false);
    gate_set(2, entry_2, FAULT_STACK_NMI + 1, false);
    gate_set(3, entry_3, 0, true);
    gate_set(4, entry_4, 0, true);
    gate_set(5, entry_5, 0, false);
    gate_set(6, entry_6, 0, false);
    gate_set(7, entry_7, 0, false);
    gate_set(8, entry_8, FAULT_STACK_DOUBLE + 1, false);
    gate_set(10, entry_10, 0, false);
    gate_set(11, entry_11, 0, false);
    gate_set(12, entry_12, 0, false);
    gate_set(13, entry_13, 0, false);
    gate_set(14, entry_14, 0, false);
    gate_set(16, entry_16, 0, false);
    gate_set(17, entry_17, 0, false);
    gate_set(18, entry_18, FAULT_STACK_MACHINE_CHECK + 1, false);
    gate_set(19, entry_19, 0, false);
    gate_set(VECTOR_TIMER, entry_240, 0, false);
    gate_set(KICK_VECTOR, entry_241, 0, false);
    gate_set(VECTOR_REQUEST, entry_242, 0, false);
    gate_set(VECTOR_SERIAL, entry_243, 0, false);
    gate_set(VECTOR_SPURIOUS, entry_255, 0, false);
}

static void segments_load(unsigned index)
{
    uint64_t *table = per_cpu(descriptor_table, index).entries;
    uint64_t base = (uint64_t)&per_cpu(task_state, index);
    table[1] = 0x00af9b000000ffff; /* 0x08 kernel code */
    table[2] = 0x00cf93000000ffff; /* 0x10 kernel data */
    table[5] = 0x00cff3000000ffff; /* 0x28 user data */
    table[6] = 0x00affb000000ffff; /* 0x30 user code */
    table[7] = 0x0000890000000000 | (sizeof(struct task_state_segment) - 1) |
               (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    table[8] = base >> 32;
    /* No port is open to users. */
    per_cpu(task_state, index).io_map = sizeof(struct task_state_segment);

    struct table_pointer gdt = {sizeof(struct descriptor_table) - 1, (uint64_t)table};
    struct table_pointer idt = {sizeof(gates) - 1, (uint64_t)gates};
    __asm__ volatile("lgdt %0\n\t"
                     "lidt %1\n\t"
                     "mov %2, %%ss\n\t"
                     "mov %3, %%ds\n\t"
                     "mov %3, %%es\n\t"
                     "mov %3, %%fs\n\t"
                     "mov %3, %%gs\n\t"
                     "ltr %w4"
                     :
                     : "m"(gdt), "m"(idt), "r"(SELECTOR_KERNEL_DATA), "r"(0), "r"(SELECTOR_TSS)
                     : "memory");
    msr_write(MSR_GS_BASE, (uint64_t)&per_cpu(cpu, index));
    msr_write(MSR_KERNEL_GS_BASE, 0);
}

static void cpu_data_init(unsigned index)
{
    struct cpu *cpu = &per_cpu(cpu, index);
    cpu->self = cpu;
    cpu->index = index;
    cpu->apic_id = index;
    cpu->entry_stack = (uint64_t *)((char *)&per_cpu(task_state, index) +
                                    offsetof(struct task_state_segment, rsp));
    segments_load(index);
}

void cpu_early_init(struct boot_info *boot)
{
    boot_flags = boot->flags;
    gates_init();
    cpu_data_init(0);
}

void cpu_set_kernel_stack(struct cpu *cpu, uint64_t stack_top)
{
    cpu->kernel_stack_top = stack_top;
    memcpy(cpu->entry_stack, &stack_top, sizeof(stack_top));
}

/* Features: CPUID of this machine, and what the VMM allows, since CPUID cannot be trusted on every
 * host. */
void cpu_features_init(const struct boot_info *boot)
{
    uint32_t a, b, c, d, b7, c7, features = 0;
    cpuid(1, 0, &a, &b, &c, &d);
    cpuid(7, 0, &a, &b7, &c7, &d);
    if (c & 1u << 26)
        features |= BOOT_CPU_XSAVE;
    if ((c & 1u << 28) && (c & 1u << 26))
        features |= BOOT_CPU_AVX;
    if (c & 1u << 30)
        features |= BOOT_CPU_RDRAND;
    if (c & 1u << 17)
        features |= BOOT_CPU_PCID;
    if (b7 & 1u << 0)
        features |= BOOT_CPU_FSGSBASE;
    if (b7 & 1u << 7)
        features |= BOOT_CPU_SMEP;
    if (b7 & 1u << 20)
        features |= BOOT_CPU_SMAP;
    if (b7 & 1u << 16)
        features |= BOOT_CPU_AVX512;
    if (c7 & 1u << 2)
        features |= BOOT_CPU_UMIP;
    cpuid(0x80000001, 0, &a, &b, &c, &d);
    if (d & 1u << 26)
        features |= BOOT_CPU_GBPAGES;
    if ((features & BOOT_CPU_XSAVE) && (boot->cpu_features & BOOT_CPU_XSAVE)) {
        cpuid(0xd, 1, &a, &b, &c, &d);
        if (a & 1)
            features |= BOOT_CPU_XSAVEOPT;
    }
    cpu_features = features & boot->cpu_features;
    if (boot->flags & BOOT_FLAG_FPU_BY_HOST)
        fpu_use_host(boot);
    if (!(cpu_features & BOOT_CPU_XSAVE))
        cpu_features &= ~(uint32_t)(BOOT_CPU_AVX | BOOT_CPU_AVX512 | BOOT_CPU_XSAVEOPT);
}

static void system_calls_init(void)
{
    msr_write(MSR_STAR, (uint64_t)0x23 << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR,
              boot_flags & BOOT_FLAG_SOFT_SYSCALL ? SOFT_SYSCALL_PAGE : (uint64_t)syscall_entry);
    /* Cleared on entry: everything a program may have set that would matter to the kernel. */
    msr_write(MSR_SYSCALL_MASK, RFLAGS_TRAP | RFLAGS_INTERRUPT | RFLAGS_DIRECTION |
                                    RFLAGS_ALIGNMENT | 1ul << 14 /* NT */ | 3ul << 12 /* IOPL */ |
                                    RFLAGS_RESUME);
}

void cpu_init(unsigned index)
{
    struct cpu *cpu = &per_cpu(cpu, index);
    if (index)
        cpu_data_init(index);
    for (unsigned i = 0; i < FAULT_STACKS; i++)
        per_cpu(task_state, index).ist[i] = fault_stack_top(index, i);

    uint64_t cr4 = cr4_read() | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (cpu_features & BOOT_CPU_UMIP)
        cr4 |= CR4_UMIP;
    if (cpu_features & BOOT_CPU_SMEP)
        cr4 |= CR4_SMEP;
    if (cpu_features & BOOT_CPU_SMAP)
        cr4 |= CR4_SMAP;
    if (cpu_features & BOOT_CPU_FSGSBASE)
        cr4 |= CR4_FSGSBASE;
    if (cpu_features & BOOT_CPU_XSAVE)
        cr4 |= CR4_OSXSAVE;
    cr4_write(cr4);
    cr0_write((cr0_read() & ~(CR0_EMULATION | CR0_TASK_SWITCHED)) | CR0_MONITOR_COPROCESSOR);
    this_cpu()->fpu_trapped = false;
    fpu_init_cpu();
    system_calls_init();
    apic_init_cpu();
    (void)cpu;
}

uint64_t arch_hwcap(void)
{
    uint32_t a, b, c, d;
    cpuid(1, 0, &a, &b, &c, &d);
    return d;
}

uint64_t arch_hwcap2(void)
{
    return cpu_features & BOOT_CPU_FSGSBASE ? 2 : 0; /* HWCAP2_FSGSBASE */
}

_Noreturn void cpu_halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}
