/*
 * kernel/fs/proc/status.c - /proc/PID/{stat,status,statm,limits}: one process or thread in numbers,
 * in the exact formats of proc(5) that ps and top parse.
 */
#include "arch/context.h"
#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/process/ptrace.h"
#include "kernel/time/clock.h"
#include "kernel/time/program_clock.h"

#define TICK_NS      10000000ul
#define KIB_PER_PAGE (PAGE_SIZE / 1024)

/* A consistent look at what family_lock guards. */
struct family_view {
    int32_t ppid, group, session, tty_device, foreground; /* as this /proc shows them ... */
    int32_t global_group, global_session;                 /* ... and as they are */
    uint32_t threads, exit_status;
    bool zombie;
    uint64_t dead_min_faults, children_min_faults, children_user, children_system;
    uint64_t dead_switches, dead_preemptions;
};

static void look_at_family(const struct proc_target *target, struct family_view *ret)
{
    const struct pid_namespace *namespace = target->key->namespace;
    struct process *process = target->process;
    spin_lock(&family_lock);
    ret->ppid = process->parent ? pid_seen_in(namespace, process->parent->pid) : 0;
    ret->group = pid_seen_in(namespace, process->group);
    ret->session = pid_seen_in(namespace, process->session);
    ret->global_group = process->group;
    ret->global_session = process->session;
    ret->tty_device = process->tty ? (int32_t)process->tty->device : 0;
    ret->foreground = process->tty ? pid_seen_in(namespace, process->tty->foreground_group) : -1;
    ret->threads = process->task_count;
    ret->exit_status = process->exit_status;
    ret->zombie = process->zombie;
    ret->dead_min_faults = process->dead_min_faults;
    ret->children_min_faults = process->children_min_faults;
    ret->children_user = process->children_utime_tsc;
    ret->children_system = process->children_stime_tsc;
    ret->dead_switches = process->dead_nvcsw;
    ret->dead_preemptions = process->dead_nivcsw;
    spin_unlock(&family_lock);
}

static char state_letter(const struct task *task, bool zombie)
{
    if (zombie)
        return 'Z';
    if (task->tracee && ptrace_is_stopped(task))
        return 't';
    switch (READ_ONCE(task->state)) {
    case TASK_BLOCKED:
        return 'S';
    case TASK_BLOCKED_HARD:
        return task->flags & TASK_KERNEL_THREAD ? 'S' : 'D';
    case TASK_STOPPED:
        return 'T';
    case TASK_ZOMBIE:
        return 'Z';
    case TASK_DEAD:
        return 'X';
    default:
        return 'R';
    }
}

static const char *state_name(char letter)
{
    switch (letter) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 't':
        return "t (tracing stop)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "X (dead)";
    }
}

static bool whole_process(const struct proc_target *target)
{
    return !target->key->tid;
}

static bool is_zombie(const struct proc_target *target, const struct family_view *family)
{
    return whole_process(target) && family->zombie;
}

static void copy_comm(const struct task *task, char comm[TASK_COMM_BYTES + 1])
{
    memcpy(comm, task->comm, TASK_COMM_BYTES);
    comm[TASK_COMM_BYTES] = 0;
}

static void times_of(const struct proc_target *target, uint64_t *user_ns, uint64_t *system_ns)
{
    if (whole_process(target))
        process_times(target->process, user_ns, system_ns);
    else
        task_times(target->task, user_ns, system_ns);
}

/* Minor faults, and switches by the task's own will and against it. */
static void counts_of(const struct proc_target *target, const struct family_view *family,
                      uint64_t *faults, uint64_t *voluntary, uint64_t *involuntary)
{
    *faults = target->task->min_faults;
    *voluntary = target->task->nvcsw;
    *involuntary = target->task->nivcsw;
    if (!whole_process(target))
        return;
    struct task *task;
    *faults = family->dead_min_faults;
    for (int32_t from = 0; (task = process_thread_next_get(target->process, from));
         task_put(task)) {
        from = task->tid + 1;
        *faults += task->min_faults;
    }
}

/* priority as ps shows it: 20 + nice, or -1 - real-time priority. */
static int32_t shown_priority(const struct task *task)
{
    return task->policy == 1 || task->policy == 2 ? -1 - task->rt_priority : 20 + task->nice;
}

static uint64_t resident_pages(const struct address_space *space)
{
    return READ_ONCE(space->anonymous_pages) + READ_ONCE(space->file_pages);
}

int proc_show_process_stat(struct proc_text *text, const struct proc_target *target)
{
    static const struct address_space nothing;
    struct task *task = target->task;
    struct process *process = target->process;
    struct address_space *space = task_address_space_get(task);
    const struct address_space *memory = space ? space : &nothing;
    bool inspect = proc_may_inspect(process);
    const struct address_space *layout = inspect ? memory : &nothing;
    struct family_view family;
    struct signal_summary signals;
    uint64_t user_ns, system_ns, faults, voluntary, involuntary;
    char comm[TASK_COMM_BYTES + 1];

    look_at_family(target, &family);
    signal_summarise(task, &signals);
    times_of(target, &user_ns, &system_ns);
    counts_of(target, &family, &faults, &voluntary, &involuntary);
    copy_comm(task, comm);
    uint64_t start_ns =
        (whole_process(target) ? process->start_ns : clock_tsc_to_ns(task->start_tsc)) +
        (uint64_t)clock_base_offset_ns(CLOCK_BASE_BOOTTIME);
    uint64_t limit = READ_ONCE(process->rlimits[RLIMIT_RSS].soft);
    char state = state_letter(task, is_zombie(target, &family));

    text_print(
        text, "%d (%s) %c %d %d %d %d %d %u ",
        pid_seen_in(target->key->namespace, whole_process(target) ? process->pid : task->tid), comm,
        state, family.ppid, family.group, family.session, family.tty_device, family.foreground,
        task->flags & TASK_KERNEL_THREAD    ? 0x200000u
        : task->flags & TASK_FORKED_NO_EXEC ? 0x40u
                                            : 0u);
    text_print(text, "%lu %lu %lu 0 %lu %lu %lu %lu ", faults, family.children_min_faults,
               task->maj_faults, user_ns / TICK_NS, system_ns / TICK_NS,
               clock_tsc_to_ns(family.children_user) / TICK_NS,
               clock_tsc_to_ns(family.children_system) / TICK_NS);
    text_print(text, "%d %d %u 0 %lu %lu %lu %lu ", shown_priority(task), task->nice,
               family.threads, start_ns / TICK_NS, memory->mapped_pages * PAGE_SIZE,
               resident_pages(memory), limit);
    text_print(text, "%lu %lu %lu 0 0 ", layout->code_start, layout->code_end, layout->stack_top);
    /* Real-time signals do not fit into these fields: status has them. */
    text_print(text, "%lu %lu %lu %lu ", signals.thread_pending.bits & 0x7fffffff,
               signals.blocked.bits & 0x7fffffff, signals.ignored.bits & 0x7fffffff,
               signals.caught.bits & 0x7fffffff);
    text_print(text, "%d 0 0 %d %u %d %u 0 0 0 ", state == 'S' || state == 'D', task->exit_signal,
               task->cpu, task->rt_priority, task->policy);
    text_print(text, "%lu %lu %lu %lu %lu %lu %lu %u\n", layout->data_start, layout->data_end,
               layout->brk_start, layout->argument_start, layout->argument_end,
               layout->environment_start, layout->environment_end,
               inspect ? family.exit_status : 0);
    if (space)
        address_space_put(space);
    return 0;
}

static void show_groups(struct proc_text *text, const struct credentials *who)
{
    text_print(text, "Groups:\t");
    for (uint32_t i = 0; i < who->group_count && i < ARRAY_COUNT(who->groups); i++)
        text_print(text, "%u ", who->groups[i]);
    text_print(text, "\n");
}

static void show_memory(struct proc_text *text, struct task *task)
{
    struct address_space *space = task_address_space_get(task);
    if (!space)
        return;
    uint64_t resident = resident_pages(space);
    text_print(text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t       0 kB\n",
               space->mapped_pages * KIB_PER_PAGE, space->mapped_pages * KIB_PER_PAGE,
               space->locked_pages * KIB_PER_PAGE);
    text_print(text,
               "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\nRssFile:\t%8lu "
               "kB\nRssShmem:\t       0 kB\n",
               max(space->max_resident, resident) * KIB_PER_PAGE, resident * KIB_PER_PAGE,
               space->anonymous_pages * KIB_PER_PAGE, space->file_pages * KIB_PER_PAGE);
    text_print(
        text,
        "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t       0 kB\nVmPTE:\t%8lu kB\n"
        "VmSwap:\t       0 kB\n",
        space->data_pages * KIB_PER_PAGE, 132ul,
        (space->code_end - space->code_start + 1023) / 1024, space->table_pages * KIB_PER_PAGE);
    address_space_put(space);
}

static uint32_t umask_of(struct task *task)
{
    struct fs_context *context = task_fs_get(task);
    if (!context)
        return 022;
    uint32_t mask = READ_ONCE(context->umask);
    fs_context_put(context);
    return mask;
}

static uint32_t descriptor_capacity(struct task *task)
{
    struct file_table *table = task_files_get(task);
    if (!table)
        return 0;
    uint32_t capacity = READ_ONCE(table->capacity);
    file_table_put(table);
    return capacity;
}

/* A global number as each PID namespace sees it, from this /proc's to the process's own. */
static void show_levels(struct proc_text *text, const char *name, const struct proc_target *target,
                        int32_t global)
{
    const struct pid_namespace *inner = target->process->pid_namespace;
    text_print(text, "%s", name);
    for (uint32_t level = target->key->namespace->level; level <= inner->level; level++)
        text_print(text, "\t%d", pid_seen_in(pid_namespace_at(inner, level), global));
    text_print(text, "\n");
}

int proc_show_process_status(struct proc_text *text, const struct proc_target *target)
{
    struct task *task = target->task;
    struct process *process = target->process;
    const struct credentials *who = &process->credentials;
    struct family_view family;
    struct signal_summary signals;
    char comm[TASK_COMM_BYTES + 1];
    const struct pid_namespace *namespace = target->key->namespace;
    int32_t pid = pid_seen_in(namespace, whole_process(target) ? process->pid : task->tid);
    const struct capability_sets *can = &who->capabilities;

    look_at_family(target, &family);
    signal_summarise(task, &signals);
    copy_comm(task, comm);
    text_print(text, "Name:\t");
    text_add_escaped(text, comm, "\n\\");
    text_print(
        text,
        "\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
        umask_of(task), state_name(state_letter(task, is_zombie(target, &family))),
        pid_seen_in(namespace, process->pid), pid, family.ppid,
        pid_seen_in(namespace, ptrace_tracer_of(task)));
    text_print(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\n", who->uid,
               who->euid, who->suid, who->fsuid, who->gid, who->egid, who->sgid, who->fsgid,
               descriptor_capacity(task));
    show_groups(text, who);
    show_levels(text, "NStgid:", target, process->pid);
    show_levels(text, "NSpid:", target, whole_process(target) ? process->pid : task->tid);
    show_levels(text, "NSpgid:", target, family.global_group);
    show_levels(text, "NSsid:", target, family.global_session);
    show_memory(text, task);
    text_print(text, "CoreDumping:\t0\nTHP_enabled:\t0\nThreads:\t%u\nSigQ:\t%u/%lu\n",
               family.threads, signals.queued, READ_ONCE(process->rlimits[RLIMIT_SIGPENDING].soft));
    text_print(
        text,
        "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
        signals.thread_pending.bits, signals.process_pending.bits, signals.blocked.bits,
        signals.ignored.bits, signals.caught.bits);
    text_print(
        text,
        "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
        can->inheritable, can->permitted, can->effective, can->bounding, can->ambient);
    text_print(text, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
               process->no_new_privileges);
    text_print(text, "Cpus_allowed:\t%lx\nMems_allowed:\t1\nMems_allowed_list:\t0\n",
               task->affinity & (cpu_count() < 64 ? (1ul << cpu_count()) - 1 : ~0ul));
    text_print(text, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
               task->nvcsw, task->nivcsw);
    return 0;
}

int proc_show_process_statm(struct proc_text *text, const struct proc_target *target)
{
    struct address_space *space = task_address_space_get(target->task);

    if (!space) {
        text_print(text, "0 0 0 0 0 0 0\n");
        return 0;
    }
    text_print(text, "%lu %lu %lu %lu 0 %lu 0\n", space->mapped_pages, resident_pages(space),
               space->file_pages, (space->code_end - space->code_start + PAGE_SIZE - 1) / PAGE_SIZE,
               space->data_pages);
    address_space_put(space);
    return 0;
}

static void limit_value(struct proc_text *text, uint64_t value)
{
    if (value == UINT64_MAX)
        text_print(text, "%-20s ", "unlimited");
    else
        text_print(text, "%-20lu ", value);
}

int proc_show_limits(struct proc_text *text, const struct proc_target *target)
{
    static const struct {
        const char *name, *unit;
    } limits[RLIMIT_COUNT] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},
        [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},
        [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},
        [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},
        [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
        [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},
        [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
        [RLIMIT_NICE] = {"Max nice priority", NULL},
        [RLIMIT_RTPRIO] = {"Max realtime priority", NULL},
        [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };

    text_print(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < RLIMIT_COUNT; i++) {
        text_print(text, "%-25s ", limits[i].name);
        limit_value(text, READ_ONCE(target->process->rlimits[i].soft));
        limit_value(text, READ_ONCE(target->process->rlimits[i].hard));
        if (limits[i].unit)
            text_print(text, "%-10s\n", limits[i].unit);
        else
            text_print(text, "\n");
    }
    return 0;
}
