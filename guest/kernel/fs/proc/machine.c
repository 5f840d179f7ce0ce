/*
 * kernel/fs/proc/machine.c - what /proc says of the machine as a whole: version, uptime, loadavg,
 * meminfo, stat. Formats: proc(5). Nothing is counted for /proc alone; sums are made when somebody
 * asks.
 */
#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/print.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/process/process.h"
#include "kernel/time/clock.h"
#include "kernel/time/program_clock.h"
#include "shared/boot.h"

#define TICK_NS      10000000ul /* USER_HZ is 100 */
#define KIB_PER_PAGE (PAGE_SIZE / 1024)

struct machine_times {
    uint64_t user_ns, system_ns, idle_ns;
    uint64_t switches, interrupts;
};

/* Of one CPU. How its busy time splits into user and system is not counted: user_ns holds all of
 * it. */
static void cpu_times(unsigned index, struct machine_times *ret)
{
    struct cpu *cpu = cpu_at(index);
    const struct glass_cpu *glass = cpu->glass;
    uint64_t now = clock_tsc(), idle = READ_ONCE(glass->idle_tsc);

    if (READ_ONCE(cpu->idle->state) == TASK_RUNNING) {
        uint64_t since = READ_ONCE(cpu->idle->switched_in_tsc);
        idle += now > since ? now - since : 0;
    }
    uint64_t up = now > glass->boot_tsc ? now - glass->boot_tsc : 0;
    ret->idle_ns = clock_tsc_to_ns(min(idle, up));
    ret->user_ns = clock_tsc_to_ns(up - min(idle, up));
    ret->system_ns = 0;
    ret->switches = READ_ONCE(glass->switches);
    ret->interrupts = READ_ONCE(glass->interrupts);
}

struct process_sums {
    uint64_t user_ns, system_ns;
    uint32_t running, blocked;
    int32_t last_pid;
};

static void sum_threads(struct process *process, struct process_sums *sums)
{
    struct task *task;

    for (int32_t from = 0; (task = process_thread_next_get(process, from)); task_put(task)) {
        from = task->tid + 1;
        uint8_t state = READ_ONCE(task->state);
        sums->running += state == TASK_READY || state == TASK_RUNNING;
        sums->blocked += state == TASK_BLOCKED_HARD;
    }
}

static void sum_processes(struct process_sums *sums)
{
    struct process *process;
    uint32_t count = 0;

    *sums = (struct process_sums){0};
    for (int32_t from = 1; (process = process_next_get(from)); process_put(process)) {
        uint64_t user_ns, system_ns;
        from = process->pid + 1;
        process_times(process, &user_ns, &system_ns);
        sums->user_ns += user_ns;
        sums->system_ns += system_ns;
        sums->last_pid = process->pid;
        sum_threads(process, sums);
        if (++count % 64 == 0)
            preemption_point();
    }
}

/* The share of the system mode in busy time, taken from the processes that live, in parts of 1024.
 */
static uint64_t system_share(const struct process_sums *sums)
{
    uint64_t total = sums->user_ns + sums->system_ns;

    return total < 1024 ? 0 : min(sums->system_ns / (total / 1024), 1024ul);
}

int proc_show_version(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%s version %s (vitrine@vitrine) (gcc) %s\n", SYSTEM_NAME, SYSTEM_RELEASE,
               SYSTEM_VERSION);
    return 0;
}

int proc_show_uptime(struct proc_text *text, const struct proc_target *target)
{
    uint64_t up = program_uptime_ns() / TICK_NS, idle = 0;

    (void)target;
    for (unsigned i = 0; i < cpu_count(); i++) {
        struct machine_times times;
        cpu_times(i, &times);
        idle += times.idle_ns / TICK_NS;
    }
    text_print(text, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
    return 0;
}

/* The averages are not kept: what can run at this moment is the honest figure for all three. */
int proc_show_loadavg(struct proc_text *text, const struct proc_target *target)
{
    struct process_sums sums;

    (void)target;
    sum_processes(&sums);
    uint32_t load = sums.running + sums.blocked;
    text_print(text, "%u.00 %u.00 %u.00 %u/%u %d\n", load, load, load, sums.running, thread_count(),
               sums.last_pid);
    return 0;
}

static void memory_line(struct proc_text *text, const char *name, uint64_t pages)
{
    int blanks = 16 - (int)__builtin_strlen(name) - 1;

    text_print(text, "%s:%*s%8lu kB\n", name, blanks > 0 ? blanks - 1 : 0, "",
               pages * KIB_PER_PAGE);
}

int proc_show_meminfo(struct proc_text *text, const struct proc_target *target)
{
    const struct boot_info *boot = phys_to_virt(BOOT_INFO_PHYS);
    static const char *const not_there[] = {
        "SwapCached",   "Active",         "Inactive",    "Active(anon)", "Inactive(anon)",
        "Active(file)", "Inactive(file)", "Unevictable", "Mlocked",      "SwapTotal",
        "SwapFree",     "Dirty",          "Writeback"};
    uint64_t total = 0, free = frames_free_count(), anonymous = 0, mapped = 0, tables = 0;
    struct process *process;
    uint32_t count = 0;

    (void)target;
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++)
        total += boot->ram[i].bytes / PAGE_SIZE;
    for (int32_t from = 1; (process = process_next_get(from)); process_put(process)) {
        from = process->pid + 1;
        struct task *task = task_find_get(process->pid);
        struct address_space *space = task ? task_address_space_get(task) : NULL;
        if (space) {
            anonymous += space->anonymous_pages;
            mapped += space->file_pages;
            tables += space->table_pages;
            address_space_put(space);
        }
        if (task)
            task_put(task);
        if (++count % 64 == 0)
            preemption_point();
    }
    uint64_t image = boot->image.bytes / PAGE_SIZE;
    memory_line(text, "MemTotal", total);
    memory_line(text, "MemFree", free);
    memory_line(text, "MemAvailable", free);
    memory_line(text, "Buffers", 0);
    memory_line(text, "Cached", image); /* the root image: file pages that are in memory whole */
    for (size_t i = 0; i < ARRAY_COUNT(not_there); i++)
        memory_line(text, not_there[i], 0);
    memory_line(text, "AnonPages", anonymous);
    memory_line(text, "Mapped", mapped);
    memory_line(text, "Shmem", 0);
    memory_line(text, "KReclaimable", 0);
    memory_line(text, "Slab", 0);
    memory_line(text, "SReclaimable", 0);
    memory_line(text, "SUnreclaim", 0);
    memory_line(text, "PageTables", tables - min(tables, page_tables_shared()));
    memory_line(text, "CommitLimit", total);
    memory_line(text, "Committed_AS", anonymous);
    text_print(text,
               "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n");
    return 0;
}

static void stat_line(struct proc_text *text, const char *name, const struct machine_times *times)
{
    text_print(text, "%s %lu 0 %lu %lu 0 0 0 0 0 0\n", name, times->user_ns / TICK_NS,
               times->system_ns / TICK_NS, times->idle_ns / TICK_NS);
}

int proc_show_stat(struct proc_text *text, const struct proc_target *target)
{
    struct machine_times all = {0}, one;
    struct process_sums sums;
    unsigned cpus = cpu_count();

    (void)target;
    sum_processes(&sums);
    uint64_t share = system_share(&sums);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < cpus; i++) {
            cpu_times(i, &one);
            one.system_ns = one.user_ns / 1024 * share;
            one.user_ns -= one.system_ns;
            if (round) {
                char name[16];
                snprintf(name, sizeof(name), "cpu%u", i);
                stat_line(text, name, &one);
                continue;
            }
            all.user_ns += one.user_ns;
            all.system_ns += one.system_ns;
            all.idle_ns += one.idle_ns;
            all.switches += one.switches;
            all.interrupts += one.interrupts;
        }
        if (!round)
            stat_line(text, "cpu ", &all);
    }
    text_print(
        text, "intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked %u\n",
        all.interrupts, all.switches, (clock_realtime_ns() - program_uptime_ns()) / 1000000000u,
        READ_ONCE(process_slots.next_id) - 1, sums.running, sums.blocked);
    text_print(text, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
    return 0;
}

/* The kernel's own option string from the boot page, one line. */
int proc_show_cmdline(struct proc_text *text, const struct proc_target *target)
{
    const struct boot_info *boot = phys_to_virt(BOOT_INFO_PHYS);
    const char *strings = phys_to_virt(BOOT_STRINGS_PHYS);
    uint32_t limit = min(boot->strings_bytes, (uint32_t)BOOT_STRINGS_MAX);

    (void)target;
    for (uint32_t at = boot->kernel_options; at < limit && strings[at]; at++)
        text_add(text, &strings[at], 1);
    text_print(text, "\n");
    return 0;
}

/* Frames and faults; nothing is paged in, out or swapped here. */
int proc_show_vmstat(struct proc_text *text, const struct proc_target *target)
{
    uint64_t faults = 0;
    struct process *process;
    uint32_t count = 0;

    (void)target;
    for (int32_t from = 1; (process = process_next_get(from)); process_put(process)) {
        from = process->pid + 1;
        faults += process->dead_min_faults;
        struct task *task = NULL;
        for (int32_t tid = 1; (task = process_thread_next_get(process, tid)); task_put(task)) {
            tid = task->tid + 1;
            faults += task->min_faults;
        }
        if (++count % 64 == 0)
            preemption_point();
    }
    text_print(text, "nr_free_pages %lu\n", frames_free_count());
    text_print(text, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault %lu\npgmajfault 0\n",
               faults);
    return 0;
}

/* Interrupts are counted per CPU, not by what they were for. */
int proc_show_interrupts(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "    ");
    for (unsigned i = 0; i < cpu_count(); i++)
        text_print(text, "       CPU%-4u", i);
    text_print(text, "\nINT:");
    for (unsigned i = 0; i < cpu_count(); i++)
        text_print(text, " %10lu    ", READ_ONCE(cpu_at(i)->glass->interrupts));
    text_print(text, "  All interrupts\n");
    return 0;
}

int proc_show_partitions(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "major minor  #blocks  name\n\n");
    return 0;
}

/* What lists things of which there are none. */
int proc_show_nothing(struct proc_text *text, const struct proc_target *target)
{
    (void)text;
    (void)target;
    return 0;
}

int proc_show_swaps(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return 0;
}
