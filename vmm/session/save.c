/*
 * vmm/session/save.c - a running or stopped machine as a snapshot: in a file, or taken over by a
 * fork (restore.c).
 *
 * The pump's thread does it between two rounds, so no byte of a stream is under way: what is in the
 * rings is in the snapshot, what was taken out of them has left. The machine is paused meanwhile.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/session/save.h"

static struct vt_error *check_can_be_saved(struct vt_machine *machine)
{
    struct vt_error *error = guest_require_ready(&machine->guest);

    if (GUEST_LOAD(&machine->done) || GUEST_LOAD(&machine->panicked) ||
        GUEST_LOAD(&machine->failed_set) || GUEST_LOAD(&machine->kill_requested)) {
        vt_error_destroy(error);
        return vt_error_create(VT_ERROR_GONE, "the machine has ended: there is nothing to save");
    }
    if (error)
        return error;
    if (session_has_debugger(machine))
        return vt_error_create(VT_ERROR_BUSY,
                               "a debugger is connected, and what it set would be part of the "
                               "snapshot: detach it first");
    return NULL;
}

static void copy_text(char *to, size_t room, const char *from)
{
    snprintf(to, room, "%s", from ? from : "");
}

static void describe(struct vt_machine *machine, struct snapshot_header *header)
{
    const struct glass *glass = machine->guest.glass;
    const struct boot_info *told = &machine->told;
    const uint64_t ready_ns = GUEST_LOAD(&machine->guest.ready_ns);

    *header = (struct snapshot_header){
        .accel = machine->config.accel,
        .cpus = machine->config.cpus,
        .icount = machine->config.icount,
        .stopped = GUEST_LOAD(&glass->stop.epoch) > GUEST_LOAD(&glass->control.resume_epoch),
        .boot_flags = told->flags,
        .memory_bytes = machine->memory.bytes,
        .note = machine->kernel.note,
        .cpu_features = told->cpu_features,
        .fpu_bytes = told->fpu_bytes,
        .fpu_components = told->fpu_components,
        .tsc_khz = told->tsc_khz,
        .lapic_timer_hz = told->lapic_timer_hz,
        .taken_ns = clock_ns(CLOCK_REALTIME),
        .since_ready = ready_ns ? clock_monotonic_ns() - ready_ns : 0,
    };
    memcpy(header->ram, machine->memory.ram, sizeof(header->ram));
    copy_text(header->cpu_model, sizeof(header->cpu_model), machine->host.cpu_model);
    if (machine->config.accel == VT_ACCEL_QEMU)
        copy_text(header->qemu_version, sizeof(header->qemu_version), machine->host.qemu_version);
    copy_text(header->program, sizeof(header->program), machine->program.path);
    if (machine->kernel.path && strlen(machine->kernel.path) < sizeof(header->kernel_path))
        copy_text(header->kernel_path, sizeof(header->kernel_path), machine->kernel.path);
    /* A copy that never ran is the same moment still. */
    if (machine->restored && !machine->pump_runs) {
        header->taken_ns = machine->taken_ns;
        header->since_ready = machine->since_ready;
    }
}

struct vt_error *save_take(struct vt_machine *machine,
                           struct vt_error *(*keep)(struct snapshot *snapshot,
                                                    const struct machine_memory *memory,
                                                    void *context),
                           void *context)
{
    const bool runs = machine->pump_runs;
    struct vt_error *error = check_can_be_saved(machine);
    struct snapshot snapshot;

    if (!error && !runs && !machine->restored)
        error = vt_error_create(VT_ERROR_ARGUMENT,
                                "the machine was not started: there is nothing to save yet");
    if (error)
        return error;
    pthread_mutex_lock(&machine->hold_lock);
    if (runs)
        error = machine_pause(machine->machine);
    if (error) {
        pthread_mutex_unlock(&machine->hold_lock);
        return error;
    }
    const uint64_t paused = clock_monotonic_ns();
    snapshot_init(&snapshot);
    GUEST_STORE(&machine->guest.frozen, true);
    describe(machine, &snapshot.header);
    error = machine_save(machine->machine, &snapshot.state);
    if (!error)
        error = keep(&snapshot, &machine->memory, context);
    GUEST_STORE(&machine->guest.frozen, false);
    snapshot_deinit(&snapshot);
    if (!runs) {
        pthread_mutex_unlock(&machine->hold_lock);
        return error; /* cppcheck-suppress returnDanglingLifetime ; it names nothing of snapshot's */
    }
    /* QEMU's clock stood still: the guest's time is so much behind the host's from now on. */
    uint64_t ready_ns = GUEST_LOAD(&machine->guest.ready_ns);
    if (ready_ns && machine->config.accel == VT_ACCEL_QEMU)
        GUEST_STORE(&machine->guest.ready_ns, ready_ns + (clock_monotonic_ns() - paused));
    struct vt_error *second = machine_resume(machine->machine);
    pthread_mutex_unlock(&machine->hold_lock);
    if (!error)
        return second;
    vt_error_destroy(second);
    return error;
}

/* ---- to a file ---- */

struct save_request {
    const char *path;
    struct vt_error *error;
};

static struct vt_error *write_file(struct snapshot *snapshot, const struct machine_memory *memory,
                                   void *context)
{
    return snapshot_write(snapshot, memory, context);
}

static void save_to_file(struct vt_machine *machine, void *context)
{
    struct save_request *request = context;

    request->error = save_take(machine, write_file, (void *)request->path);
}

struct vt_error *vt_machine_save(struct vt_machine *machine, const char *path)
{
    struct save_request request = {.path = path};

    if (!session_call(machine, save_to_file, &request))
        return vt_error_create(VT_ERROR_GONE, "the machine has ended: there is nothing to save");
    return request.error;
}
