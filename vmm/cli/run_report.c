/*
 * vmm/cli/run_report.c - statistics of a run, as text and as JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/wait.h>

#include "vmm/cli/audit_report.h"
#include "vmm/cli/run_report.h"
#include "vmm/export/summary.h"

#define COUNTS_MAX 32

static uint64_t boot_ns(const struct run_result *result, const struct vt_counters *counters)
{
    return counters->first_user_tsc
               ? vt_guest_tsc_to_ns(vt_machine_guest(result->machine), counters->first_user_tsc)
               : 0;
}

static bool any_count(const struct vt_exit_count *counts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (counts[i].count)
            return true;
    return false;
}

static void print_counts(FILE *out, const struct vt_exit_count *counts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (counts[i].count)
            fprintf(out, "  %s %" PRIu64, counts[i].name, counts[i].count);
    fputc('\n', out);
}

void run_stats_print(const struct run_result *result, FILE *out)
{
    struct vt_exit_count counts[COUNTS_MAX];
    struct vt_counters counters;
    char text[16], boot[16];

    for (unsigned cpu = 0; cpu < result->cpus; cpu++) {
        size_t count = vt_machine_exit_counts(result->machine, cpu, counts, COUNTS_MAX);

        if (!any_count(counts, count))
            continue;
        fprintf(out, "exits of CPU %u ", cpu);
        print_counts(out, counts, count);
    }
    fprintf(out, "doorbells      ");
    print_counts(out, counts, vt_machine_doorbell_counts(result->machine, counts, COUNTS_MAX));
    fprintf(out, "wall time        %s\n", summary_duration(result->wall_ns, text));
    struct vt_error *error = vt_guest_counters(vt_machine_guest(result->machine), &counters);
    if (error) {
        vt_error_destroy(error);
        return;
    }
    fprintf(out,
            "kernel           %" PRIu64 " switches, %" PRIu64 " system calls (%" PRIu64
            " unknown), %" PRIu64 " faults, %" PRIu64 " interrupts\n",
            counters.switches, counters.system_calls, counters.unknown_system_calls,
            counters.faults, counters.interrupts);
    fprintf(out,
            "memory           %" PRIu64 " frames, %" PRIu64 " free, %" PRIu64 " of the image\n"
            "objects          %u tasks, %u processes, %u address spaces\n"
            "boot             %s from kernel entry to the first user instruction\n"
            "events           %" PRIu64 " recorded, %" PRIu64 " lost\n",
            counters.frames, counters.frames_free, counters.frames_image, counters.tasks,
            counters.processes, counters.address_spaces,
            summary_duration(boot_ns(result, &counters), boot), counters.trace_records,
            counters.trace_lost);
}

static json_t *counts_json(const struct vt_exit_count *counts, size_t count)
{
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, counts[i].name, json_integer((json_int_t)counts[i].count));
    return object;
}

static json_t *processes_json(const struct process_tree *tree)
{
    json_t *list = json_array();

    for (size_t i = 0; tree && i < tree->count; i++) {
        const struct tree_process *process = &tree->processes[i];
        json_t *object = json_pack(
            "{s:i,s:i,s:s,s:I,s:I,s:I,s:I,s:i,s:b,s:b}", "pid", process->pid, "ppid",
            process->parent >= 0 ? tree->processes[process->parent].pid : 0, "comm", process->comm,
            "start_ns", (json_int_t)process->start_ns, "run_ns", (json_int_t)process->run_ns,
            "nvcsw", (json_int_t)process->voluntary, "nivcsw", (json_int_t)process->involuntary,
            "threads", (int)process->threads + 1, "ended", process->ended, "reaped",
            process->reaped);

        if (process->ended) {
            int status = (int)process->status;

            json_object_set_new(object, "end_ns", json_integer((json_int_t)process->end_ns));
            json_object_set_new(
                object, WIFSIGNALED(status) ? "signal" : "exit_status",
                json_integer(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
        }
        json_array_append_new(list, object);
    }
    return list;
}

static const char *outcome_name(const struct run_result *result)
{
    if (result->timed_out)
        return "timeout";
    switch (result->outcome.kind) {
    case VT_OUTCOME_EXITED:
        return "exited";
    case VT_OUTCOME_SIGNALED:
        return "signaled";
    case VT_OUTCOME_KILLED:
        return "killed";
    default:
        return "failed";
    }
}

struct vt_error *run_json_write(const struct run_result *result, const char *path)
{
    struct vt_exit_count counts[COUNTS_MAX];
    struct vt_counters counters = {0};
    json_t *exits = json_array();

    for (unsigned cpu = 0; cpu < result->cpus; cpu++)
        json_array_append_new(
            exits,
            counts_json(counts, vt_machine_exit_counts(result->machine, cpu, counts, COUNTS_MAX)));
    vt_error_destroy(vt_guest_counters(vt_machine_guest(result->machine), &counters));
    json_t *object =
        json_pack("{s:s,s:i,s:i,s:s,s:s,s:s,s:I,s:i,s:I,s:I,s:I}", "outcome", outcome_name(result),
                  "status", result->outcome.status, "exit_status", result->exit_status, "accel",
                  vt_accel_name(vt_machine_accel(result->machine)), "verdict",
                  vt_verdict_name(result->host->verdict), "cpu_model", result->host->cpu_model,
                  "tsc_khz", (json_int_t)result->host->tsc_khz, "cpus", (int)result->cpus,
                  "memory_bytes", (json_int_t)result->memory_bytes, "wall_ns",
                  (json_int_t)result->wall_ns, "boot_ns", (json_int_t)boot_ns(result, &counters));
    json_object_set_new(
        object, "counters",
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "switches",
                  (json_int_t)counters.switches, "system_calls", (json_int_t)counters.system_calls,
                  "unknown_system_calls", (json_int_t)counters.unknown_system_calls, "faults",
                  (json_int_t)counters.faults, "interrupts", (json_int_t)counters.interrupts,
                  "trace_records", (json_int_t)counters.trace_records, "trace_lost",
                  (json_int_t)counters.trace_lost, "frames", (json_int_t)counters.frames,
                  "frames_free", (json_int_t)counters.frames_free, "frames_image",
                  (json_int_t)counters.frames_image));
    json_object_set_new(object, "exits", exits);
    json_object_set_new(
        object, "doorbells",
        counts_json(counts, vt_machine_doorbell_counts(result->machine, counts, COUNTS_MAX)));
    json_object_set_new(object, "processes", processes_json(result->tree));
    if (result->audit)
        json_object_set_new(object, "audit", audit_report_json(result->audit));
    if (vt_machine_report(result->machine)[0])
        json_object_set_new(object, "report", json_string(vt_machine_report(result->machine)));

    int failed = object ? json_dump_file(object, path, JSON_INDENT(1) | JSON_ENSURE_ASCII) : -1;
    int error_number = errno;
    json_decref(object);
    return failed ? vt_error_system(error_number, "cannot write '%s'", path) : NULL;
}
