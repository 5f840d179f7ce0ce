/* kernel/observe/stop.c - see stop.h. */
#include "kernel/observe/stop.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "arch/machine.h"
#include "arch/registers.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/control.h"
#include "kernel/observe/glass.h"
#include "kernel/sched/task.h"
#include "kernel/time/clock.h"

static uint32_t stopper; /* CPU index + 1 of the CPU that stops the world, 0 = none */
static READ_MOSTLY uint64_t active_epoch; /* the stop under way, or the last one */
static uint64_t refreshed_epoch; /* the stop after which the host's wishes were last read */

static bool resumed(uint64_t epoch)
{
    return load_acquire(&glass.control.resume_epoch) >= epoch;
}

static void wait_parked(struct glass_cpu *cpu, enum glass_park park, enum hypercall_code code,
                        uint64_t epoch)
{
    cpu->parked_cr3 = cr3_read();
    cpu->parked_rsp = (uint64_t)__builtin_frame_address(0);
    WRITE_ONCE(cpu->park, park);
    store_release(&cpu->parked_epoch, epoch);
    doorbell(code); /* our VMM returns from this only when the host resumes; QEMU at once */
    while (!resumed(epoch))
        cpu_relax();
    WRITE_ONCE(cpu->park, PARK_RUNNING);
}

void stop_park(void)
{
    uint64_t epoch = load_acquire(&active_epoch);
    if (resumed(epoch))
        return;
    wait_parked(this_cpu()->glass, PARK_PARKED, HYPERCALL_PARKED, epoch);
    /* A filter that the host set meanwhile holds from the first event on, on every CPU. */
    while (load_acquire(&refreshed_epoch) < epoch)
        cpu_relax();
}

static void stop_world(const struct trace_record *record, uint32_t filter)
{
    struct cpu *cpu = this_cpu();
    uint32_t nobody = 0;
    /* One stop at a time: whoever comes second parks for the first, then has its own turn. */
    while (!__atomic_compare_exchange_n(&stopper, &nobody, cpu->index + 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        nobody = 0;
        cpu_serve_requests();
    }
    /* The host may have dropped the filter while this CPU was parked for the stop before. */
    if (filter < GLASS_FILTERS && !(observe_control.filters[filter].types & 1ull << record->type)) {
        store_release(&stopper, 0);
        return;
    }
    uint64_t epoch = active_epoch + 1;
    glass.stop.cpu = cpu->index;
    glass.stop.filter = filter;
    glass.stop.record = *record;
    glass.frames_free = frames_free_count();
    store_release(&glass.stop.epoch, epoch);
    store_release(&active_epoch, epoch);
    for (unsigned i = 0; i < cpu_count(); i++)
        if (i != cpu->index)
            cpu_send_request(cpu_at(i), CPU_REQUEST_STOP);
    wait_parked(cpu->glass, PARK_STOPPED, HYPERCALL_STOPPED, epoch);
    control_refresh();
    store_release(&refreshed_epoch, epoch);
    store_release(&stopper, 0);
}

static bool matches(struct glass_filter *filter, const struct trace_record *record)
{
    if (!(filter->types & 1ull << record->type))
        return false;
    if ((filter->tid && filter->tid != record->tid) ||
        (filter->tgid && filter->tgid != record->tgid))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if ((filter->arg_mask & 1u << i) &&
            (record->arg[i] & filter->arg_and[i]) != filter->arg_value[i])
            return false;
    uint32_t skip = __atomic_load_n(&filter->skip, __ATOMIC_RELAXED);
    while (skip)
        if (__atomic_compare_exchange_n(&filter->skip, &skip, skip - 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return false;
    return true;
}

void stop_if_matching(const struct trace_record *record)
{
    for (uint32_t i = 0; i < GLASS_FILTERS; i++) {
        if (matches(&observe_control.filters[i], record)) {
            stop_world(record, i);
            return;
        }
    }
}

void stop_here(void)
{
    const struct cpu *cpu = this_cpu();
    struct trace_record record = {
        .tsc = clock_tsc(),
        .cpu = (uint16_t)cpu->index,
        .tid = cpu->task->tid,
        .tgid = cpu->task->tgid,
    };
    stop_world(&record, GLASS_FILTERS);
}

void stop_at_start(void)
{
    static uint32_t held;
    if ((boot_flags & BOOT_FLAG_HOLD_AT_START) && !__atomic_exchange_n(&held, 1, __ATOMIC_RELAXED))
        stop_here();
}

/* ---- the end ---- */

#define REST_NS       100000000u
#define REST_AGAIN_NS 20000u

/* In an interrupt that came in user mode or in idle, and at nothing of its own. */
static bool at_rest(const struct cpu *cpu)
{
    if (cpu->in_busy_wait || !cpu->task)
        return false;
    return cpu->task->flags & TASK_IDLE ? cpu->in_interrupt
                                        : cpu->in_interrupt == INTERRUPT_OF_USER;
}

void stop_at_end(void)
{
    struct cpu *cpu = this_cpu();

    if (!at_rest(cpu))
        return;
    cpu->glass->parked_cr3 = cr3_read();
    cpu->glass->parked_rsp = (uint64_t)__builtin_frame_address(0);
    /* Others may still wait for their flushes, or for a stop; a halt is the end. */
    for (;;) {
        store_release(&cpu->glass->park, PARK_ENDED);
        cpu_serve_requests();
    }
}

static void stop_at_end_soon(struct cpu *cpu, uint64_t deadline)
{
    while (load_acquire(&cpu->glass->park) != PARK_ENDED && clock_tsc() < deadline) {
        uint64_t again = clock_tsc() + clock_ns_to_tsc(REST_AGAIN_NS);
        cpu_send_request(cpu, CPU_REQUEST_REST);
        while (load_acquire(&cpu->glass->park) != PARK_ENDED && clock_tsc() < again)
            cpu_serve_requests();
    }
}

void stop_others_at_end(void)
{
    uint64_t deadline = clock_tsc() + clock_ns_to_tsc(REST_NS);

    for (unsigned i = 0; i < cpu_count(); i++)
        if (cpu_at(i) != this_cpu())
            stop_at_end_soon(cpu_at(i), deadline);
}
