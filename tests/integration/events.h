/*
 * tests/integration/events.h - the whole trace of one session, and what must be true of any trace.
 *
 * A log is collected by a thread of its own from the machine's start to its end, so that a lossless
 * guest is never held up. It may be read after events_finish() only.
 */
#ifndef TESTS_INTEGRATION_EVENTS_H
#define TESTS_INTEGRATION_EVENTS_H

#include "tests/integration/harness.h"

struct event_log {
    struct vt_guest *guest;
    struct trace_record *records; /* in time order */
    size_t count;
    uint64_t lost;
};

/* Starts to collect; right after session_start(). */
void events_collect(struct session *session, struct event_log *log);
/* After session_wait(): waits for the last record. Fails the test if any was lost or the trace is
 * empty. */
void events_finish(struct event_log *log);
void events_free(struct event_log *log);

/* The next record of this type at or after *position (moved behind it), or NULL. tid 0 = any. */
const struct trace_record *events_next(const struct event_log *log, size_t *position,
                                       enum trace_type type, int32_t tid);
size_t events_count(const struct event_log *log, enum trace_type type);

/* Fields of records, by shared/trace.h. */
static inline int32_t low_half(uint64_t value)
{
    return (int32_t)(uint32_t)value;
}
static inline int32_t high_half(uint64_t value)
{
    return (int32_t)(uint32_t)(value >> 32);
}
static inline enum task_state switch_state(const struct trace_record *record)
{
    return (enum task_state)(record->arg[1] & 0xff);
}
static inline enum switch_reason switch_reason_of(const struct trace_record *record)
{
    return (enum switch_reason)(record->arg[1] >> 8 & 0xff);
}

/*
 * Gives the whole log to an audit and fails the test at the first promise that it breaks: legal
 * transitions for reasons that fit, nobody ready passed over, run times that add up, records
 * without a gap (vmm/audit). The session must still be there.
 */
void events_check_transitions(const struct event_log *log);

#endif
