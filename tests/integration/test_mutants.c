/*
 * tests/integration/test_mutants.c - does the auditor see what it claims to see? A debug kernel
 * plants one known bug at a time (shared/mutants.def); under a load that exercises everything, each
 * must be found. And a kernel without any must give nothing to report, or a finding would mean
 * nothing.
 *
 * On QEMU with two CPUs: what is proved here is the auditor, on every host the same way.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integration/harness.h"

#define SECONDS_PER_MUTANT 20 /* mostly one is enough; on a busy host some need ten */
#define STOPS              6  /* at events of one kind */

struct mutant {
    char name[32], by[24], load[12], what[120];
};

static struct mutant mutants[] = {
#define M(name, by, load, what) {#name, by, load, what},
#include "shared/mutants.def"
#undef M
};

static const struct variant variant = {VT_ACCEL_QEMU, 2};

/* ---- one audited machine ---- */

struct audited {
    struct session *session;
    struct vt_guest *guest;
    struct vt_audit *audit;
    struct vt_trace *trace;
    pthread_t feeder;
};

static void *feed(void *context)
{
    struct audited *audited = context;
    struct trace_record record;
    struct vt_error *error;

    while ((error = vt_trace_next(audited->trace, 1000, &record)) == NULL ||
           vt_error_code(error) == VT_ERROR_TIMEOUT) {
        if (error == NULL)
            vt_audit_feed(audited->audit, &record);
        vt_error_destroy(error);
    }
    vt_error_destroy(error);
    return NULL;
}

static const char *load_program(const char *load)
{
    if (strcmp(load, "wide") == 0)
        return "mutant_load";
    if (strcmp(load, "sockets") == 0)
        return "socket_load";
    if (strcmp(load, "classes") == 0)
        return "class_load";
    return strcmp(load, "objects") == 0 ? "object_load" : "audit_load";
}

static struct audited audited_start(const char *kernel, const char *options, const char *load)
{
    const char *arguments[] = {guest_program(load_program(load)),
                               strcmp(load, "wide") == 0 ? "0" : load, NULL};
    struct session_settings settings = {.arguments = arguments,
                                        .kernel = kernel,
                                        .kernel_options = options,
                                        .keep_input_open = true,
                                        .trace = true,
                                        .trace_lossless = true,
                                        .unaudited = true};
    struct audited audited = {.session = session_start(&variant, &settings)};

    audited.guest = session_guest(audited.session);
    require_ok(vt_audit_create(audited.guest, NULL, &audited.audit), "vt_audit_create");
    require_ok(vt_trace_open(audited.guest, false, &audited.trace), "vt_trace_open");
    return audited;
}

static void audited_follow(struct audited *audited)
{
    cr_assert(pthread_create(&audited->feeder, NULL, feed, audited) == 0);
}

static void audited_end(struct audited *audited)
{
    struct vt_outcome outcome;

    vt_machine_kill(session_machine(audited->session));
    vt_error_destroy(vt_machine_wait(session_machine(audited->session), 10000, &outcome));
    pthread_join(audited->feeder, NULL);
    vt_trace_close(audited->trace);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Has one of these invariants found something? NULL = any. */
static bool found(const struct audited *audited, const char *invariant)
{
    const struct vt_audit_invariant *invariants;
    size_t count = vt_audit_invariants(audited->audit, &invariants);

    for (size_t i = 0; i < count; i++)
        if (invariants[i].violations > 0 &&
            (invariant == NULL || strstr(invariant, invariants[i].name) != NULL))
            return true;
    return false;
}

/*
 * After vt_guest_stop_off() a CPU that had matched before may still stop. Once a stop of our own
 * has come, every CPU knows that the filter is gone.
 */
static struct vt_error *pass_late_stops(struct audited *audited)
{
    struct vt_error *error = vt_guest_stop_now(audited->guest);
    struct vt_stop stop = {.filter = 0};

    while (error == NULL && stop.filter >= 0) {
        error = vt_guest_wait_stop(audited->guest, harness_is_long() ? 30000 : 10000, &stop);
        if (error == NULL)
            error = vt_guest_resume(audited->guest);
    }
    return error;
}

/* Where what some invariants judge can be seen only for a moment: they have something to say when
 * the world stops there. */
static const struct moment {
    const char *invariant; /* that needs it; the last one: the lag of a task that leaves */
    uint16_t type;
    int arg; /* this argument must be `value`; -1 = any */
    uint64_t and, value;
} moments[] = {
    {"forks", TRACE_FORK, -1, 0, 0},
    {"execs", TRACE_EXEC, -1, 0, 0},
    {"fresh_pages", TRACE_FAULT, 3, UINT64_MAX, TRACE_FAULT_ZERO},
    {"run_queues", TRACE_SWITCH, 1, 0xff, TASK_BLOCKED},
};
#define MOMENTS (sizeof moments / sizeof *moments)

/* Stops inside some events of one kind, if they come: on a busy host some are rare. */
static struct vt_error *check_at(struct audited *audited, const struct moment *moment)
{
    struct glass_filter filter = vt_filter(moment->type);
    struct vt_error *error = NULL;
    struct vt_stop stop;
    int index;

    if (moment->arg >= 0) {
        filter.arg_mask = 1u << moment->arg;
        filter.arg_and[moment->arg] = moment->and;
        filter.arg_value[moment->arg] = moment->value;
    }
    error = vt_guest_stop_on(audited->guest, &filter, &index);
    for (int i = 0; i < STOPS && error == NULL; i++) {
        error = vt_guest_wait_stop(audited->guest, 3000, &stop);
        if (error != NULL && vt_error_code(error) == VT_ERROR_TIMEOUT) {
            vt_error_destroy(error);
            error = vt_guest_stop_off(audited->guest, index);
            break;
        }
        double start = now();
        if (error == NULL)
            error = vt_audit_check(audited->audit, NULL);
        if (error == NULL && i == STOPS - 1)
            error = vt_guest_stop_off(audited->guest, index);
        vt_audit_note_stop(audited->audit, (uint64_t)((now() - start) * 1e9));
        if (error == NULL)
            error = vt_guest_resume(audited->guest);
    }
    return error != NULL ? error : pass_late_stops(audited);
}

static bool judges_records(const struct audited *audited, const char *invariant)
{
    const struct vt_audit_invariant *invariants;
    size_t count = vt_audit_invariants(audited->audit, &invariants);

    for (size_t i = 0; i < count; i++)
        if (strcmp(invariants[i].name, invariant) == 0)
            return invariants[i].stream;
    return false;
}

/* Judges again and again until this invariant (NULL = any) finds something or the time is over. A
 * kernel that panicked stands still: then its memory is judged as it is. */
static void judge(struct audited *audited, const char *invariant, double seconds)
{
    double end = now() + seconds;
    const struct moment *wanted = NULL;
    bool stream = invariant != NULL && judges_records(audited, invariant);

    for (size_t i = 0; i < MOMENTS && invariant != NULL; i++)
        if (strcmp(moments[i].invariant, invariant) == 0)
            wanted = &moments[i];
    for (unsigned round = 0; now() < end && !found(audited, invariant); round++) {
        struct vt_error *error = NULL;

        /* Records are judged as they come, and a world that stands still makes their times long. */
        if (!stream || round % 32 == 31)
            error = vt_audit_check_now(audited->audit, 300, NULL);

        if (error == NULL && wanted != NULL)
            error = check_at(audited, wanted);
        else if (error == NULL && invariant == NULL && round % 4 == 3)
            error = check_at(audited, &moments[round / 4 % MOMENTS]);
        if (error == NULL) {
            const struct timespec pause = {0, 10000000}; /* lets the guest get on: not a wait */

            nanosleep(&pause, NULL);
            continue;
        }
        fprintf(stderr, "%s\n%.700s\n", vt_error_message(error),
                vt_machine_report(session_machine(audited->session)));
        vt_error_destroy(error);
        vt_error_destroy(vt_audit_check(audited->audit, NULL));
        return;
    }
}

static const char *debug_kernel(void)
{
    const char *path = getenv("VITRINE_DEBUG_KERNEL");

    return path != NULL ? path : "build/vitrine-kernel-debug";
}

static bool caught_by(const struct audited *audited, const char *names, char *text, size_t bytes)
{
    const struct vt_violation *violations;
    size_t count = vt_audit_violations(audited->audit, &violations);
    bool expected = false;

    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strstr(text, violations[i].invariant) == NULL) {
            strncat(text, text[0] ? ", " : "", bytes - strlen(text) - 1);
            strncat(text, violations[i].invariant, bytes - strlen(text) - 1);
        }
        expected = expected || strstr(names, violations[i].invariant) != NULL;
    }
    return expected;
}

/* ---- the tests ---- */

ParameterizedTestParameters(mutants, each_is_caught)
{
    return cr_make_param_array(struct mutant, mutants, sizeof mutants / sizeof *mutants);
}

/* Is this planted bug found, and by the invariant that is meant to find it? */
ParameterizedTest(struct mutant *mutant, mutants, each_is_caught)
{
    const char *only = getenv("VITRINE_MUTANT");
    char options[64], text[256];

    variant_require(&variant);
    if (only != NULL && strcmp(only, mutant->name) != 0)
        cr_skip("another one was asked for");
    snprintf(options, sizeof options, "audit mutant=%s", mutant->name);
    struct audited audited = audited_start(debug_kernel(), options, mutant->load);
    audited_follow(&audited);
    double start = now();
    if (session_await(audited.session, "loaded", 20) != NULL) {
        session_send(audited.session, "now\n");
        judge(&audited, mutant->by, SECONDS_PER_MUTANT);
    } else {
        vt_error_destroy(vt_audit_check(audited.audit, NULL));
    }
    double seconds = now() - start;
    audited_end(&audited);
    bool expected = caught_by(&audited, mutant->by, text, sizeof text);
    const struct vt_violation *violations;
    size_t count = vt_audit_violations(audited.audit, &violations);
    fprintf(stderr, "%-24s %5.2f s  %-14s %s\n", mutant->name, seconds, text,
            count > 0 ? violations[0].message : "NOT FOUND");
    if (!expected)
        fprintf(stderr, "%.1500s\n", vt_machine_report(session_machine(audited.session)));
    cr_assert(count > 0, "mutant %s (%s) was not found", mutant->name, mutant->what);
    for (size_t i = 0; i < count && i < 8 && !expected; i++)
        fprintf(stderr, "%s: %s\n", violations[i].invariant, violations[i].message);
    cr_assert(expected, "mutant %s was found by %s, not by %s", mutant->name, text, mutant->by);
    vt_audit_destroy(audited.audit);
    session_destroy(audited.session);
}

static bool enough_judged(const struct audited *audited)
{
    struct vt_audit_numbers numbers = vt_audit_numbers(audited->audit);

    return numbers.checks_settled > 10 && numbers.records > 5000;
}

/* Does a kernel without a planted bug keep every promise, under the same load? */
static void run_clean_with(const char *kernel, const char *load, const char *options)
{
    double seconds = harness_is_long() ? 60 : 1.3;

    variant_require(&variant);
    struct audited audited = audited_start(kernel, options, load);
    audited_follow(&audited);
    session_expect(audited.session, "loaded");
    session_send(audited.session, "now\n");
    for (unsigned tries = 0; tries < 8 && !enough_judged(&audited); tries++)
        judge(&audited, NULL, seconds);
    session_send(audited.session, "end\n");
    session_expect(audited.session, "done 0");
    audited_end(&audited);
    const struct vt_violation *violations;
    size_t count = vt_audit_violations(audited.audit, &violations);
    struct vt_audit_numbers numbers = vt_audit_numbers(audited.audit);
    fprintf(stderr, "clean: %llu worlds (%llu of them at rest), %llu records, %zu violations\n",
            (unsigned long long)numbers.checks, (unsigned long long)numbers.checks_settled,
            (unsigned long long)numbers.records, count);
    for (size_t i = 0; i < count && i < 8; i++)
        fprintf(stderr, "%s: %s\n", violations[i].invariant, violations[i].message);
    cr_assert(count == 0, "%s: %s", violations[0].invariant, violations[0].message);
    cr_assert(enough_judged(&audited), "hardly anything was judged");
    vt_audit_destroy(audited.audit);
    session_destroy(audited.session);
}

static void run_clean(const char *kernel, const char *load)
{
    run_clean_with(kernel, load, "audit");
}

/* And under each of the other policies for normal tasks? */
Test(mutants, clean_kernel_under_round_robin)
{
    run_clean_with(debug_kernel(), "classes", "audit sched=rr");
}

Test(mutants, clean_kernel_under_aging)
{
    run_clean_with(debug_kernel(), "classes", "audit sched=aging");
}

Test(mutants, clean_debug_kernel)
{
    run_clean(debug_kernel(), "full");
}

Test(mutants, clean_debug_kernel_under_the_wide_load)
{
    run_clean(debug_kernel(), "wide");
}

Test(mutants, clean_debug_kernel_under_the_load_of_sockets)
{
    run_clean(debug_kernel(), "sockets");
}

Test(mutants, clean_debug_kernel_under_the_load_of_objects)
{
    run_clean(debug_kernel(), "objects");
}

Test(mutants, clean_debug_kernel_under_the_load_of_classes)
{
    run_clean(debug_kernel(), "classes");
}

Test(mutants, clean_release_kernel)
{
    run_clean(NULL, "full");
}

Test(mutants, clean_release_kernel_under_the_wide_load)
{
    run_clean(NULL, "wide");
}

Test(mutants, clean_release_kernel_under_the_load_of_sockets)
{
    run_clean(NULL, "sockets");
}

Test(mutants, clean_release_kernel_under_the_load_of_objects)
{
    run_clean(NULL, "objects");
}

Test(mutants, clean_release_kernel_under_the_load_of_classes)
{
    run_clean(NULL, "classes");
}
