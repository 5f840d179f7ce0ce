/*
 * vmm/session/hold.c - a machine's CPUs held where they are, for a look at their registers.
 *
 * One holder at a time: hold_lock is taken by session_hold() and given back by session_let_go(), in
 * the same thread; core files take it as well. A debugger that is connected holds the CPUs whenever
 * it likes, so nobody else does then.
 */
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/machine/debug.h"
#include "vmm/session/session.h"

#define HOLDS_PER_DRAIN 64

static struct vt_error *read_registers(struct vt_machine *machine, struct guest_registers *ret)
{
    struct vt_error *error = NULL;

    for (unsigned cpu = 0; cpu < machine->config.cpus && !error; cpu++) {
        struct machine_registers registers = {0};

        error = machine_registers(machine->machine, cpu, &registers);
        memcpy(ret[cpu].general, registers.general, sizeof(ret[cpu].general));
        ret[cpu].rip = registers.rip;
        ret[cpu].user = (registers.cs & 3) == 3;
    }
    return error;
}

struct vt_error *session_hold(void *context, struct guest_registers *ret, unsigned *ret_count)
{
    struct vt_machine *machine = context;
    struct vt_error *error = NULL;

    if (!machine->pump_runs || guest_has_ended(&machine->guest))
        return vt_error_create(VT_ERROR_GONE, "the machine does not run");
    pthread_mutex_lock(&machine->hold_lock);
    if (GUEST_LOAD(&machine->guest.frozen) || session_has_debugger(machine))
        error = vt_error_create(VT_ERROR_BUSY,
                                "a debugger is connected to the machine: it holds the CPUs");
    if (!error && machine->holds++ % HOLDS_PER_DRAIN == 0)
        machine_debug_drain(machine->machine);
    if (!error)
        error = machine_pause(machine->machine);
    if (error) {
        pthread_mutex_unlock(&machine->hold_lock);
        return error;
    }
    machine->held_since_ns = clock_monotonic_ns();
    GUEST_STORE(&machine->guest.frozen, true);
    error = read_registers(machine, ret);
    if (error)
        vt_error_destroy(session_let_go(machine));
    else
        *ret_count = machine->config.cpus;
    return error;
}

struct vt_error *session_let_go(void *context)
{
    struct vt_machine *machine = context;

    GUEST_STORE(&machine->guest.frozen, false);
    /* QEMU's clock stood still: the guest's time is so much behind the host's from now on. */
    uint64_t ready_ns = GUEST_LOAD(&machine->guest.ready_ns);
    if (ready_ns && machine->config.accel == VT_ACCEL_QEMU)
        GUEST_STORE(&machine->guest.ready_ns,
                    ready_ns + (clock_monotonic_ns() - machine->held_since_ns));
    struct vt_error *error = machine_resume(machine->machine);

    pthread_mutex_unlock(&machine->hold_lock);
    return error;
}
