/*
 * vmm/export/sched_report.h - three reports about scheduling, after `perf sched`: how long tasks
 * waited, who ran where, and every stay on a CPU.
 */
#ifndef VITRINE_EXPORT_SCHED_REPORT_H
#define VITRINE_EXPORT_SCHED_REPORT_H

#include <stdio.h>

#include "vmm/export/sink.h"

enum sched_report {
    SCHED_REPORT_NONE = 0,
    SCHED_REPORT_LATENCY, /* one row per task, when the trace has ended */
    SCHED_REPORT_MAP,     /* one row per switch, one column per CPU */
    SCHED_REPORT_TIMEHIST /* one row per stay of a task on a CPU */
};

#define SCHED_REPORT_NAMES "latency, map or timehist"

/* "latency" ...; SCHED_REPORT_NONE for other words. */
enum sched_report sched_report_named(const char *name);

/* out: borrowed, written until finish(). json: one object instead of a table. Either says how many
 * events were lost. */
struct vt_error *sched_report_create(struct vt_guest *guest, enum sched_report kind, bool json,
                                     FILE *out, struct trace_sink **ret);

#endif
