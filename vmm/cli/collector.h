/*
 * vmm/cli/collector.h - a thread that follows a machine's trace and feeds the summary and the trace
 * file.
 *
 * It runs while the machine does (a lossless kernel waits for it) and ends by itself when the
 * machine has ended.
 */
#ifndef VITRINE_CLI_COLLECTOR_H
#define VITRINE_CLI_COLLECTOR_H

#include "vmm/cli/audit_run.h"

struct collector;

#define COLLECTOR_FILES_MAX 8

/* trace_files: up to COLLECTOR_FILES_MAX, then NULL; they are created before this returns, so that
 * a bad path is an error before the run. audit: NULL, or who gets every record too. */
/* extra: one more sink, or NULL; the collector's from the call on, whatever becomes of it. */
struct vt_error *collector_start(struct vt_guest *guest, const char *const *trace_files,
                                 struct audit_run *audit, struct trace_sink *extra,
                                 struct collector **ret);
/* Waits for the end of the trace. After it the summary may be read. An error is that of writing the
 * trace. */
struct vt_error *collector_finish(struct collector *collector);
const struct trace_sink *collector_summary(const struct collector *collector);
void collector_destroy(struct collector *collector); /* NULL is fine; the machine must have ended */

#endif
