/*
 * vmm/cli/collector.c - following a run's trace.
 */
#include <pthread.h>
#include <stdlib.h>

#include "vmm/cli/collector.h"
#include "vmm/export/summary.h"
#include "vmm/export/trace_file.h"

struct collector {
    struct vt_guest *guest;
    struct trace_sink *sinks[3 + COLLECTOR_FILES_MAX]; /* the summary first */
    size_t sink_count;
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
    } else {
        if (vt_error_code(error) == VT_ERROR_GONE) {
            vt_error_destroy(error); /* the run's own outcome says more */
            error = NULL;
        }
        /* Files of a run without a trace are whole all the same. */
        struct vt_error *unwritten = trace_finish(NULL, collector->sinks, collector->sink_count);
        if (error)
            vt_error_destroy(unwritten);
        else
            error = unwritten;
    }
    collector->error = error;
    return NULL;
}

struct vt_error *collector_start(struct vt_guest *guest, const char *const *trace_files,
                                 struct audit_run *audit, struct trace_sink *extra,
                                 struct collector **ret)
{
    struct collector *collector = calloc(1, sizeof(*collector));
    struct vt_error *error;

    if (!collector) {
        if (extra)
            extra->destroy(extra);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for following the trace");
    }
    collector->guest = guest;
    error = summary_sink_create(guest, &collector->sinks[0]);
    if (!error)
        collector->sink_count = 1;
    if (extra)
        collector->sinks[collector->sink_count++] = extra;
    for (size_t i = 0; !error && i < COLLECTOR_FILES_MAX && trace_files[i]; i++) {
        error = trace_file_create(guest, trace_files[i], &collector->sinks[collector->sink_count]);
        if (!error)
            collector->sink_count++;
    }
    if (!error && audit) {
        error = audit_run_sink_create(audit, &collector->sinks[collector->sink_count]);
        if (!error)
            collector->sink_count++;
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
    free(collector);
}
