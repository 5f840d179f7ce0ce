/*
 * kernel/observe/control.c - see control.h. Only the first CPU takes kicks, and a stopped world is
 * resumed by one stopper; the lock keeps the two apart. Readers (trace_write on any CPU) may see a
 * filter in the middle of its change: the host changes filters either before the guest runs, while
 * it is stopped, or accepts that.
 */
#include "kernel/observe/control.h"

#include "arch/cpu.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/trace.h"
#include "kernel/sync/spinlock.h"

#define TYPES_ALL     ((1ull << TRACE_TYPES) - 2)
#define TYPES_SYSCALL (1ull << TRACE_SYSCALL_ENTER | 1ull << TRACE_SYSCALL_EXIT)
#define TYPES_TEXT    (1ull << TRACE_SYSCALL_ARGUMENTS | 1ull << TRACE_SYSCALL_TEXT)
#define TYPES_ALWAYS  (1ull << TRACE_SYSCALL_UNKNOWN)

struct observe_control observe_control;
READ_MOSTLY uint64_t trace_active;
static uint64_t seen_epoch;
static struct spinlock control_lock = SPINLOCK_INIT(RANK_CHANNEL);

static uint32_t tracees;

static void activate(void)
{
    WRITE_ONCE(trace_active, observe_control.traced | observe_control.filtered |
                                 (tracees ? TRACE_ACTIVE_TRACEES : 0));
}

void control_count_tracees(int32_t change)
{
    spin_lock(&control_lock);
    tracees += (uint32_t)change;
    activate();
    spin_unlock(&control_lock);
}

void control_init(const struct boot_info *boot)
{
    observe_control.lossless = boot->flags & BOOT_FLAG_TRACE_LOSSLESS;
    observe_control.traced = TYPES_ALWAYS;
    if (boot->flags & BOOT_FLAG_TRACE)
        observe_control.traced = TYPES_ALL & ~(TYPES_SYSCALL | TYPES_TEXT);
    if (boot->flags & BOOT_FLAG_TRACE_SYSCALLS)
        observe_control.traced |= TYPES_SYSCALL;
    if (boot->flags & BOOT_FLAG_TRACE_TEXT)
        observe_control.traced |= TYPES_SYSCALL | TYPES_TEXT;
    glass.control.trace_types = observe_control.traced;
    activate();
}

void control_refresh(void)
{
    const struct glass_control *host = &glass.control;
    spin_lock(&control_lock);
    observe_control.traced = (READ_ONCE(host->trace_types) & TYPES_ALL) | TYPES_ALWAYS;
    uint64_t epoch = load_acquire(&host->filter_epoch);
    if (epoch != seen_epoch) {
        seen_epoch = epoch;
        uint64_t filtered = 0;
        for (unsigned i = 0; i < GLASS_FILTERS; i++) {
            observe_control.filters[i] = *(const volatile struct glass_filter *)&host->filters[i];
            observe_control.filters[i].types &= TYPES_ALL;
            filtered |= observe_control.filters[i].types;
        }
        WRITE_ONCE(observe_control.filtered, filtered);
        if (filtered)
            trace_close_short_ways();
    }
    activate();
    spin_unlock(&control_lock);
}
