/*
 * vmm/cli/run.c - `vitrine run`: start, follow, wait, tell.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/cli/audit_report.h"
#include "vmm/cli/cli.h"
#include "vmm/cli/collector.h"
#include "vmm/cli/run_options.h"
#include "vmm/cli/run_report.h"
#include "vmm/export/event_text.h"
#include "vmm/export/summary.h"
#include "vmm/session/watchdog.h"

#define KILL_GRACE_MS 5000

/* What a kernel records that booted with tracing on. */
#define FOLLOWED_TYPES                                                                             \
    (((1ull << TRACE_TYPES) - 1) &                                                                 \
     ~(1ull << TRACE_SYSCALL_ENTER | 1ull << TRACE_SYSCALL_EXIT |                                  \
       1ull << TRACE_SYSCALL_ARGUMENTS | 1ull << TRACE_SYSCALL_TEXT))

static unsigned cpus_of(const struct run_options *options)
{
    if (options->restore)
        return options->snapshot.cpus;
    return options->machine.cpus ? options->machine.cpus : 1;
}

static uint64_t memory_of(const struct run_options *options)
{
    if (options->restore)
        return options->snapshot.memory_bytes;
    return options->machine.memory_bytes ? options->machine.memory_bytes : 128ull << 20;
}

static void print_start(const struct vt_host *host, const struct run_options *options,
                        struct vt_machine *machine)
{
    struct summary_style style = summary_style_for(stderr);
    unsigned cpus = cpus_of(options);
    uint64_t memory = memory_of(options);
    enum vt_accel accel = vt_machine_accel(machine);

    fprintf(stderr, "%svitrine: %s%s, %u CPU%s, %lu MiB, machine '%s'",
            style.colour ? "\033[2m" : "", accel == VT_ACCEL_KVM ? "KVM" : "QEMU TCG",
            options->machine.icount || options->snapshot.icount ? " counting instructions" : "",
            cpus, cpus == 1 ? "" : "s", (unsigned long)(memory >> 20), options->machine.name);
    if (options->restore)
        fprintf(stderr, ", goes on from '%s'", options->restore);
    else if (host->reason[0] && options->machine.accel == VT_ACCEL_AUTO)
        fprintf(stderr, " (host: %s; %s)", vt_verdict_name(host->verdict), host->reason);
    else
        fprintf(stderr, " (host: %s)", vt_verdict_name(host->verdict));
    fprintf(stderr, "%s\n", style.colour ? "\033[0m" : "");
}

/* A machine that could not be made: 126 and 127 are the program's fault, as in a shell. */
static int fail_to_create(struct vt_error *error)
{
    enum vt_error_code code = vt_error_code(error);

    cli_fail(error);
    if (code == VT_ERROR_NO_PROGRAM)
        return STATUS_NOT_FOUND;
    return code == VT_ERROR_BAD_PROGRAM ? STATUS_NOT_RUNNABLE : STATUS_FAILED;
}

static void kill_machine(void *machine)
{
    vt_machine_kill(machine);
}

static int status_of(const struct run_result *result)
{
    if (result->timed_out)
        return STATUS_TIMEOUT;
    switch (result->outcome.kind) {
    case VT_OUTCOME_EXITED:
        return result->outcome.status;
    case VT_OUTCOME_SIGNALED:
        return 128 + result->outcome.status;
    case VT_OUTCOME_KILLED:
        return 128 + 9;
    default:
        return STATUS_FAILED;
    }
}

static void tell_outcome(const struct run_result *result, const struct run_options *options)
{
    const char *program = options->program;

    if (result->outcome.kind == VT_OUTCOME_FAILED)
        fprintf(stderr, "vitrine: %s", vt_machine_report(result->machine));
    if (options->quiet)
        return;
    if (result->timed_out)
        fprintf(stderr, "vitrine: '%s' still ran after %g s: killed\n", program,
                options->timeout_seconds);
    else if (result->outcome.kind == VT_OUTCOME_KILLED)
        fprintf(stderr, "vitrine: the machine was ended from outside\n");
    else if (result->outcome.kind == VT_OUTCOME_SIGNALED)
        fprintf(stderr, "vitrine: '%s' was ended by signal %d (%s)\n", program,
                result->outcome.status, event_signal_name(result->outcome.status));
    if (result->exit_status != STATUS_NOT_RUNNABLE && result->exit_status != STATUS_NOT_FOUND)
        return;
    /* The kernel may have refused the program itself: its log says why. */
    char *log = vt_machine_log(result->machine);
    if (log && *log)
        fprintf(stderr, "%s", log);
    free(log);
}

static void print_report(FILE *report)
{
    char block[4096];
    size_t got;

    rewind(report);
    while ((got = fread(block, 1, sizeof(block), report)) > 0)
        fwrite(block, 1, got, stderr);
    fclose(report);
}

/* Of a program that ended by itself: whoever was killed stands anywhere. */
static bool ended_whole(const struct run_result *result)
{
    return result->outcome.kind == VT_OUTCOME_EXITED || result->outcome.kind == VT_OUTCOME_SIGNALED;
}

static int finish(struct run_result *result, const struct run_options *options,
                  struct collector *collector, struct audit_run *audit_run)
{
    const struct vt_violation *violations;
    struct vt_error *error = collector ? collector_finish(collector) : NULL;

    result->exit_status = status_of(result);
    if (!error && audit_run)
        error = audit_run_finish(audit_run, &result->audit);
    if (options->last_look && ended_whole(result))
        audit_last_look(vt_machine_guest(result->machine), &result->audit);
    if (result->audit && vt_audit_violations(result->audit, &violations))
        result->exit_status = STATUS_FAILED;
    result->tree = collector ? summary_tree(collector_summary(collector)) : NULL;
    if (error)
        result->exit_status = cli_fail(error);
    tell_outcome(result, options);
    if (options->report_out)
        print_report(options->report_out);
    else if (collector && !options->quiet && result->outcome.kind != VT_OUTCOME_FAILED)
        summary_print(collector_summary(collector), stderr, summary_style_for(stderr));
    if (result->audit && (!options->quiet || result->exit_status == STATUS_FAILED))
        audit_report_print(result->audit, stderr, false);
    if (options->stats)
        run_stats_print(result, stderr);
    if (options->json_file) {
        error = run_json_write(result, options->json_file);
        if (error)
            result->exit_status = cli_fail(error);
    }
    return result->exit_status;
}

/* The collector with everything that the command line asks for. */
static struct vt_error *follow(struct vt_machine *machine, struct run_options *options,
                               struct audit_run *audit, struct collector **ret)
{
    struct vt_guest *guest = vt_machine_guest(machine);
    struct trace_sink *extra = NULL;
    struct vt_error *error = NULL;

    if (options->strace) {
        error = strace_sink_create(guest, options->strace_out, options->strace, &extra);
    } else if (options->report) {
        /* Its rows come while the program runs: kept apart from what that writes. */
        options->report_out = tmpfile();
        error = options->report_out ? sched_report_create(guest, options->report, false,
                                                          options->report_out, &extra)
                                    : vt_error_system(errno, "cannot keep the report");
    }
    if (!error)
        error = collector_start(guest, options->trace_files, audit, extra, ret);
    return error;
}

/* The address is told even with --quiet: without it nobody can connect. */
static struct vt_error *serve_gdb(struct vt_machine *machine, const char *where)
{
    char *address;
    struct vt_error *error = vt_machine_gdb(machine, where, &address);

    if (error)
        return error;
    fprintf(stderr, "vitrine: waiting for gdb: target remote %s\n", address);
    free(address);
    return NULL;
}

/* The looks end with the machine. */
static void finish_profile(struct profiler *profiler, const struct run_options *options)
{
    if (!profiler)
        return;
    struct vt_error *error = profiler_finish(profiler);
    profiler_write(profiler, options->profile_out, stderr);
    profiler_destroy(profiler);
    if (error)
        cli_fail(error);
}

/*
 * A machine that goes on, before and after its start: whoever saved it may have been looking at
 * nothing, or have stopped it.
 */
static struct vt_error *stop_for_audit(struct vt_machine *machine,
                                       const struct run_options *options)
{
    if (!options->restore || !options->audit || options->snapshot.stopped)
        return NULL;
    return vt_guest_stop_now(vt_machine_guest(machine)); /* the audit lets it go on */
}

static struct vt_error *go_on(struct vt_machine *machine, const struct run_options *options)
{
    struct vt_guest *guest = vt_machine_guest(machine);
    struct vt_error *error = NULL;

    if (!options->restore)
        return NULL;
    if (options->follow)
        error = vt_guest_trace_types(guest, FOLLOWED_TYPES);
    if (!error && options->snapshot.stopped && !options->audit)
        error = vt_guest_resume(guest);
    return error;
}

int cli_run(int argc, char **argv)
{
    struct run_options options;

    run_options_parse(argc, argv, &options);
    return cli_run_with(&options);
}

int cli_run_with(struct run_options *options)
{
    struct vt_host host;
    struct vt_machine *machine;
    struct collector *collector = NULL;
    struct watchdog *watchdog = NULL;
    struct audit_run *audit = NULL;
    struct profiler *profiler = NULL;

    struct vt_error *error = vt_host_probe(false, &host);
    if (error)
        return cli_fail(error);
    error = options->restore ? vt_machine_restore(options->restore, &options->machine, &machine)
                             : vt_machine_create(&options->machine, &machine);
    if (error)
        return fail_to_create(error);
    if (!options->quiet)
        print_start(&host, options, machine);
    if (options->audit)
        error = audit_run_start(vt_machine_guest(machine), options->audit_every, &audit);
    if (!error && options->follow)
        error = follow(machine, options, audit, &collector);
    if (!error)
        error = stop_for_audit(machine, options);
    uint64_t started = clock_monotonic_ns();
    if (!error)
        error = vt_machine_start(machine);
    if (!error)
        error = go_on(machine, options);
    if (!error && options->gdb)
        error = serve_gdb(machine, options->gdb);
    if (!error && options->profile)
        error = profiler_start(vt_machine_guest(machine), options->profile, &profiler);
    if (!error && options->timeout_seconds > 0)
        error = watchdog_start((uint64_t)(options->timeout_seconds * 1000), kill_machine, machine,
                               KILL_GRACE_MS, STATUS_TIMEOUT, &watchdog);
    if (error) {
        int status = cli_fail(error);

        vt_machine_kill(machine); /* lets collector, audit and profiler see an end */
        finish_profile(profiler, options);
        collector_destroy(collector);
        audit_run_destroy(audit);
        vt_machine_destroy(machine);
        return status;
    }
    struct run_result result = {
        .machine = machine,
        .host = &host,
        .cpus = cpus_of(options),
        .memory_bytes = memory_of(options),
    };

    error = vt_machine_wait(machine, -1, &result.outcome);
    result.wall_ns = clock_monotonic_ns() - started;
    result.timed_out = watchdog_stop(watchdog) && result.outcome.kind == VT_OUTCOME_KILLED;
    finish_profile(profiler, options);
    int status = error ? cli_fail(error) : finish(&result, options, collector, audit);
    collector_destroy(collector);
    if (options->last_look)
        vt_audit_destroy(result.audit); /* else it is its run's */
    audit_run_destroy(audit);
    vt_machine_destroy(machine);
    return status;
}
