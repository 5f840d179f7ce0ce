/*
 * vmm/export/ftrace_event.h - a trace record as an event of Linux's ftrace: one table of event
 * formats, from which the text, the trace-cmd file and the Perfetto file are all written.
 *
 * Source: the TRACE_EVENT definitions of Linux 6.1 (include/trace/events/) as
 * /sys/kernel/tracing/events/ shows them. What Linux has no event for is in the system "vitrine".
 */
#ifndef VITRINE_EXPORT_FTRACE_EVENT_H
#define VITRINE_EXPORT_FTRACE_EVENT_H

#include <stdio.h>

#include "vmm/include/vitrine.h"

#define FTRACE_FIELDS_MAX    8
#define FTRACE_COMM_BYTES    16
#define FTRACE_ARGUMENTS     6
#define FTRACE_IRQS_OFF      0x01 /* common_flags: records are written with interrupts off */
#define FTRACE_PREEMPT_COUNT 1

enum ftrace_field_kind {
    FTRACE_NO_FIELD = 0,
    FTRACE_INT,       /* int, %d */
    FTRACE_SHORT,     /* short, %d */
    FTRACE_CPU,       /* int, %03d */
    FTRACE_LONG,      /* long, %ld */
    FTRACE_HEX,       /* unsigned long, %lx */
    FTRACE_ADDRESS,   /* unsigned long, 0x%lx */
    FTRACE_COMM,      /* char[16], %s */
    FTRACE_STRING,    /* a string of any length, %s; here at most 15 characters */
    FTRACE_STATE,     /* long: Linux's state bits, shown as letters */
    FTRACE_SIX_WORDS, /* unsigned long[6], (%lx, ...) */
};

struct ftrace_field {
    const char *before; /* text in front of the value */
    const char *name;
    enum ftrace_field_kind kind;
};

struct ftrace_format {
    const char *system, *name;
    struct ftrace_field fields[FTRACE_FIELDS_MAX]; /* ends before the first FTRACE_NO_FIELD */
};

enum ftrace_event_kind {
    FTRACE_SCHED_SWITCH,
    FTRACE_SCHED_WAKEUP,
    FTRACE_SCHED_PROCESS_FORK,
    FTRACE_SCHED_PROCESS_EXEC,
    FTRACE_SCHED_PROCESS_EXIT,
    FTRACE_SCHED_PROCESS_FREE,
    FTRACE_SCHED_MIGRATE_TASK,
    FTRACE_SIGNAL_GENERATE,
    FTRACE_SIGNAL_DELIVER,
    FTRACE_PAGE_FAULT_USER,
    FTRACE_SYS_ENTER,
    FTRACE_SYS_EXIT,
    FTRACE_TASK_RENAME,
    FTRACE_VITRINE_SYSCALL_UNKNOWN,
    FTRACE_VITRINE_MARK,
    FTRACE_VITRINE_EXCEPTION,
    FTRACE_VITRINE_STOP_TASK,
    FTRACE_WRITTEN, /* those above are what a record becomes */
    /* What Linux records besides and Perfetto builds its tables from; made by its exporter. */
    FTRACE_SCHED_WAKING = FTRACE_WRITTEN,
    FTRACE_TASK_NEWTASK,
    FTRACE_EVENT_KINDS
};

extern const struct ftrace_format ftrace_formats[FTRACE_EVENT_KINDS];

/* Which member is used follows from the field's kind. */
struct ftrace_value {
    int64_t number;                   /* all numbers; FTRACE_STATE: the bits */
    uint64_t words[FTRACE_ARGUMENTS]; /* FTRACE_SIX_WORDS */
    char text[FTRACE_COMM_BYTES];     /* FTRACE_COMM, FTRACE_STRING; terminated */
};

struct ftrace_event {
    enum ftrace_event_kind kind;
    struct ftrace_value values[FTRACE_FIELDS_MAX]; /* one for each field of the format */
};

/* The record as an event. Names are those that the reader knows after it returned the record. */
void ftrace_event_make(const struct vt_trace *trace, const struct trace_record *record,
                       struct ftrace_event *ret);

/* "sched_switch: prev_comm=sh prev_pid=3 ..." without a newline. */
void ftrace_event_write(FILE *out, const struct ftrace_event *event);

/* Linux's bits of a task's state and their letters; FTRACE_STATE_PREEMPTED shows as "+". */
struct ftrace_state_bit {
    unsigned bit;
    char letter;
};
#define FTRACE_STATE_BITS      8
#define FTRACE_STATE_MASK      0xffu
#define FTRACE_STATE_PREEMPTED 0x100u
extern const struct ftrace_state_bit ftrace_state_bits[FTRACE_STATE_BITS];

#endif
