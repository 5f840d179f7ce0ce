/*
 * smp.c - starting the further CPUs: by our VMM where it can do that directly, else by INIT and
 * SIPI through a trampoline below 1 MiB (Intel SDM vol. 3, 9.4).
 */
#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "arch/interrupts.h"
#include "arch/machine.h"
#include "arch/page_table.h"
#include "arch/registers.h"
#include "fault_stacks.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/observe/glass.h"
#include "kernel/sched/scheduler.h"
#include "kernel/time/clock.h"
#include "kernel_tables.h"

#define TRAMPOLINE_PHYS  0x8000ul
#define START_TIMEOUT_NS 5000000000ul

uint64_t secondary_stacks[CPUS_MAX];
extern char trampoline_start[], trampoline_end[];
_Noreturn void cpu_start_secondary(unsigned index);

_Noreturn void cpu_start_secondary(unsigned index)
{
    cr3_write(kernel_root_phys());
    cpu_init(index);
    cpu_set_online(this_cpu());
    scheduler_run_idle();
}

static void start_one(unsigned index, bool direct)
{
    struct cpu *cpu = cpu_at(index);
    fault_stacks_allocate(index);
    secondary_stacks[index] = scheduler_prepare_cpu(index);
    if (direct) {
        store_release(&glass.start_cpu, index);
        doorbell(HYPERCALL_START_CPU);
    } else {
        apic_send_init(index);
        apic_send_startup(index, TRAMPOLINE_PHYS >> PAGE_SHIFT);
    }
    uint64_t give_up = clock_monotonic_ns() + START_TIMEOUT_NS;
    while (!load_acquire(&cpu->glass->online)) {
        cpu_relax();
        if (clock_monotonic_ns() > give_up)
            panic("CPU %u did not start", index);
    }
}

void smp_start_others(const struct boot_info *boot)
{
    bool direct = boot->flags & BOOT_FLAG_DIRECT_CPU_START;
    if (!direct && boot->cpu_count > 1)
        memcpy(phys_to_virt(TRAMPOLINE_PHYS), trampoline_start,
               (size_t)(trampoline_end - trampoline_start));
    for (unsigned i = 1; i < boot->cpu_count; i++)
        start_one(i, direct);
    boot_tables_retire();
}
