/*
 * vmm/export/event_text.h - one event as one line for a person.
 */
#ifndef VITRINE_EXPORT_EVENT_TEXT_H
#define VITRINE_EXPORT_EVENT_TEXT_H

#include <stdio.h>

#include "vmm/include/vitrine.h"

/* "12.345678 [0] sh/1: ..." without a newline. Names are those the reader knows after it returned
 * the record. */
void event_text_write(FILE *out, struct vt_guest *guest, const struct vt_trace *trace,
                      const struct trace_record *record);

/* Why a switch happened, and on what the previous task waits: "waits for child 7", "slice over" ...
 */
void event_switch_why(const struct trace_record *record, char *text, size_t room);

/* A wait status in words: "exit 0", "signal 9 (KILL)". */
void event_status_text(uint32_t wait_status, char *text, size_t room);

/* "KILL" for 9 ...; "?" for numbers that are no signal. */
const char *event_signal_name(int signal);

/* enum trace_signal_result and enum trace_fault_result in words; "?" for others. */
const char *event_signal_result(uint64_t result);
const char *event_fault_result(uint64_t result);

/* The same event as one JSON object, without a newline. */
void event_json_write(FILE *out, struct vt_guest *guest, const struct vt_trace *trace,
                      const struct trace_record *record);

/* A string as a JSON string, quotes included; bytes outside printable ASCII become "?". */
void event_json_string(FILE *out, const char *text);

#endif
