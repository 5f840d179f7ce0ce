/*
 * vmm/cli/collector.c - following a run's trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/cli/collector.h"
#include "vmm/export/summary.h"

struct collector {
    struct vt_guest *guest;
    struct trace_sink *sinks[2];
    size_t sink_count;
    int file;
    pthread_t thread;
    bool runs;
    struct vt_error *error;
};

static void *collect(void *argument)
{
    struct collector *collector = argument;
    struct vt_trace *trace;
    struct vt_error *error = vt_guest_ready(collector->guest, -1);

    if (!error)
        error = vt_trace_open(collector->guest, false, &trace);
    if (!error) {
        error = trace_pump(trace, collector->sinks, collector->sink_count, NULL);
        vt_trace_close(trace);
    } else if (vt_error_code(error) == VT_ERROR_GONE) {
        vt_error_destroy(error); /* the run's own outcome says more */
        error = NULL;
    }
    collector->error = error;
    return NULL;
}

struct vt_error *collector_start(struct vt_guest *guest, const char *trace_file, bool trace_json,
                                 struct collector **ret)
{
    struct collector *collector = calloc(1, sizeof(*collector));
    struct vt_error *error;

    if (!collector)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for following the trace");
    collector->guest = guest;
    collector->file = -1;
    error = summary_sink_create(guest, &collector->sinks[0]);
    if (!error)
        collector->sink_count = 1;
    if (!error && trace_file) {
        collector->file = open(trace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (collector->file < 0)
            error = vt_error_system(errno, "cannot write the trace to '%s'", trace_file);
        else if (trace_json)
            error = chrome_json_sink_create(guest, collector->file, &collector->sinks[1]);
        else
            error = ftrace_sink_create(guest, collector->file, &collector->sinks[1]);
        if (!error)
            collector->sink_count = 2;
    }
    if (!error) {
        int failed = pthread_create(&collector->thread, NULL, collect, collector);

        if (failed)
            error = vt_error_system(failed, "cannot start the thread that follows the trace");
        collector->runs = !failed;
    }
    if (error) {
        collector_destroy(collector);
        return error;
    }
    *ret = collector;
    return NULL;
}

struct vt_error *collector_finish(struct collector *collector)
{
    if (collector->runs)
        pthread_join(collector->thread, NULL);
    collector->runs = false;
    struct vt_error *error = collector->error;
    collector->error = NULL;
    return error;
}

const struct trace_sink *collector_summary(const struct collector *collector)
{
    return collector->sinks[0];
}

void collector_destroy(struct collector *collector)
{
    if (!collector)
        return;
    vt_error_destroy(collector_finish(collector));
    for (size_t i = 0; i < collector->sink_count; i++)
        collector->sinks[i]->destroy(collector->sinks[i]);
    if (collector->file >= 0)
        close(collector->file);
    free(collector);
}
