/*
 * vmm/machine/machine.c - chooses the backend and dispatches to it.
 *
 * Argument checks that hold for every backend are made here once. No locks: see machine.h for
 * threads.
 */
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/machine/backend.h"

struct vt_error *machine_create(const struct machine_config *config, struct machine_memory *memory,
                                const struct machine_kernel *kernel, struct boot_info *boot,
                                const struct machine_events *events, struct machine **ret)
{
    const struct machine arguments = {
        .backend = config->accel == VT_ACCEL_KVM ? &machine_backend_kvm : &machine_backend_qemu,
        .config = *config,
        .memory = memory,
        .kernel = kernel,
        .boot = boot,
        .events = *events,
    };

    if (config->accel != VT_ACCEL_KVM && config->accel != VT_ACCEL_QEMU)
        return vt_error_create(VT_ERROR_ARGUMENT, "a machine needs a backend: kvm or qemu");
    if (config->cpus < 1 || config->cpus > BOOT_CPUS_MAX)
        return vt_error_create(VT_ERROR_ARGUMENT, "%u CPUs are impossible: choose 1 to %u",
                               config->cpus, BOOT_CPUS_MAX);
    if (config->icount && config->accel != VT_ACCEL_QEMU)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "counting instructions (--icount) needs QEMU: add --accel qemu");
    if (config->icount && config->cpus != 1)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "counting instructions (--icount) needs exactly one CPU, not %u",
                               config->cpus);
    boot->flags &= ~(uint32_t)MACHINE_BOOT_FLAGS;
    boot->cpu_count = config->cpus;
    /* cppcheck-suppress returnDanglingLifetime ; the backend copies what it is given */
    return arguments.backend->create(&arguments, ret);
}

struct vt_error *machine_start(struct machine *machine)
{
    /* The guest takes wall_ns as the time of its entry; under icount a run must not depend on it.
     */
    if (!machine->config.icount && !machine->config.restores)
        machine->boot->wall_ns = clock_ns(CLOCK_REALTIME);
    return machine->backend->start(machine);
}

void machine_kick(struct machine *machine)
{
    machine->backend->kick(machine);
}

void machine_release(struct machine *machine)
{
    machine->backend->release(machine);
}

struct vt_error *machine_pause(struct machine *machine)
{
    return machine->backend->pause(machine);
}

struct vt_error *machine_resume(struct machine *machine)
{
    return machine->backend->resume(machine);
}

struct vt_error *machine_save(struct machine *machine, struct machine_state *ret)
{
    return machine->backend->save(machine, ret);
}

struct vt_error *machine_load(struct machine *machine, const struct machine_state *state)
{
    if (!machine->config.restores)
        return vt_error_create(VT_ERROR_ARGUMENT, "this machine boots: it takes no state");
    return machine->backend->load(machine, state);
}

uint64_t machine_outside_ns(const struct machine *machine)
{
    return machine->outside_ns;
}

struct vt_error *machine_registers(struct machine *machine, unsigned cpu,
                                   struct machine_registers *ret)
{
    if (cpu >= machine->config.cpus)
        return vt_error_create(VT_ERROR_ARGUMENT, "there is no CPU %u: the machine has %u", cpu,
                               machine->config.cpus);
    return machine->backend->registers(machine, cpu, ret);
}

void machine_stop(struct machine *machine)
{
    machine->backend->stop(machine);
}

void machine_destroy(struct machine *machine)
{
    if (!machine)
        return;
    machine->backend->stop(machine);
    machine->backend->destroy(machine);
}

bool machine_stats(struct machine *machine, unsigned cpu, struct machine_cpu_stats *ret)
{
    return cpu < machine->config.cpus && machine->backend->stats(machine, cpu, ret);
}

void machine_report_failure(struct machine *machine, const struct machine_failure *failure)
{
    if (!atomic_exchange(&machine->failed, true))
        machine->events.failed(machine->events.context, failure);
}

const char *machine_exit_kind_name(enum machine_exit_kind kind)
{
    static const char *const names[MACHINE_EXIT_KINDS] = {
        [MACHINE_EXIT_DOORBELL] = "doorbell",
        [MACHINE_EXIT_IO] = "io",
        [MACHINE_EXIT_MMIO] = "mmio",
        [MACHINE_EXIT_HALT] = "halt",
        [MACHINE_EXIT_INTERRUPTED] = "interrupted",
        [MACHINE_EXIT_MSR] = "msr",
        [MACHINE_EXIT_SHUTDOWN] = "shutdown",
        [MACHINE_EXIT_INTERNAL] = "internal",
        [MACHINE_EXIT_OTHER] = "other",
    };

    return (unsigned)kind < MACHINE_EXIT_KINDS ? names[kind] : "?";
}
