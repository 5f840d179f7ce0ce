/*
 * vmm/machine/debug.c - see debug.h: argument checks that hold for every backend, then dispatch.
 */
#include "vmm/machine/debug.h"

#include "vmm/machine/backend.h"

struct vt_error *machine_debug_start(struct machine *machine)
{
    return machine->backend->debugger->start(machine);
}

void machine_debug_end(struct machine *machine)
{
    machine->backend->debugger->end(machine);
}

void machine_debug_drain(struct machine *machine)
{
    if (machine->backend->debugger->drain)
        machine->backend->debugger->drain(machine);
}

static struct vt_error *check_cpu(const struct machine *machine, unsigned cpu)
{
    if (cpu < machine->config.cpus)
        return NULL;
    return vt_error_create(VT_ERROR_ARGUMENT, "there is no CPU %u: the machine has %u", cpu,
                           machine->config.cpus);
}

struct vt_error *machine_debug_state(struct machine *machine, unsigned cpu,
                                     struct machine_cpu_state *ret)
{
    struct vt_error *error = check_cpu(machine, cpu);

    return error ? error : machine->backend->debugger->state(machine, cpu, ret);
}

struct vt_error *machine_debug_set_state(struct machine *machine, unsigned cpu,
                                         const struct machine_cpu_state *state)
{
    struct vt_error *error = check_cpu(machine, cpu);

    return error ? error : machine->backend->debugger->set_state(machine, cpu, state);
}

struct vt_error *machine_debug_point(struct machine *machine, bool set,
                                     enum machine_point_kind kind, uint64_t address, unsigned bytes)
{
    bool power = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;

    if (!power || (kind == MACHINE_POINT_EXECUTE && bytes != 1))
        return vt_error_create(VT_ERROR_ARGUMENT, "%u bytes cannot be watched: 1, 2, 4 or 8 can",
                               bytes);
    if (address % bytes)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "%u bytes at %#lx cannot be watched: the address must be a multiple",
                               bytes, (unsigned long)address);
    return machine->backend->debugger->point(machine, set, kind, address, bytes);
}

struct vt_error *machine_debug_write(struct machine *machine, uint64_t phys, const void *data,
                                     size_t bytes)
{
    if (!machine_memory_at(machine->memory, phys, bytes))
        return vt_error_create(VT_ERROR_NOT_FOUND, "guest-physical %#lx is no memory",
                               (unsigned long)phys);
    return machine->backend->debugger->write(machine, phys, data, bytes);
}

struct vt_error *machine_debug_go(struct machine *machine, const enum machine_go *go)
{
    return machine->backend->debugger->go(machine, go);
}

struct vt_error *machine_debug_interrupt(struct machine *machine)
{
    return machine->backend->debugger->interrupt(machine);
}

int machine_debug_fd(struct machine *machine)
{
    return machine->backend->debugger->fd(machine);
}

struct machine_debug_event machine_debug_event(struct machine *machine)
{
    return machine->backend->debugger->event(machine);
}
