/*
 * vmm/export/trace_cmd_format.h - ftrace's events as bytes, and the descriptions by which
 * trace-cmd, KernelShark and libtraceevent find their way in them.
 */
#ifndef VITRINE_EXPORT_TRACE_CMD_FORMAT_H
#define VITRINE_EXPORT_TRACE_CMD_FORMAT_H

#include "vmm/export/ftrace_event.h"
#include "vmm/export/ring_page.h"

/* The text of events/header_page, events/header_event. */
extern const char trace_cmd_header_page[], trace_cmd_header_event[];

/* Writes the text of events/SYSTEM/NAME/format. */
void trace_cmd_describe(FILE *out, enum ftrace_event_kind kind);

/* The event as its description says; returns its length, a multiple of 4. tid: who ran. */
unsigned trace_cmd_encode(const struct ftrace_event *event, int32_t tid,
                          unsigned char ret[RING_EVENT_MAX]);

#endif
