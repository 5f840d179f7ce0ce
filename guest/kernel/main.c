/*
 * kernel/main.c - from the first C instruction to the first program, on the first CPU.
 *
 * The order is forced: frames before page tables, page tables before stacks with guards, clock
 * before the scheduler, everything before the other CPUs.
 */
#include "../arch/x86_64/fault_stacks.h"
#include "arch/cpu.h"
#include "arch/interrupts.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "kernel/fs/file.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/random.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"
#include "kernel/sched/scheduler.h"
#include "kernel/time/clock.h"
#include "kernel/time/clock_init.h"

_Noreturn void kernel_main(void);
extern char boot_stack_top[];
extern uint64_t __stack_chk_guard;

static void check_boot_page(const struct boot_info *boot)
{
    if (boot->magic != BOOT_MAGIC || boot->version != BOOT_VERSION)
        panic("no boot page at %#llx: this kernel must be started by vitrine", BOOT_INFO_PHYS);
    if (!boot->cpu_count || boot->cpu_count > CPUS_MAX)
        panic("the boot page asks for %u CPUs; 1 to %u are possible", boot->cpu_count, CPUS_MAX);
}

_Noreturn __attribute__((optimize("no-stack-protector"))) void kernel_main(void)
{
    uint64_t entry_tsc = clock_tsc();
    struct boot_info *boot = phys_to_virt(BOOT_INFO_PHYS);
    cpu_early_init(boot);
    check_boot_page(boot);
    __stack_chk_guard ^= boot->random_seed[0] & ~0xffull; /* a NUL in it stops string overflows */
    mutant_init();
    audit_init();
    clock_init(boot, entry_tsc);
    frame_init(boot, virt_to_phys(image_end));
    paging_init(boot);
    random_init(boot->random_seed);
    glass_init(boot);
    fault_stacks_allocate(0);
    cpu_features_init(boot);
    cpu_init(0);
    timer_queues_init();
    scheduler_init((uint64_t)boot_stack_top);
    cpu_set_online(this_cpu());
    kick_init();
    smp_start_others(boot);
    fs_init(boot);
    process_start_init();
    glass_ready();
    scheduler_run_idle();
}
