/*
 * vmm/session/session.c - creating, starting, waiting for, killing and destroying a machine.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/hypercall.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/clock.h"
#include "vmm/gdb/gdb.h"
#include "vmm/session/boot_page.h"
#include "vmm/session/control_socket.h"
#include "vmm/session/options.h"
#include "vmm/session/places.h"
#include "vmm/session/session.h"

#define DEFAULT_MEMORY (128ull << 20)
#define LEAST_MEMORY   (32ull << 20)

/* ---- what the backend's threads call ---- */

void session_wake(struct vt_machine *machine)
{
    uint64_t one = 1;

    (void)!write(machine->wake_fd, &one, sizeof(one));
}

static void on_doorbell(void *context, int cpu, uint8_t code)
{
    struct vt_machine *machine = context;
    bool wake = true;

    (void)cpu;
    __atomic_fetch_add(&machine->doorbells[code], 1, __ATOMIC_RELAXED);
    switch (code) {
    case HYPERCALL_READY:
        if (!machine->config.icount)
            GUEST_STORE(&machine->guest.ready_ns, clock_monotonic_ns());
        GUEST_STORE(&machine->guest.announced, true);
        break;
    case HYPERCALL_DONE:
        GUEST_STORE(&machine->done, true);
        break;
    case HYPERCALL_PANIC:
        GUEST_STORE(&machine->panicked, true);
        break;
    case HYPERCALL_TRACE:
        /* With a reader open the reader is the one to wake. */
        wake = __atomic_load_n(&machine->guest.traces, __ATOMIC_RELAXED) == NULL;
        if (wake)
            GUEST_STORE(&machine->trace_rang, true);
        break;
    case HYPERCALL_STOPPED:
    case HYPERCALL_PARKED:
    case HYPERCALL_LOG:
    case HYPERCALL_START_CPU:
        wake = false;
        break;
    default:
        break;
    }
    if (wake)
        session_wake(machine);
    if (code != HYPERCALL_OUTPUT && code != HYPERCALL_INPUT)
        guest_note_change(&machine->guest);
}

static void on_failed(void *context, const struct machine_failure *failure)
{
    struct vt_machine *machine = context;

    machine->failure = *failure;
    machine->failure.text[sizeof(machine->failure.text) - 1] = '\0';
    GUEST_STORE(&machine->failed_set, true);
    session_wake(machine);
}

static void owner_kick(void *context)
{
    machine_kick(((struct vt_machine *)context)->machine);
}

static void owner_release(void *context)
{
    machine_release(((struct vt_machine *)context)->machine);
}

/* ---- creating ---- */

static struct vt_error *check_options(const struct vt_options *options,
                                      struct machine_config *config, uint64_t *ret_memory)
{
    unsigned cpus = options->cpus ? options->cpus : 1;
    uint64_t memory = options->memory_bytes ? options->memory_bytes : DEFAULT_MEMORY;

    if (!options->argv || !options->argv[0])
        return vt_error_create(VT_ERROR_ARGUMENT, "no program to run was given");
    if (cpus > BOOT_CPUS_MAX)
        return vt_error_create(VT_ERROR_ARGUMENT, "%u CPUs are too many: 1 to %u can be", cpus,
                               BOOT_CPUS_MAX);
    if (memory < LEAST_MEMORY)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "%lu KiB of memory are too little: at least %llu MiB are needed",
                               (unsigned long)(memory >> 10), LEAST_MEMORY >> 20);
    if (options->icount && cpus != 1)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "counting instructions (icount) works with one CPU only");
    if (options->icount && options->accel == VT_ACCEL_KVM)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "counting instructions (icount) works with QEMU only");
    if (options->cwd && options->cwd[0] != '/')
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "the working directory '%s' is not an absolute path", options->cwd);
    unsigned ring = options->trace_ring_records;
    if (ring && ((ring & (ring - 1)) || ring < 64 || ring > 1u << 20))
        return vt_error_create(
            VT_ERROR_ARGUMENT,
            "a trace ring of %u records cannot be: a power of two from 64 to 1048576", ring);
    *config = (struct machine_config){
        .accel = options->accel, .cpus = cpus, .icount = options->icount, .diagnostics_fd = -1};
    *ret_memory = (memory + (2u << 20) - 1) & ~(uint64_t)((2u << 20) - 1);
    return NULL;
}

struct vt_error *session_choose_backend(struct vt_machine *machine)
{
    struct machine_config *config = &machine->config;
    const struct vt_host *host = &machine->host;
    struct vt_error *error = vt_host_probe(false, &machine->host);

    if (error)
        return error;
    if (config->accel == VT_ACCEL_AUTO)
        config->accel = config->icount ? VT_ACCEL_QEMU : host->chosen;
    if (config->accel == VT_ACCEL_KVM && !host->kvm_usable)
        return vt_error_create(VT_ERROR_BACKEND, "KVM cannot be used here: %s; try --accel qemu",
                               host->kvm_problem[0] ? host->kvm_problem : "no usable /dev/kvm");
    if (config->accel == VT_ACCEL_QEMU && !host->qemu_present)
        return vt_error_create(
            VT_ERROR_BACKEND,
            "QEMU is not installed (no qemu-system-x86_64): install the package qemu-system-x86");
    if (config->accel == VT_ACCEL_AUTO)
        return vt_error_create(VT_ERROR_BACKEND, "no way to run a machine here: %s", host->reason);
    return NULL;
}

struct vt_error *session_kernel_path(const struct vt_options *options, char **ret)
{
    const char *named = options->kernel ? options->kernel : getenv("VITRINE_KERNEL");

    if (!named || !*named)
        return places_find(PLACES_KERNEL, ret);
    *ret = strdup(named);
    return *ret ? NULL : vt_error_create(VT_ERROR_MEMORY, "out of memory for the kernel's path");
}

static struct vt_error *load_kernel(struct vt_machine *machine, const struct vt_options *options)
{
    CLEANUP_FREE char *path = NULL;
    struct vt_error *error = session_kernel_path(options, &path);

    if (error)
        return error;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): path is CLEANUP_FREE */
    return machine_kernel_load(path, &machine->memory, &machine->kernel);
}

void session_make_guest(struct vt_machine *machine)
{
    struct guest_memory memory = {.base = machine->memory.base, .bytes = machine->memory.bytes};

    memcpy(memory.ram, machine->memory.ram, sizeof(memory.ram));
    guest_init(&machine->guest, &memory, machine->kernel.note.glass_phys);
    machine->guest_made = true;
    machine->guest.own = true;
    machine->guest.owner = (struct guest_owner){.kick = owner_kick,
                                                .release = owner_release,
                                                .hold = session_hold,
                                                .let_go = session_let_go,
                                                .context = machine};
    snprintf(machine->guest.kernel_path, sizeof(machine->guest.kernel_path), "%s",
             machine->kernel.path);
    snprintf(machine->guest.name, sizeof(machine->guest.name), "%s",
             machine->name ? machine->name : "");
}

static void choose_terminal(struct vt_machine *machine, const struct vt_options *options)
{
    const int fds[CHANNEL_COUNT] = {options->stdin_fd, options->stdout_fd, options->stderr_fd};
    struct terminal_use *terminal = &machine->terminal;

    *terminal = (struct terminal_use){.input_fd = -1, .window_fd = -1, .wake_fd = machine->wake_fd};
    if (!options->raw_terminal)
        return;
    for (unsigned i = 0; i < CHANNEL_COUNT && terminal->window_fd < 0; i++)
        if (fds[i] >= 0 && isatty(fds[i]))
            terminal->window_fd = fds[i];
    if (terminal->window_fd < 0)
        return;
    machine->has_terminal = true;
    /* A terminal that does not control us has no foreground that we could be in. */
    if (isatty(options->stdin_fd) && tcgetpgrp(options->stdin_fd) >= 0) {
        terminal->input_fd = options->stdin_fd;
        terminal->raw_output = boot_terminal_is_raw(options);
        machine->streams.escape_enabled = true;
    }
}

struct vt_error *session_take_name(struct vt_machine *machine, const struct vt_options *options)
{
    if (options->core_file && !(machine->core_file = strdup(options->core_file)))
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the core file's name");
    if (!options->name)
        return NULL;
    machine->name = strdup(options->name);
    return machine->name ? control_socket_create(machine->name, &machine->control)
                         : vt_error_create(VT_ERROR_MEMORY, "out of memory for the machine's name");
}

struct vt_error *session_make_machine(struct vt_machine *machine, const struct vt_options *options)
{
    int fds[CHANNEL_COUNT] = {options->stdin_fd, options->stdout_fd, options->stderr_fd};

    streams_init(&machine->streams, &machine->guest, fds);
    choose_terminal(machine, options);
    machine->events =
        (struct machine_events){.doorbell = on_doorbell, .failed = on_failed, .context = machine};
    struct vt_error *error = machine_create(&machine->config, &machine->memory, &machine->kernel,
                                            machine->boot, &machine->events, &machine->machine);
    if (!error)
        machine->told = *machine->boot;
    return error;
}

static struct vt_error *build(struct vt_machine *machine, const struct vt_options *options)
{
    CLEANUP_FREE char *programs = NULL;
    const char *const *environment = options->envp ? options->envp : boot_default_environment();
    uint64_t memory_bytes = 0;
    struct vt_error *error = check_options(options, &machine->config, &memory_bytes);

    if (!error)
        error = session_choose_backend(machine);
    if (!error && !options->rootfs)
        error = places_find(PLACES_PROGRAMS, &programs);
    if (!error)
        error = image_open(options->rootfs, programs, &machine->image);
    if (!error)
        error = program_find(options->argv[0], environment, options->cwd ? options->cwd : "/",
                             &machine->image, &machine->program);
    if (!error)
        error = session_take_name(machine, options);
    if (!error)
        error = machine_memory_init(&machine->memory, memory_bytes);
    if (!error)
        error = load_kernel(machine, options);
    if (error)
        return error;
    session_make_guest(machine);
    machine->held_at_start = options->hold_at_start;
    machine->guest.lossless = options->trace && options->trace_lossless;
    error = boot_page_fill(options, machine->config.cpus, &machine->image, &machine->program,
                           &machine->kernel, &machine->memory, &machine->boot);
    return error ? error : session_make_machine(machine, options);
}

struct vt_error *session_new(struct vt_machine **ret)
{
    struct vt_machine *machine = calloc(1, sizeof(*machine));
    if (!machine)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a machine");
    machine->image.fd = -1;
    machine->program.host_fd = -1;
    machine->memory.fd = -1;
    pthread_mutex_init(&machine->hold_lock, NULL);
    pthread_mutex_init(&machine->lock, NULL);
    pthread_cond_init(&machine->end, NULL);
    machine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (machine->wake_fd < 0) {
        struct vt_error *error = vt_error_system(errno, "cannot make an event descriptor");

        vt_machine_destroy(machine);
        return error;
    }
    *ret = machine;
    return NULL;
}

struct vt_error *vt_machine_create(const struct vt_options *options, struct vt_machine **ret)
{
    struct vt_machine *machine;
    struct vt_options taken;
    struct vt_error *error = options_take(options, &taken);

    if (!error)
        error = session_new(&machine);
    if (error)
        return error;
    error = build(machine, &taken);
    if (error) {
        vt_machine_destroy(machine);
        return error;
    }
    *ret = machine;
    return NULL;
}

struct vt_error *vt_machine_start(struct vt_machine *machine)
{
    struct vt_error *error = NULL;

    if (machine->pump_runs)
        return vt_error_create(VT_ERROR_BUSY, "the machine has been started already");
    if (machine->control)
        error = control_socket_serve(machine->control, machine);
    if (!error && machine->has_terminal) {
        error = terminal_enter(&machine->terminal);
        machine->has_terminal = !error;
    }
    if (!error)
        error = machine_start(machine->machine);
    if (!error && machine->since_ready)
        GUEST_STORE(&machine->guest.ready_ns, clock_monotonic_ns() - machine->since_ready -
                                                  machine_outside_ns(machine->machine));
    /* What was on its way to the guest when it was saved: it looks at everything once. */
    if (!error && machine->restored)
        machine_kick(machine->machine);
    if (!error) {
        int failed = pthread_create(&machine->pump, NULL, session_pump, machine);

        if (failed)
            error = vt_error_system(failed, "cannot start the machine's thread");
        machine->pump_runs = !failed;
    }
    if (error && machine->has_terminal)
        terminal_leave();
    if (error)
        guest_note_end(&machine->guest); /* whoever waits for the kernel must not wait for ever */
    return error;
}

struct vt_error *vt_machine_wait(struct vt_machine *machine, int timeout_ms, struct vt_outcome *ret)
{
    struct timespec deadline = clock_deadline(timeout_ms > 0 ? (unsigned)timeout_ms : 0);
    int result = 0;

    if (!machine->pump_runs)
        return vt_error_create(VT_ERROR_ARGUMENT, "the machine was not started");
    pthread_mutex_lock(&machine->lock);
    while (!machine->ended && result != ETIMEDOUT) {
        if (timeout_ms < 0)
            pthread_cond_wait(&machine->end, &machine->lock);
        else
            result = clock_wait(&machine->end, &machine->lock, &deadline);
    }
    bool ended = machine->ended;
    if (ended)
        *ret = machine->outcome;
    pthread_mutex_unlock(&machine->lock);
    return ended ? NULL
                 : vt_error_create(VT_ERROR_TIMEOUT, "the machine still runs after %d ms",
                                   timeout_ms);
}

void vt_machine_kill(struct vt_machine *machine)
{
    GUEST_STORE(&machine->kill_requested, true);
    session_wake(machine);
}

void vt_machine_destroy(struct vt_machine *machine)
{
    if (!machine)
        return;
    if (machine->pump_runs) {
        vt_machine_kill(machine);
        pthread_join(machine->pump, NULL);
    } else {
        streams_deinit(&machine->streams);
    }
    control_socket_destroy(machine->control);
    gdb_server_destroy(machine->gdb);
    if (machine->machine)
        machine_destroy(machine->machine);
    if (machine->guest_made)
        guest_deinit(&machine->guest);
    machine_kernel_deinit(&machine->kernel);
    if (machine->memory.base)
        machine_memory_deinit(&machine->memory);
    program_deinit(&machine->program);
    image_close(&machine->image);
    if (machine->wake_fd >= 0)
        close(machine->wake_fd);
    pthread_cond_destroy(&machine->end);
    pthread_mutex_destroy(&machine->lock);
    free(machine->report);
    free(machine->core_note);
    free(machine->core_file);
    free(machine->name);
    free(machine);
}

/* ---- questions ---- */

const char *vt_machine_report(const struct vt_machine *machine)
{
    return machine->report ? machine->report : "";
}

char *vt_machine_log(const struct vt_machine *machine)
{
    return guest_log_text((struct vt_guest *)&machine->guest);
}

enum vt_accel vt_machine_accel(const struct vt_machine *machine)
{
    return machine->config.accel;
}

struct vt_guest *vt_machine_guest(struct vt_machine *machine)
{
    return &machine->guest;
}

size_t vt_machine_exit_counts(const struct vt_machine *machine, unsigned cpu,
                              struct vt_exit_count *counts, size_t room)
{
    struct machine_cpu_stats stats;
    size_t count = 0;

    if (cpu >= machine->config.cpus || !machine_stats(machine->machine, cpu, &stats))
        return 0;
    for (unsigned kind = 0; kind < MACHINE_EXIT_KINDS && count < room; kind++) {
        counts[count].name = machine_exit_kind_name((enum machine_exit_kind)kind);
        counts[count++].count = stats.exits[kind];
    }
    return count;
}

size_t vt_machine_doorbell_counts(const struct vt_machine *machine, struct vt_exit_count *counts,
                                  size_t room)
{
    static const struct {
        uint8_t code;
        const char *name;
    } codes[] = {
        {HYPERCALL_READY, "ready"},         {HYPERCALL_OUTPUT, "output"},
        {HYPERCALL_INPUT, "input"},         {HYPERCALL_LOG, "log"},
        {HYPERCALL_TRACE, "trace"},         {HYPERCALL_STOPPED, "stopped"},
        {HYPERCALL_PARKED, "parked"},       {HYPERCALL_MAILBOX, "mailbox"},
        {HYPERCALL_START_CPU, "start-cpu"}, {HYPERCALL_PANIC, "panic"},
        {HYPERCALL_DONE, "done"},
    };
    size_t count = 0;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]) && count < room; i++) {
        counts[count].name = codes[i].name;
        counts[count++].count =
            __atomic_load_n(&machine->doorbells[codes[i].code], __ATOMIC_RELAXED);
    }
    return count;
}
