/*
 * apic.c - the local APIC: x2APIC registers where the boot page says they work, else memory-mapped
 * ones (Intel SDM vol. 3, ch. 11), and the one-shot timer.
 */
#include "arch/cpu.h"
#include "arch/interrupts.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "kernel/time/clock.h"

#define APIC_PHYS             0xfee00000ul
#define APIC_TASK_PRIORITY    0x80
#define APIC_END_OF_INTERRUPT 0xb0
#define APIC_SPURIOUS         0xf0
#define APIC_COMMAND_LOW      0x300
#define APIC_COMMAND_HIGH     0x310
#define APIC_TIMER_VECTOR     0x320
#define APIC_LINT0            0x350
#define APIC_LINT1            0x360
#define APIC_TIMER_INITIAL    0x380
#define APIC_TIMER_DIVIDE     0x3e0
#define APIC_MASKED           (1u << 16)
#define APIC_TIMER_DEADLINE   (2u << 17)

static READ_MOSTLY volatile uint8_t *apic_registers;
static uint64_t timer_hz;
static READ_MOSTLY bool use_x2apic, use_deadline;

static void apic_write(uint32_t reg, uint32_t value)
{
    if (use_x2apic)
        msr_write(MSR_X2APIC + (reg >> 4), value);
    else
        *(volatile uint32_t *)(apic_registers + reg) = value;
}

void apic_init_cpu(void)
{
    if (!this_cpu()->index) {
        use_x2apic = boot_flags & BOOT_FLAG_X2APIC;
        use_deadline = boot_flags & BOOT_FLAG_TSC_DEADLINE;
        const struct boot_info *boot = phys_to_virt(BOOT_INFO_PHYS);
        timer_hz = boot->lapic_timer_hz;
        if (!use_x2apic)
            apic_registers = device_map(APIC_PHYS);
    }
    if (use_x2apic)
        msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | 0xc00);
    apic_write(APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_LINT0, APIC_MASKED);
    apic_write(APIC_LINT1, APIC_MASKED);
    apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
    apic_write(APIC_TIMER_VECTOR, VECTOR_TIMER | (use_deadline ? APIC_TIMER_DEADLINE : 0));
    if (use_deadline)
        __asm__ volatile(
            "mfence"); /* the mode must be set before the first deadline (SDM 11.5.4.1) */
}

void apic_end_of_interrupt(void)
{
    apic_write(APIC_END_OF_INTERRUPT, 0);
}

static void apic_command(uint32_t apic_id, uint32_t low)
{
    if (use_x2apic) {
        __asm__ volatile("mfence" ::: "memory"); /* x2APIC writes are not ordered after stores */
        msr_write(MSR_X2APIC + (APIC_COMMAND_LOW >> 4), (uint64_t)apic_id << 32 | low);
    } else {
        apic_write(APIC_COMMAND_HIGH, apic_id << 24);
        apic_write(APIC_COMMAND_LOW, low);
    }
}

void apic_send(uint32_t apic_id, uint8_t vector)
{
    apic_command(apic_id, vector);
}

void apic_send_init(uint32_t apic_id)
{
    apic_command(apic_id, 0x4500);
}

void apic_send_startup(uint32_t apic_id, uint8_t page)
{
    apic_command(apic_id, 0x4600 | page);
}

void apic_timer_arm(uint64_t tsc)
{
    if (use_deadline) {
        msr_write(MSR_TSC_DEADLINE, tsc);
        return;
    }
    uint64_t now = clock_tsc();
    uint64_t ns = tsc > now ? clock_tsc_to_ns(tsc - now) : 0;
    uint64_t ticks = ns > 4000000000ul ? UINT32_MAX : ns * (timer_hz / 1000000) / 1000;
    ticks = ticks > UINT32_MAX ? UINT32_MAX : ticks;
    apic_write(APIC_TIMER_INITIAL, ticks ? (uint32_t)ticks : 1);
}
