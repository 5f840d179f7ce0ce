/* vmm/cli/audit_run.c - see audit_run.h. */
#include "vmm/cli/audit_run.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "vmm/base/clock.h"

#define PROGRAM_PID 2 /* the user's program (docs/model.md) */

#define EVENTS                                                                                     \
    (1ull << TRACE_SWITCH | 1ull << TRACE_WAKEUP | 1ull << TRACE_FORK | 1ull << TRACE_EXEC |       \
     1ull << TRACE_EXIT | 1ull << TRACE_REAP | 1ull << TRACE_SIGNAL | 1ull << TRACE_FAULT |        \
     1ull << TRACE_MIGRATE | 1ull << TRACE_STOP_TASK | 1ull << TRACE_RENUMBER)

struct audit_run {
    struct vt_guest *guest;
    uint32_t every;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock; /* making the audit */
    struct vt_audit *audit;
    struct vt_error *error;
};

struct audit_sink {
    struct trace_sink sink;
    struct audit_run *run;
};

/* Whoever needs it first makes it: the kernel is up by then. */
static struct vt_audit *audit_of(struct audit_run *run)
{
    pthread_mutex_lock(&run->lock);
    if (!run->audit && !run->error)
        run->error = vt_audit_create(run->guest, NULL, &run->audit);
    pthread_mutex_unlock(&run->lock);
    return run->audit;
}

/* At every so many-th event, and at the end of the program, while everything is still there. */
static struct vt_error *set_filters(struct audit_run *run, int *ret_events)
{
    struct glass_filter end = {.types = 1ull << TRACE_EXIT, .tgid = PROGRAM_PID};
    struct glass_filter filter = {.types = EVENTS, .skip = run->every ? run->every - 1 : 0};
    int index;

    end.arg_mask = 1u << 1;
    end.arg_and[1] = end.arg_value[1] = 1;
    *ret_events = -1;
    struct vt_error *error = vt_guest_stop_on(run->guest, &end, &index);
    if (!error && run->every)
        error = vt_guest_stop_on(run->guest, &filter, ret_events);
    return error;
}

/* The guest counts `skip` down to nothing: it is set anew for the next one. */
static struct vt_error *set_next(struct audit_run *run, int *events)
{
    struct glass_filter filter = {.types = EVENTS, .skip = run->every - 1};

    if (run->every < 2)
        return NULL;
    struct vt_error *error = vt_guest_stop_off(run->guest, *events);
    return error ? error : vt_guest_stop_on(run->guest, &filter, events);
}

static struct vt_error *follow(struct audit_run *run)
{
    const struct timespec moment = {0, 1000000};
    struct vt_stop stop;
    int events = -1;
    struct vt_error *error = vt_guest_ready(run->guest, -1);
    struct vt_audit *audit = error ? NULL : audit_of(run);

    if (!audit)
        return error;
    error = vt_guest_wait_stop(run->guest, -1, &stop); /* held at the start */
    if (!error)
        error = vt_audit_check(audit, NULL);
    if (!error)
        error = set_filters(run, &events);
    if (!error)
        error = vt_guest_resume(run->guest);
    while (!error) {
        error = vt_guest_wait_stop(run->guest, -1, &stop);
        if (error)
            break;
        if (stop.filter < 0) { /* `vitrine audit` looks: its stop, and its to resume */
            nanosleep(&moment, NULL);
            continue;
        }
        uint64_t start = clock_monotonic_ns();
        error = vt_audit_check(audit, NULL);
        if (!error && stop.filter == events)
            error = set_next(run, &events);
        vt_audit_note_stop(audit, clock_monotonic_ns() - start);
        if (!error)
            error = vt_guest_resume(run->guest);
    }
    if (error && vt_error_code(error) != VT_ERROR_GONE)
        vt_error_destroy(vt_guest_resume(run->guest)); /* the run goes on without the audit */
    return error;
}

static void *audit_thread(void *argument)
{
    struct audit_run *run = argument;
    struct vt_error *error = follow(run);

    pthread_mutex_lock(&run->lock);
    if (run->error || (error && vt_error_code(error) == VT_ERROR_GONE))
        vt_error_destroy(error); /* the run's own outcome says more */
    else
        run->error = error;
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

struct vt_error *audit_run_start(struct vt_guest *guest, uint32_t every, struct audit_run **ret)
{
    struct audit_run *run = calloc(1, sizeof(*run));

    if (!run)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for an audit");
    run->guest = guest;
    run->every = every;
    pthread_mutex_init(&run->lock, NULL);
    int failed = pthread_create(&run->thread, NULL, audit_thread, run);
    if (failed) {
        audit_run_destroy(run);
        return vt_error_system(failed, "cannot start the audit's thread");
    }
    run->runs = true;
    *ret = run;
    return NULL;
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct vt_audit *audit = audit_of(((struct audit_sink *)sink)->run);

    (void)trace;
    if (audit)
        vt_audit_feed(audit, record);
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    (void)sink;
    (void)trace;
    return NULL;
}

static void destroy(struct trace_sink *sink)
{
    free(sink);
}

struct vt_error *audit_run_sink_create(struct audit_run *run, struct trace_sink **ret)
{
    struct audit_sink *sink = calloc(1, sizeof(*sink));

    if (!sink)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for an audit");
    sink->sink = (struct trace_sink){.take = take, .finish = finish, .destroy = destroy};
    sink->run = run;
    *ret = &sink->sink;
    return NULL;
}

struct vt_error *audit_run_finish(struct audit_run *run, struct vt_audit **ret)
{
    if (run->runs)
        pthread_join(run->thread, NULL);
    run->runs = false;
    struct vt_error *error = run->error;
    run->error = NULL;
    *ret = run->audit;
    return error;
}

void audit_run_destroy(struct audit_run *run)
{
    struct vt_audit *audit;

    if (!run)
        return;
    vt_error_destroy(audit_run_finish(run, &audit));
    vt_audit_destroy(run->audit);
    pthread_mutex_destroy(&run->lock);
    free(run);
}

void audit_last_look(struct vt_guest *guest, struct vt_audit **ret)
{
    const struct vt_violation *violations;
    struct vt_error *error = vt_audit_create(guest, NULL, ret);

    if (error) {
        vt_error_destroy(error);
        *ret = NULL;
        return;
    }
    vt_error_destroy(vt_audit_check(*ret, NULL));
    if (vt_audit_violations(*ret, &violations))
        return;
    vt_audit_destroy(*ret);
    *ret = NULL;
}
