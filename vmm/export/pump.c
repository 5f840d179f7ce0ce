/*
 * vmm/export/pump.c - from a trace reader to sinks, and the public export function.
 */
#include "vmm/export/sink.h"
#include "vmm/export/trace_file.h"

/* Of two errors the first one tells more. */
static struct vt_error *first_of(struct vt_error *first, struct vt_error *second)
{
    if (!first)
        return second;
    vt_error_destroy(second);
    return first;
}

struct vt_error *trace_finish(const struct vt_trace *trace, struct trace_sink *const *sinks,
                              size_t count)
{
    struct vt_error *error = NULL;

    for (size_t i = 0; i < count; i++)
        error = first_of(error, sinks[i]->finish(sinks[i], trace));
    return error;
}

struct vt_error *trace_pump(struct vt_trace *trace, struct trace_sink *const *sinks, size_t count,
                            const bool *stop)
{
    struct trace_record record;
    struct vt_error *error = NULL;

    while (!stop || !__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
        error = vt_trace_next(trace, 100, &record);
        if (!error) {
            for (size_t i = 0; i < count; i++)
                sinks[i]->take(sinks[i], trace, &record);
            continue;
        }
        enum vt_error_code code = vt_error_code(error);
        for (size_t i = 0; i < count && code == VT_ERROR_TIMEOUT; i++)
            if (sinks[i]->pause)
                sinks[i]->pause(sinks[i]);
        if (code == VT_ERROR_TIMEOUT || code == VT_ERROR_GONE) {
            vt_error_destroy(error);
            error = NULL;
        }
        if (code != VT_ERROR_TIMEOUT)
            break;
    }
    return first_of(error, trace_finish(trace, sinks, count));
}

struct vt_error *vt_trace_export(struct vt_trace *trace, enum vt_export format, int fd)
{
    struct trace_sink *sink;
    struct vt_error *error = trace_file_sink(vt_trace_guest(trace), format, fd, &sink);

    if (error)
        return error;
    error = trace_pump(trace, &sink, 1, NULL);
    sink->destroy(sink);
    return error;
}
