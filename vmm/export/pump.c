/*
 * vmm/export/pump.c - from a trace reader to sinks, and the public export function.
 */
#include "vmm/export/sink.h"

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
        if (code == VT_ERROR_TIMEOUT || code == VT_ERROR_GONE) {
            vt_error_destroy(error);
            error = NULL;
        }
        if (code != VT_ERROR_TIMEOUT)
            break;
    }
    for (size_t i = 0; i < count && !error; i++)
        error = sinks[i]->finish(sinks[i], trace);
    return error;
}

struct vt_error *vt_trace_export(struct vt_trace *trace, enum vt_export format, int fd)
{
    struct trace_sink *sink;
    struct vt_guest *guest = vt_trace_guest(trace);
    struct vt_error *error = format == VT_EXPORT_FTRACE ? ftrace_sink_create(guest, fd, &sink)
                                                        : chrome_json_sink_create(guest, fd, &sink);

    if (error)
        return error;
    error = trace_pump(trace, &sink, 1, NULL);
    sink->destroy(sink);
    return error;
}
