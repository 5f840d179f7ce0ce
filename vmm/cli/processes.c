/*
 * vmm/cli/processes.c - `vitrine processes`: processes as objects: who they are for ever (GUID),
 * whose they are, how far they have come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

/* As in setrlimit(2), without RLIMIT_. */
static const char *const limit_names[RLIMIT_COUNT] = {
    "cpu",     "fsize", "data",  "stack",      "core",     "rss",  "nproc",  "nofile",
    "memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};

static void guid_text(const uint8_t guid[16], char text[37])
{
    char *at = text;

    for (unsigned i = 0; i < 16; i++)
        at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", guid[i]);
}

static const char *state(const struct vt_process *process)
{
    return process->zombie    ? "zombie"
           : process->exiting ? "exiting"
           : process->stopped ? "stopped"
                              : "alive";
}

static void print(const struct vt_process *process)
{
    char guid[37];

    guid_text(process->guid, guid);
    printf("%7d %7d %7d %7d %7zu %8zu %-8s %-36s %s\n", process->pid, process->ppid, process->group,
           process->session, process->thread_count, process->child_count, state(process), guid,
           process->comm);
}

static json_t *numbers_json(const int32_t *numbers, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(numbers[i]));
    return list;
}

static json_t *limit_json(uint64_t value)
{
    return value == UINT64_MAX ? json_null() : json_word(value);
}

static json_t *process_json(const struct vt_process *process)
{
    json_t *limits = json_object();
    char guid[37];

    guid_text(process->guid, guid);
    for (size_t i = 0; i < RLIMIT_COUNT; i++)
        json_object_set_new(limits, limit_names[i],
                            json_pack("[o,o]", limit_json(process->limits[i].soft),
                                      limit_json(process->limits[i].hard)));
    json_t *result =
        json_pack("{s:i,s:i,s:i,s:i,s:s,s:s,s:s,s:I,s:b,s:i,s:i,s:i,s:i,s:i,s:i,s:I}", "pid",
                  process->pid, "ppid", process->ppid, "pgid", process->group, "sid",
                  process->session, "comm", process->comm, "state", state(process), "guid", guid,
                  "id", (json_int_t)process->id, "subreaper", process->is_subreaper, "exit_status",
                  (int)process->exit_status, "uid", (int)process->uid, "euid", (int)process->euid,
                  "gid", (int)process->gid, "egid", (int)process->egid, "oom_score_adj",
                  process->oom_score_adj, "start_ns", (json_int_t)process->start_ns);
    json_object_set_new(result, "threads", numbers_json(process->threads, process->thread_count));
    json_object_set_new(result, "children", numbers_json(process->children, process->child_count));
    json_object_set_new(result, "limits", limits);
    return result;
}

int cli_processes(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_process *processes;
    size_t count;

    cli_parse_look(argc, argv,
                   "List the processes of a running machine as objects: the GUID that each keeps "
                   "for ever, parent, group, session, threads, children; with --json the limits, "
                   "too.",
                   &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_processes(guest, &processes, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    json_t *list = options.json ? json_array() : NULL;
    if (!list)
        printf("%7s %7s %7s %7s %7s %8s %-8s %-36s %s\n", "PID", "PPID", "PGID", "SID", "THREADS",
               "CHILDREN", "STATE", "GUID", "NAME");
    for (size_t i = 0; i < count; i++) {
        if (list)
            json_array_append_new(list, process_json(&processes[i]));
        else
            print(&processes[i]);
    }
    if (list)
        json_print(list);
    free(processes);
    return 0;
}
