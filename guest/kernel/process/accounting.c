/*
 * accounting.c - times and counters of processes. A thread's own counters are the scheduler's; when
 * it leaves its process they are added to the process's, and a reaped child's to its parent's.
 *
 * Lock: family_lock for the sums.
 */
#include "kernel/process/accounting.h"

#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"
#include "kernel/time/program_clock.h"

#define NS_PER_TICK 10000000ull /* clock ticks of the ABI: 100 per second */

void process_account_thread_locked(struct process *process, struct task *task)
{
    process->dead_utime_tsc += task->utime_tsc;
    process->dead_stime_tsc += task->stime_tsc;
    if (task == current)
        process->dead_stime_tsc += clock_tsc() - task->mode_tsc;
    process->dead_nvcsw += task->nvcsw;
    process->dead_nivcsw += task->nivcsw;
    process->dead_min_faults += task->min_faults;
}

/* The child is a zombie that is about to be reaped by the parent. */
void process_account_child_locked(struct process *parent, struct process *child)
{
    const struct task *leader = child->leader;
    parent->children_utime_tsc +=
        child->dead_utime_tsc + child->children_utime_tsc + leader->utime_tsc;
    parent->children_stime_tsc +=
        child->dead_stime_tsc + child->children_stime_tsc + leader->stime_tsc;
    parent->children_nvcsw += child->dead_nvcsw + child->children_nvcsw + leader->nvcsw;
    parent->children_nivcsw += child->dead_nivcsw + child->children_nivcsw + leader->nivcsw;
    parent->children_min_faults +=
        child->dead_min_faults + child->children_min_faults + leader->min_faults;
    parent->children_max_resident =
        max(parent->children_max_resident, max(child->max_resident, child->children_max_resident));
}

/* The thread list is stable: family_lock or signal_lock is held by the caller. */
void process_times(struct process *process, uint64_t *ret_utime_ns, uint64_t *ret_stime_ns)
{
    uint64_t user = clock_tsc_to_ns(process->dead_utime_tsc),
             system = clock_tsc_to_ns(process->dead_stime_tsc);
    struct task *task;
    list_for_each(task, &process->threads, thread_link)
    {
        uint64_t task_user, task_system;
        task_times(task, &task_user, &task_system);
        user += task_user;
        system += task_system;
    }
    *ret_utime_ns = user;
    *ret_stime_ns = system;
}

static struct linux_timeval timeval_of(uint64_t ns)
{
    uint64_t microseconds = ns / 1000;
    return (struct linux_timeval){(int64_t)(microseconds / 1000000),
                                  (int64_t)(microseconds % 1000000)};
}

void process_rusage_locked(struct process *process, int who, struct linux_rusage *ret)
{
    uint64_t user = 0, system = 0, resident = 0, switches = 0, preemptions = 0, faults = 0;
    *ret = (struct linux_rusage){};
    if (who == RUSAGE_THREAD) {
        struct task *task = current;
        task_times(task, &user, &system);
        switches = task->nvcsw;
        preemptions = task->nivcsw;
        faults = task->min_faults;
        ret->majflt = (int64_t)task->maj_faults;
        resident = task->address_space ? task->address_space->max_resident : 0;
    }
    if (who == RUSAGE_CHILDREN || who == RUSAGE_BOTH) {
        user = clock_tsc_to_ns(process->children_utime_tsc);
        system = clock_tsc_to_ns(process->children_stime_tsc);
        switches = process->children_nvcsw;
        preemptions = process->children_nivcsw;
        faults = process->children_min_faults;
        resident = process->children_max_resident;
    }
    if (who == RUSAGE_SELF || who == RUSAGE_BOTH) {
        uint64_t own_user, own_system;
        struct task *task;
        process_times(process, &own_user, &own_system);
        user += own_user;
        system += own_system;
        switches += process->dead_nvcsw;
        preemptions += process->dead_nivcsw;
        faults += process->dead_min_faults;
        list_for_each(task, &process->threads, thread_link)
        {
            switches += task->nvcsw;
            preemptions += task->nivcsw;
            faults += task->min_faults;
            ret->majflt += (int64_t)task->maj_faults;
        }
        resident = max(resident, process->max_resident);
        if (process == current->process && current->address_space)
            resident = max(resident, current->address_space->max_resident);
    }
    ret->utime = timeval_of(user);
    ret->stime = timeval_of(system);
    ret->maxrss = (int64_t)(resident * (PAGE_SIZE / 1024));
    ret->minflt = (int64_t)faults;
    ret->nvcsw = (int64_t)switches;
    ret->nivcsw = (int64_t)preemptions;
}

SYSCALL2(getrusage, int, who, uint64_t, address)
{
    struct linux_rusage usage;
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return -EINVAL;
    spin_lock(&family_lock);
    process_rusage_locked(current->process, who, &usage);
    spin_unlock(&family_lock);
    return copy_to_user(address, &usage, sizeof(usage));
}

SYSCALL1(times, uint64_t, address)
{
    struct process *process = current->process;
    if (address) {
        struct {
            int64_t utime, stime, children_utime, children_stime;
        } ticks;
        uint64_t user, system;
        spin_lock(&family_lock);
        process_times(process, &user, &system);
        ticks.utime = (int64_t)(user / NS_PER_TICK);
        ticks.stime = (int64_t)(system / NS_PER_TICK);
        ticks.children_utime =
            (int64_t)(clock_tsc_to_ns(process->children_utime_tsc) / NS_PER_TICK);
        ticks.children_stime =
            (int64_t)(clock_tsc_to_ns(process->children_stime_tsc) / NS_PER_TICK);
        spin_unlock(&family_lock);
        if (put_user(ticks, address))
            return -EFAULT;
    }
    return (int64_t)(clock_monotonic_ns() / NS_PER_TICK);
}

struct linux_sysinfo {
    int64_t uptime;
    uint64_t loads[3];
    uint64_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    uint16_t processes, padding;
    uint32_t padding2;
    uint64_t total_high, free_high;
    uint32_t unit;
    uint32_t padding3;
};
_Static_assert(sizeof(struct linux_sysinfo) == 112, "sysinfo is part of the ABI");

SYSCALL1(sysinfo, uint64_t, address)
{
    struct linux_sysinfo info = {
        .uptime = (int64_t)(program_uptime_ns() / 1000000000),
        .total_ram = frame_table_count * PAGE_SIZE,
        .free_ram = frames_free_count() * PAGE_SIZE,
        .processes = (uint16_t)thread_count(),
        .unit = 1,
    };
    return copy_to_user(address, &info, sizeof(info));
}
