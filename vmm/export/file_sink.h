/*
 * vmm/export/file_sink.h - what all sinks that write a trace file have in common.
 */
#ifndef VITRINE_EXPORT_FILE_SINK_H
#define VITRINE_EXPORT_FILE_SINK_H

#include "vmm/export/sink.h"

/* The head of such a sink; what is its own comes behind it. */
struct file_sink {
    struct trace_sink sink;
    struct vt_guest *guest; /* borrowed */
    FILE *out;              /* over a copy of the descriptor */
};

/*
 * Makes a sink of `bytes`, zeroed behind its head, which gets `calls` and a stream that writes to
 * fd (borrowed). VT_ERROR_MEMORY, or what the system says about fd.
 */
struct vt_error *file_sink_create(size_t bytes, const struct trace_sink *calls,
                                  struct vt_guest *guest, int fd, struct trace_sink **ret);

/* The destroy() of a sink that has nothing else to give back; others end theirs with it. */
void file_sink_destroy(struct trace_sink *sink);

/* The end of finish(): an error if not all that was written has reached the file. */
struct vt_error *file_sink_flush(struct file_sink *file);

#endif
