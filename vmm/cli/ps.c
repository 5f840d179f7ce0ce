/*
 * vmm/cli/ps.c - `vitrine ps`: one line per task, kernel threads and idle tasks included.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"
#include "vmm/cli/task_json.h"
#include "vmm/export/summary.h"

static const char *policy_name(uint32_t policy)
{
    static const char *const names[] = {"other", "fifo", "rr", "batch", "?", "idle", "deadline"};

    return policy < sizeof(names) / sizeof(names[0]) ? names[policy] : "?";
}

static const char *activity(const struct vt_task *task)
{
    if (task->held == HELD_PARKED)
        return "release (held)";
    if (task->state == TASK_BLOCKED || task->state == TASK_BLOCKED_HARD)
        return vt_wait_kind_name(task->wait_kind);
    return "";
}

static void print_table(const struct vt_task *tasks, size_t count)
{
    char user[16], system[16], comm[20];

    printf("%7s %7s %7s %7s %7s S CPU %-8s NI %9s %9s %8s %8s %-16s %s\n", "PID", "TID", "PPID",
           "PGID", "SID", "POLICY", "USER", "SYSTEM", "OWN", "FORCED", "NAME", "WAITS FOR");
    for (size_t i = 0; i < count; i++) {
        const struct vt_task *task = &tasks[i];
        bool kernel = task->kernel_thread || task->idle;

        snprintf(comm, sizeof(comm), kernel ? "[%s]" : "%s", task->comm);
        printf("%7d %7d %7d %7d %7d %c %3u %-8s %2d %9s %9s %8" PRIu64 " %8" PRIu64 " %-16s %s\n",
               task->pid, task->tid, task->ppid, task->pgid, task->sid,
               vt_task_state_letter(task->state), task->cpu, policy_name(task->policy), task->nice,
               summary_duration(task->utime_ns, user), summary_duration(task->stime_ns, system),
               task->nvcsw, task->nivcsw, comm, activity(task));
    }
}

json_t *task_json(const struct vt_task *task)
{
    return json_pack("{s:i,s:i,s:i,s:i,s:i,s:s,s:s,s:i,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:o,s:b,"
                     "s:b,s:I,s:I,s:b,s:I}",
                     "pid", task->pid, "tid", task->tid, "ppid", task->ppid, "pgid", task->pgid,
                     "sid", task->sid, "state", vt_task_state_name(task->state), "comm", task->comm,
                     "cpu", (int)task->cpu, "policy", (int)task->policy, "nice", task->nice,
                     "utime_ns", (json_int_t)task->utime_ns, "stime_ns", (json_int_t)task->stime_ns,
                     "nvcsw", (json_int_t)task->nvcsw, "nivcsw", (json_int_t)task->nivcsw,
                     "min_faults", (json_int_t)task->min_faults, "start_ns",
                     (json_int_t)task->start_ns, "wait", vt_wait_kind_name(task->wait_kind),
                     "wait_object", json_word(task->wait_object), "kernel_thread",
                     task->kernel_thread, "idle", task->idle, "id", (json_int_t)task->id,
                     "process_id", (json_int_t)task->process_id, "held", task->held != HELD_NO,
                     "run_delay_ns", (json_int_t)task->run_delay_ns);
}

int cli_ps(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_task *tasks;
    size_t count;

    cli_parse_look(argc, argv, "List the tasks of a running machine, read from its memory.",
                   &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_tasks(guest, &tasks, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    if (options.json) {
        json_t *list = json_array();

        for (size_t i = 0; i < count; i++)
            json_array_append_new(list, task_json(&tasks[i]));
        json_print(list);
    } else {
        print_table(tasks, count);
    }
    free(tasks);
    return 0;
}
