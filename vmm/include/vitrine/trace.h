/*
 * vitrine/trace.h - the events that a guest records, in time order over all CPUs.
 */
#ifndef VITRINE_TRACE_H
#define VITRINE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/glass.h"
#include "shared/trace.h"
#include "version.h"

VITRINE_BEGIN

struct vt_trace;
/* A reader that starts at the oldest record still there (from_now = only new ones). */
struct vt_error *vt_trace_open(struct vt_guest *guest, bool from_now, struct vt_trace **ret);
void vt_trace_close(struct vt_trace *trace);
struct vt_guest *vt_trace_guest(const struct vt_trace *trace);
/* Which events the guest records (mask over enum trace_type). Own machine only. */
struct vt_error *vt_guest_trace_types(struct vt_guest *guest, uint64_t types);
/* Asks the owner of an attached machine to record these events as well. */
struct vt_error *vt_guest_ask_trace(struct vt_guest *guest, uint64_t types);
/* The next record in time order over all CPUs. VT_ERROR_TIMEOUT; VT_ERROR_GONE after the last one
 * of an ended machine. */
struct vt_error *vt_trace_next(struct vt_trace *trace, int timeout_ms, struct trace_record *ret);
uint64_t vt_trace_lost(const struct vt_trace *trace); /* NULL: 0 */
/* comm of a task as of the last record returned; "?" if never seen. */
const char *vt_trace_comm(const struct vt_trace *trace, int32_t tid);
/* Waits for a record that matches the filter (skip is honoured), from the reader's place on. */
struct vt_error *vt_trace_wait(struct vt_trace *trace, const struct glass_filter *filter,
                               int timeout_ms, struct trace_record *ret);

const char *vt_switch_reason_name(enum switch_reason reason);
const char *vt_trace_type_name(enum trace_type type);

VITRINE_END

#endif
