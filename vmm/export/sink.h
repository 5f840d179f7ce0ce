/*
 * vmm/export/sink.h - something that takes trace records in time order.
 *
 * A sink embeds struct trace_sink as its first member. take() sees each record once, after the
 * reader has learned from it; finish() is called once, when no more come; destroy() frees it. One
 * thread.
 */
#ifndef VITRINE_EXPORT_SINK_H
#define VITRINE_EXPORT_SINK_H

#include "vmm/include/vitrine.h"

struct trace_sink {
    void (*take)(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record);
    struct vt_error *(*finish)(struct trace_sink *sink, const struct vt_trace *trace);
    void (*destroy)(struct trace_sink *sink);
};

/* fd: borrowed; written through a buffer until finish(). */
struct vt_error *ftrace_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret);
struct vt_error *chrome_json_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret);

/* Reads until the machine ends (or *stop, if given, becomes true) and gives every record to every
 * sink. */
struct vt_error *trace_pump(struct vt_trace *trace, struct trace_sink *const *sinks, size_t count,
                            const bool *stop);

#endif
