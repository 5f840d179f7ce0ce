/*
 * kernel/time/clock.c - the TSC as the one clock. Its frequency comes from the boot page;
 * conversions are one multiplication with a 32.32 fixed-point factor.
 */
#include "kernel/time/clock.h"

#include "kernel/observe/glass.h"
#include "kernel/time/clock_init.h"

READ_MOSTLY uint64_t clock_ns_per_tsc_fixed;
static uint64_t tsc_per_ns_fixed; /* cycles per nanosecond, 32.32 */
static READ_MOSTLY uint64_t start_tsc;
int64_t clock_realtime_offset_ns;

void clock_init(const struct boot_info *boot, uint64_t entry_tsc)
{
    uint64_t khz = boot->tsc_khz ? boot->tsc_khz : 1000000;
    clock_ns_per_tsc_fixed = (1000000ull << 32) / khz;
    tsc_per_ns_fixed = (uint64_t)(((unsigned __int128)khz << 32) / 1000000);
    start_tsc = entry_tsc;
    uint64_t wall_at_entry = boot->wall_ns;
    if (boot->wall_tsc)
        wall_at_entry += clock_tsc_to_ns(entry_tsc - boot->wall_tsc);
    clock_realtime_offset_ns = (int64_t)wall_at_entry;
    glass.tsc_khz = khz;
    glass.boot_tsc = entry_tsc;
    glass.wall_ns_at_boot = wall_at_entry;
}

uint64_t clock_ns_to_tsc(uint64_t nanoseconds)
{
    unsigned __int128 cycles = (unsigned __int128)nanoseconds * tsc_per_ns_fixed >> 32;
    return cycles > INT64_MAX ? INT64_MAX : (uint64_t)cycles;
}

uint64_t clock_monotonic_ns(void)
{
    return clock_tsc_to_ns(clock_tsc() - start_tsc) + 1;
}

uint64_t clock_monotonic_to_tsc(uint64_t monotonic_ns)
{
    uint64_t cycles = clock_ns_to_tsc(monotonic_ns);
    return cycles >= INT64_MAX ? INT64_MAX : start_tsc + cycles;
}

uint64_t clock_realtime_ns(void)
{
    return clock_monotonic_ns() + (uint64_t)clock_realtime_offset_ns;
}
