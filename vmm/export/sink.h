/*
 * vmm/export/sink.h - something that takes trace records in time order.
 *
 * A sink embeds struct trace_sink as its first member. take() sees each record once, after the
 * reader has learned from it; finish() is called once, when no more come (with trace == NULL if the
 * machine ended before there was any trace), and makes the output complete; destroy() frees it. One
 * thread.
 */
#ifndef VITRINE_EXPORT_SINK_H
#define VITRINE_EXPORT_SINK_H

#include <stdio.h>

#include "vmm/include/vitrine.h"

struct trace_sink {
    void (*take)(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record);
    struct vt_error *(*finish)(struct trace_sink *sink, const struct vt_trace *trace);
    void (*destroy)(struct trace_sink *sink);
    /* NULL, or: no record came for a moment, so what was written should be seen. */
    void (*pause)(struct trace_sink *sink);
};

/* fd: borrowed; written through a buffer until finish(), from front to back. */
struct vt_error *ftrace_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret);
struct vt_error *chrome_json_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret);
struct vt_error *trace_cmd_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret);
struct vt_error *perfetto_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret);
struct vt_error *timeline_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret);

/* Reads until the machine ends (or *stop, if given, becomes true), gives every record to every sink
 * and finishes them all. The first error. */
struct vt_error *trace_pump(struct vt_trace *trace, struct trace_sink *const *sinks, size_t count,
                            const bool *stop);

/* Finishes them all; trace may be NULL. The first error. trace_pump() does it itself. */
struct vt_error *trace_finish(const struct vt_trace *trace, struct trace_sink *const *sinks,
                              size_t count);

#endif
