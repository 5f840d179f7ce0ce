/*
 * tests/integration/events.c - collecting a trace to its end.
 */
#include "tests/integration/events.h"

#include <pthread.h>
#include <stdlib.h>

/* One log at a time per test process. */
static struct {
    pthread_t thread;
    struct vt_trace *trace;
    struct event_log *log;
    struct vt_error *problem;
    int timeout_ms;
    bool running;
} collector;

static void *collect(void *unused)
{
    struct event_log *log = collector.log;
    size_t room = 0;
    struct trace_record record;
    struct vt_error *error;

    while ((error = vt_trace_next(collector.trace, collector.timeout_ms, &record)) == NULL) {
        if (log->count == room) {
            room = room == 0 ? 65536 : room * 2;
            log->records = realloc(log->records, room * sizeof *log->records);
        }
        log->records[log->count++] = record;
    }
    if (vt_error_code(error) == VT_ERROR_GONE)
        vt_error_destroy(error);
    else
        collector.problem = error;
    log->lost = vt_trace_lost(collector.trace);
    return unused;
}

void events_collect(struct session *session, struct event_log *log)
{
    *log = (struct event_log){0};
    log->guest = session_guest(session);
    collector.log = log;
    collector.timeout_ms = session_timeout_ms(session);
    require_ok(vt_trace_open(session_guest(session), false, &collector.trace), "vt_trace_open");
    cr_assert(pthread_create(&collector.thread, NULL, collect, NULL) == 0);
    collector.running = true;
}

void events_finish(struct event_log *log)
{
    cr_assert(collector.running);
    pthread_join(collector.thread, NULL);
    collector.running = false;
    vt_trace_close(collector.trace);
    require_ok(collector.problem, "reading the trace");
    cr_assert(log->count > 0, "the trace is empty");
    cr_assert(log->lost == 0, "%llu trace records were lost", (unsigned long long)log->lost);
}

void events_free(struct event_log *log)
{
    free(log->records);
    *log = (struct event_log){0};
}

const struct trace_record *events_next(const struct event_log *log, size_t *position,
                                       enum trace_type type, int32_t tid)
{
    for (; *position < log->count; (*position)++) {
        const struct trace_record *record = &log->records[*position];

        if (record->type == type && (tid == 0 || record->tid == tid)) {
            (*position)++;
            return record;
        }
    }
    return NULL;
}

size_t events_count(const struct event_log *log, enum trace_type type)
{
    size_t count = 0, position = 0;

    while (events_next(log, &position, type, 0) != NULL)
        count++;
    return count;
}
