/*
 * vmm/session/restore.c - a machine made from a snapshot instead of booted, and forks.
 *
 * What the kernel was told of its host when it booted (frequencies, features, how a system call
 * enters) holds for ever in it. So the backend is asked what it would tell a kernel now, and a host
 * that differs is refused with the difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/options.h"
#include "vmm/session/save.h"

#define TSC_TOLERANCE                                                                              \
    2000u /* 1/2000: the same processor is measured a little differently per boot */

/* ---- what was asked for ---- */

static struct vt_error *check_options(const struct vt_options *options)
{
    const char *what = NULL;

    if (options->argv || options->envp || options->cwd || options->token || options->rootfs)
        what = "a program, its environment or its root: they are in it";
    else if (options->cpus || options->memory_bytes || options->icount)
        what = "CPUs, memory or icount: they are in it";
    else if (options->kernel_options || options->no_aslr || options->hold_at_start ||
             options->trace || options->trace_lossless || options->trace_syscalls ||
             options->trace_syscall_text || options->trace_ring_records)
        what = "what a kernel is told when it boots (tracing, holding, its options): it goes on as "
               "it was told";
    return what ? vt_error_create(VT_ERROR_ARGUMENT, "a restored machine takes no %s", what) : NULL;
}

static struct vt_error *check_backend(const struct snapshot_header *header, enum vt_accel wanted)
{
    if (wanted == VT_ACCEL_AUTO || wanted == header->accel)
        return NULL;
    return vt_error_create(
        VT_ERROR_BACKEND,
        "a machine that was saved under %s cannot be restored under %s: its kernel uses the "
        "interrupt controller, timer and system-call entry that it booted with",
        vt_accel_name(header->accel), vt_accel_name(wanted));
}

/* ---- is this host like the other one? ---- */

static struct vt_error *differs(const char *what)
{
    return vt_error_create(VT_ERROR_BACKEND,
                           "the snapshot cannot be restored on this host: %s; what a kernel found "
                           "at its boot must be there when it goes on",
                           what);
}

static bool tsc_differs(uint64_t saved, uint64_t here)
{
    uint64_t difference = saved > here ? saved - here : here - saved;

    return difference > saved / TSC_TOLERANCE;
}

static struct vt_error *check_host(const struct snapshot_header *header,
                                   const struct vt_machine *machine)
{
    const struct boot_info *here = &machine->told;
    const uint32_t missing = header->cpu_features & ~here->cpu_features;
    const uint32_t way = BOOT_FLAG_SOFT_SYSCALL | BOOT_FLAG_X2APIC | BOOT_FLAG_TSC_DEADLINE |
                         BOOT_FLAG_DIRECT_CPU_START | BOOT_FLAG_KICK_SERIAL |
                         BOOT_FLAG_BELL_BLOCKS | BOOT_FLAG_FPU_BY_HOST;
    char text[320];

    if (header->accel == VT_ACCEL_QEMU &&
        strcmp(header->qemu_version, machine->host.qemu_version) != 0) {
        snprintf(text, sizeof(text), "it was saved by QEMU %.32s, here is QEMU %.32s",
                 header->qemu_version, machine->host.qemu_version);
        return differs(text);
    }
    /* Programs chose their instructions by what CPUID said. Under QEMU that is QEMU's own. */
    if (header->accel == VT_ACCEL_KVM && strcmp(header->cpu_model, machine->host.cpu_model) != 0) {
        snprintf(text, sizeof(text), "it was saved on a '%.64s', this is a '%.64s'",
                 header->cpu_model, machine->host.cpu_model);
        return differs(text);
    }
    if ((header->boot_flags ^ here->flags) & way)
        return differs("system calls, interrupts or timers work in another way here");
    if (missing) {
        snprintf(text, sizeof(text), "features of the processor are missing (mask 0x%x)", missing);
        return differs(text);
    }
    if (header->fpu_bytes != here->fpu_bytes || header->fpu_components != here->fpu_components)
        return differs("the vector state of its programs has another size here");
    if (tsc_differs(header->tsc_khz, here->tsc_khz)) {
        snprintf(text, sizeof(text), "its clock runs at %llu kHz, this host's at %llu kHz",
                 (unsigned long long)header->tsc_khz, (unsigned long long)here->tsc_khz);
        return differs(text);
    }
    if (header->lapic_timer_hz != here->lapic_timer_hz)
        return differs("its timer counts at another frequency here");
    return NULL;
}

/* ---- building ---- */

/* For symbols and debuggers only: a kernel without its file runs as well. */
static void find_kernel_file(struct vt_machine *machine, const struct snapshot_header *header,
                             const struct vt_options *options)
{
    CLEANUP_FREE char *usual = NULL;

    vt_error_destroy(session_kernel_path(options, &usual));
    const char *const candidates[] = {usual, header->kernel_path};

    for (unsigned i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        struct machine_kernel found;

        if (!candidates[i] || !*candidates[i])
            continue;
        struct vt_error *error = machine_kernel_recognize(candidates[i], &machine->memory, &found);
        if (error) {
            vt_error_destroy(error);
            continue;
        }
        if (found.note.glass_phys == header->note.glass_phys) {
            free(machine->kernel.path);
            machine->kernel.path = found.path;
            snprintf(machine->guest.kernel_path, sizeof(machine->guest.kernel_path), "%s",
                     found.path);
            return;
        }
        machine_kernel_deinit(&found);
    }
}

static struct vt_error *describe_machine(struct vt_machine *machine,
                                         const struct snapshot_header *header)
{
    const uint64_t glass = header->note.glass_phys;

    if (memcmp(header->ram, machine->memory.ram, sizeof(header->ram)) != 0)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the snapshot's memory lies where no machine of this version has "
                               "it");
    if (glass % 64 || !machine_memory_at(&machine->memory, glass, sizeof(struct glass)))
        return vt_error_create(VT_ERROR_FORMAT,
                               "the snapshot's kernel shows itself outside of its memory");
    machine->kernel.note = header->note;
    machine->kernel.path = strdup("");
    machine->program.path = strdup(header->program);
    if (!machine->kernel.path || !machine->program.path)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a machine");
    machine->restored = true;
    machine->taken_ns = header->taken_ns;
    machine->since_ready = header->since_ready;
    machine->boot = &machine->told;
    return NULL;
}

/* The glass of the memory that was filled: everything that reads guests needs it. */
static struct vt_error *connect(struct vt_machine *machine, const struct snapshot_header *header)
{
    struct vt_error *error;

    GUEST_STORE(&machine->guest.announced, true);
    error = guest_require_ready(&machine->guest);
    if (!error && GUEST_LOAD(&machine->guest.glass->state) != GLASS_RUNNING)
        error = vt_error_create(VT_ERROR_FORMAT, "the snapshot's kernel does not run");
    if (!error)
        error = streams_adopt(&machine->streams);
    if (error)
        return error;
    machine->guest.lossless =
        (header->boot_flags & BOOT_FLAG_TRACE) && (header->boot_flags & BOOT_FLAG_TRACE_LOSSLESS);
    machine->terminal.raw_output = !(header->boot_flags & BOOT_FLAG_TTY_COOKED);
    return NULL;
}

/* The kernel knows its host by what it was told then: that goes into the next snapshot, too. */
static void remember_told(struct vt_machine *machine, const struct snapshot_header *header)
{
    struct boot_info *told = &machine->told;

    told->flags = header->boot_flags;
    told->cpu_features = header->cpu_features;
    told->tsc_khz = header->tsc_khz;
}

/* `memory`: filled already, taken over; NULL = from the snapshot's file. */
static struct vt_error *build(struct vt_machine *machine, const struct snapshot *snapshot,
                              struct machine_memory *memory, const struct vt_options *options)
{
    const struct snapshot_header *header = &snapshot->header;
    struct vt_error *error = check_options(options);

    if (!error)
        error = check_backend(header, options->accel);
    machine->config = (struct machine_config){.accel = (enum vt_accel)header->accel,
                                              .cpus = header->cpus,
                                              .icount = header->icount,
                                              .restores = true,
                                              .diagnostics_fd = -1};
    if (!error)
        error = session_choose_backend(machine);
    if (!error)
        error = session_take_name(machine, options);
    if (!error && memory)
        machine->memory = machine_memory_take(memory);
    else if (!error)
        error = machine_memory_init(&machine->memory, header->memory_bytes);
    if (!error)
        error = describe_machine(machine, header);
    if (error)
        return error;
    session_make_guest(machine);
    /* QEMU starts beside us while its memory is filled. */
    error = session_make_machine(machine, options);
    if (!error)
        error = check_host(header, machine);
    if (!error && !memory)
        error = snapshot_read_memory(snapshot, &machine->memory);
    if (!error)
        error = machine_load(machine->machine, &snapshot->state);
    if (!error)
        error = connect(machine, header);
    if (error)
        return error;
    remember_told(machine, header);
    find_kernel_file(machine, header, options);
    return NULL;
}

static struct vt_error *make(const struct snapshot *snapshot, struct machine_memory *memory,
                             const struct vt_options *options, struct vt_machine **ret)
{
    struct vt_options taken = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    struct vt_machine *machine;
    struct vt_error *error = options ? options_take(options, &taken) : NULL;

    if (!error)
        error = session_new(&machine);
    if (error)
        return error;
    error = build(machine, snapshot, memory, &taken);
    if (error) {
        vt_machine_destroy(machine);
        return error;
    }
    *ret = machine;
    return NULL;
}

/* ---- public ---- */

struct vt_error *vt_machine_restore(const char *path, const struct vt_options *options,
                                    struct vt_machine **ret)
{
    struct snapshot snapshot;
    struct vt_error *error;

    snapshot_init(&snapshot);
    error = snapshot_open(path, &snapshot);
    if (!error)
        error = make(&snapshot, NULL, options, ret);
    snapshot_deinit(&snapshot);
    return error;
}

struct fork_request {
    struct snapshot snapshot;
    struct machine_memory memory;
    struct vt_error *error;
};

/* The old machine waits for no more than this. */
static struct vt_error *keep_copy(struct snapshot *snapshot, const struct machine_memory *memory,
                                  void *context)
{
    struct fork_request *request = context;
    struct vt_error *error = machine_memory_init(&request->memory, memory->bytes);

    if (!error)
        error = snapshot_copy_memory(memory, &request->memory);
    request->snapshot = *snapshot;
    snapshot_init(snapshot);
    return error;
}

static void fork_here(struct vt_machine *machine, void *context)
{
    struct fork_request *request = context;

    request->error = save_take(machine, keep_copy, request);
}

struct vt_error *vt_fork(struct vt_machine *machine, const struct vt_options *options,
                         struct vt_machine **ret)
{
    struct fork_request request = {.memory.fd = -1};

    snapshot_init(&request.snapshot);
    if (!session_call(machine, fork_here, &request))
        request.error =
            vt_error_create(VT_ERROR_GONE, "the machine has ended: there is nothing to copy");
    if (!request.error)
        request.error = make(&request.snapshot, &request.memory, options, ret);
    machine_memory_deinit(&request.memory);
    snapshot_deinit(&request.snapshot);
    return request.error;
}

struct vt_error *vt_snapshot_describe(const char *path, struct vt_snapshot *ret)
{
    struct snapshot snapshot;

    snapshot_init(&snapshot);
    struct vt_error *error = snapshot_open(path, &snapshot);
    const struct snapshot_header *header = &snapshot.header;
    if (!error) {
        *ret = (struct vt_snapshot){
            .accel = (enum vt_accel)header->accel,
            .cpus = header->cpus,
            .memory_bytes = header->memory_bytes,
            .icount = header->icount,
            .stopped = header->stopped,
            .taken_ns = header->taken_ns,
        };
        memcpy(ret->program, header->program, sizeof(ret->program));
        memcpy(ret->cpu_model, header->cpu_model, sizeof(ret->cpu_model));
    }
    snapshot_deinit(&snapshot);
    return error;
}
