/*
 * vmm/session/debugger.c - a machine's gdb server: made on demand, ended with the machine; and its
 * core files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/gdb/core.h"
#include "vmm/gdb/gdb.h"
#include "vmm/session/session.h"

static void kill_machine(void *machine)
{
    vt_machine_kill(machine);
}

static bool outcome_of(void *context, struct vt_outcome *ret)
{
    struct vt_machine *machine = context;

    pthread_mutex_lock(&machine->lock);
    bool ended = machine->ended;
    if (ended)
        *ret = machine->outcome;
    pthread_mutex_unlock(&machine->lock);
    return ended;
}

static struct gdb_target target_of(struct vt_machine *machine)
{
    return (struct gdb_target){
        .machine = machine->machine,
        .guest = &machine->guest,
        .cpus = machine->config.cpus,
        .kernel_path = machine->kernel.path,
        .held_at_start = machine->held_at_start,
        .context = machine,
        .kill = kill_machine,
        .outcome = outcome_of,
    };
}

struct vt_error *vt_machine_gdb(struct vt_machine *machine, const char *address, char **ret_address)
{
    const struct gdb_target target = target_of(machine);
    struct vt_error *error = NULL;

    if (!machine->pump_runs)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "the machine was not started: there is nothing to debug yet");
    pthread_mutex_lock(&machine->lock);
    if (!machine->gdb)
        error = gdb_server_create(&target, address, &machine->gdb);
    char *copy = error ? NULL : strdup(gdb_server_address(machine->gdb));
    pthread_mutex_unlock(&machine->lock);
    if (!error && !copy)
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for an address");
    if (!error)
        *ret_address = copy;
    return error;
}

static bool debugger_is_there(struct vt_machine *machine, bool *interrupt)
{
    pthread_mutex_lock(&machine->lock);
    bool there = machine->gdb && gdb_server_busy(machine->gdb);
    if (there && *interrupt)
        *interrupt = !gdb_server_interrupt(machine->gdb);
    pthread_mutex_unlock(&machine->lock);
    return there;
}

bool session_has_debugger(struct vt_machine *machine)
{
    bool interrupt = false;

    return debugger_is_there(machine, &interrupt);
}

void session_let_debugger_look(struct vt_machine *machine)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    bool interrupt = true; /* until it was let run, and stopped: a step of its may be under way */

    while (debugger_is_there(machine, &interrupt)) {
        if (GUEST_LOAD(&machine->kill_requested) || GUEST_LOAD(&machine->failed_set))
            return;
        nanosleep(&pause, NULL); /* its user reads: nobody minds a fiftieth of a second */
    }
}

/* ---- core files ---- */

static void read_registers(struct vt_machine *machine, struct machine_registers *registers)
{
    for (unsigned cpu = 0; cpu < machine->config.cpus; cpu++)
        vt_error_destroy(machine_registers(machine->machine, cpu, &registers[cpu]));
}

static struct vt_error *write_core(struct vt_machine *machine,
                                   const struct machine_registers *registers, int first_cpu,
                                   const char *path)
{
    const struct gdb_target target = target_of(machine);

    return gdb_core_write(&target, registers, first_cpu, machine->memory.fd, path);
}

struct vt_error *vt_machine_core(struct vt_machine *machine, const char *path)
{
    struct machine_registers registers[BOOT_CPUS_MAX] = {0};
    struct vt_error *error = NULL;

    if (!machine->pump_runs)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "the machine was not started: there is nothing to write");
    pthread_mutex_lock(&machine->hold_lock);
    bool held = GUEST_LOAD(&machine->guest.frozen);
    if (!held && session_has_debugger(machine))
        error = vt_error_create(
            VT_ERROR_BUSY, "a debugger lets the machine run: stop it there (Ctrl-C), or detach, "
                           "and ask for the core file again");
    else if (!held)
        error = machine_pause(machine->machine);
    if (error) {
        pthread_mutex_unlock(&machine->hold_lock);
        return error;
    }
    GUEST_STORE(&machine->guest.frozen, true);
    read_registers(machine, registers);
    error = write_core(machine, registers, -1, path);
    if (!held) {
        GUEST_STORE(&machine->guest.frozen, false);
        vt_error_destroy(machine_resume(machine->machine));
    }
    pthread_mutex_unlock(&machine->hold_lock);
    return error;
}

/* A panic's registers are those of the panic, not of the loop that follows it. */
static int panic_registers(struct vt_machine *machine, struct machine_registers *registers)
{
    const struct glass *shared =
        guest_memory_at(&machine->guest.memory, machine->guest.glass_phys, sizeof(struct glass));
    struct glass_panic panic;

    if (!shared)
        return -1;
    memcpy(&panic, &shared->panic, sizeof(panic));
    if (panic.cpu >= machine->config.cpus)
        return -1;
    struct machine_registers *cpu = &registers[panic.cpu];
    memcpy(cpu->general, panic.registers, sizeof(cpu->general));
    cpu->rip = panic.registers[16];
    cpu->rflags = panic.registers[17];
    cpu->cs = (uint16_t)panic.registers[18];
    cpu->ss = (uint16_t)panic.registers[19];
    return (int)panic.cpu;
}

void session_failure_core(struct vt_machine *machine)
{
    struct machine_registers registers[BOOT_CPUS_MAX] = {0};
    int first_cpu = -1;

    if (!machine->core_file)
        return;
    vt_error_destroy(machine_pause(machine->machine)); /* it may have ended: then it stands still */
    GUEST_STORE(&machine->guest.frozen, true);
    read_registers(machine, registers);
    if (GUEST_LOAD(&machine->panicked)) {
        first_cpu = panic_registers(machine, registers);
    } else if (machine->failure.has_registers && machine->failure.cpu < machine->config.cpus) {
        first_cpu = (int)machine->failure.cpu;
        registers[first_cpu] = machine->failure.registers;
    }
    struct vt_error *error = write_core(machine, registers, first_cpu, machine->core_file);
    if (asprintf(&machine->core_note, error ? "no core file: %s" : "core file: %s",
                 error ? vt_error_message(error) : machine->core_file) < 0)
        machine->core_note = NULL;
    vt_error_destroy(error);
}
