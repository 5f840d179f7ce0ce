/*
 * vmm/audit/audit.c - an audit: its registry of invariants, one check of a stopped world, the
 * stream of records, and what was found.
 */
#include "vmm/audit/audit.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define VIOLATIONS_DEFAULT 100u
#define SETTLE_TRIES       200u
#define AROUND             VT_AUDIT_AROUND

static const struct audit_invariant *const registry[] = {
#define INVARIANT(name) &invariant_##name,
#include "vmm/audit/invariants.def"
#undef INVARIANT
};
#define INVARIANTS (sizeof(registry) / sizeof(registry[0]))

struct vt_audit {
    struct vt_guest *guest;
    struct audit_layout layout;
    unsigned violations_max;

    pthread_mutex_t lock; /* what checking and feeding both write */
    struct vt_violation *violations;
    size_t violation_count;
    struct vt_audit_invariant numbers[INVARIANTS];
    struct trace_record recent[AROUND]; /* a ring */
    uint64_t records;

    size_t current[2]; /* the invariant at work: checking, feeding */
    void *states[INVARIANTS];
    uint64_t stopped_tsc; /* cycles for which this audit held the world, in all; atomic */
    uint64_t overrun_tsc; /* see audit.h; atomic */
    uint64_t check_ns;    /* of the last check */
    uint64_t checks, checks_settled;
    const struct audit_world *world; /* while checking */
};

static _Thread_local bool feeding;

/* ---- making ---- */

struct vt_error *vt_audit_create(struct vt_guest *guest, const struct vt_audit_options *options,
                                 struct vt_audit **ret)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    struct vt_audit *audit = calloc(1, sizeof(*audit));
    if (!audit)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for an audit");
    audit->guest = guest;
    audit->violations_max =
        options && options->violations_max ? options->violations_max : VIOLATIONS_DEFAULT;
    pthread_mutex_init(&audit->lock, NULL);
    audit->violations = calloc(audit->violations_max, sizeof(*audit->violations));
    if (!audit->violations)
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for %u violations",
                                audit->violations_max);
    if (!error)
        error = audit_layout_load(guest, &audit->layout);
    for (size_t i = 0; i < INVARIANTS && !error; i++) {
        audit->numbers[i].name = registry[i]->name;
        audit->numbers[i].proves = registry[i]->proves;
        audit->numbers[i].stream = registry[i]->record != NULL;
        if (registry[i]->state_create && !(audit->states[i] = registry[i]->state_create()))
            error = vt_error_create(VT_ERROR_MEMORY, "out of memory for invariant '%s'",
                                    registry[i]->name);
    }
    if (error) {
        vt_audit_destroy(audit);
        return error;
    }
    *ret = audit;
    return NULL;
}

void vt_audit_destroy(struct vt_audit *audit)
{
    if (!audit)
        return;
    for (size_t i = 0; i < INVARIANTS; i++)
        if (audit->states[i])
            registry[i]->state_destroy(audit->states[i]);
    pthread_mutex_destroy(&audit->lock);
    free(audit->violations);
    free(audit);
}

/* ---- finding ---- */

static void copy_recent(const struct vt_audit *audit, struct vt_violation *violation)
{
    uint64_t kept = audit->records < AROUND ? audit->records : AROUND;

    for (uint64_t i = 0; i < kept; i++)
        violation->around[i] = audit->recent[(audit->records - kept + i) % AROUND];
    violation->around_count = kept;
}

/* The same promise broken on the same thing again and again is one violation. */
static struct vt_violation *find_same(struct vt_audit *audit, const struct vt_violation *found)
{
    for (size_t i = 0; i < audit->violation_count; i++) {
        struct vt_violation *old = &audit->violations[i];

        if (old->invariant == found->invariant && old->tid == found->tid &&
            old->pid == found->pid && old->object == found->object &&
            old->address == found->address && old->phys == found->phys)
            return old;
    }
    return NULL;
}

void audit_report(struct vt_audit *audit, struct audit_finding finding, const char *format, ...)
{
    size_t index = audit->current[feeding];
    struct vt_violation found = {
        .invariant = registry[index]->name,
        .tid = finding.tid,
        .pid = finding.pid,
        .object = finding.object,
        .address = finding.address,
        .phys = finding.phys,
        .stream = feeding,
        .repeats = 1,
    };
    va_list list;

    va_start(list, format);
    vsnprintf(found.message, sizeof(found.message), format, list);
    va_end(list);
    pthread_mutex_lock(&audit->lock);
    found.tsc = feeding && audit->records ? audit->recent[(audit->records - 1) % AROUND].tsc
                : audit->world            ? audit->world->now_tsc
                                          : 0;
    audit->numbers[index].violations++;
    struct vt_violation *same = find_same(audit, &found);
    if (same) {
        same->repeats++;
    } else if (audit->violation_count < audit->violations_max) {
        copy_recent(audit, &found);
        audit->violations[audit->violation_count++] = found;
    }
    pthread_mutex_unlock(&audit->lock);
}

void *audit_state(struct vt_audit *audit)
{
    return audit->states[audit->current[feeding]];
}

uint64_t audit_stopped_tsc(const struct vt_audit *audit)
{
    return __atomic_load_n(&audit->stopped_tsc, __ATOMIC_RELAXED);
}

uint64_t audit_overrun_tsc(const struct vt_audit *audit)
{
    return __atomic_load_n(&audit->overrun_tsc, __ATOMIC_RELAXED);
}

void audit_add_overrun(struct vt_audit *audit, uint64_t cycles)
{
    __atomic_fetch_add(&audit->overrun_tsc, cycles, __ATOMIC_RELAXED);
}

uint64_t audit_tsc_khz(const struct vt_audit *audit)
{
    return audit->guest->tsc_khz;
}

/* ---- checking ---- */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool may_judge(const struct audit_invariant *invariant, const struct audit_world *world)
{
    return !((invariant->needs & AUDIT_NEEDS_MEMORY && !world->memory_settled) ||
             (invariant->needs & AUDIT_NEEDS_FAMILY && !world->family_settled) ||
             (invariant->needs & AUDIT_NEEDS_WAKES && !world->wakes_settled));
}

static void leaf_to_all(void *context, const struct audit_leaf *leaf)
{
    struct vt_audit *audit = context;

    for (size_t i = 0; i < INVARIANTS; i++)
        if (registry[i]->leaf && may_judge(registry[i], audit->world)) {
            audit->current[0] = i;
            registry[i]->leaf(audit, audit->world, leaf);
        }
}

struct vt_error *vt_audit_check(struct vt_audit *audit, bool *ret_settled)
{
    struct audit_world world;
    uint64_t start = now_ns();

    if (!guest_stands_still(audit->guest))
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "an audit needs a world that stands still: stop the guest first");
    struct vt_error *error = audit_world_init(&world, audit->guest, &audit->layout);
    audit->world = &world; /* cppcheck-suppress autoVariables ; no longer than this function */
    feeding = false;
    if (!error)
        error = audit_walk(&world, leaf_to_all, audit);
    for (size_t i = 0; i < INVARIANTS && !error; i++) {
        const struct audit_invariant *invariant = registry[i];
        struct vt_audit_invariant *numbers = &audit->numbers[i];

        if (!invariant->check && !invariant->leaf)
            continue;
        if (!may_judge(invariant, &world)) {
            numbers->unsettled++;
            continue;
        }
        audit->current[0] = i;
        uint64_t before = now_ns();
        if (invariant->check)
            invariant->check(audit, &world);
        numbers->ns += now_ns() - before;
        numbers->checked++;
    }
    audit->world = NULL;
    bool settled = !error && world.memory_settled && world.family_settled && world.wakes_settled;
    if (ret_settled)
        *ret_settled = settled;
    audit_world_deinit(&world);
    audit->check_ns = now_ns() - start;
    audit->checks++;
    audit->checks_settled += settled;
    return error;
}

void vt_audit_note_stop(struct vt_audit *audit, uint64_t nanoseconds)
{
    __atomic_fetch_add(&audit->stopped_tsc,
                       (uint64_t)((unsigned __int128)nanoseconds * audit->guest->tsc_khz / 1000000),
                       __ATOMIC_RELAXED);
}

/* Is the world that stands now one in which everything can be judged? */
static struct vt_error *world_is_settled(struct vt_audit *audit, bool *ret)
{
    struct audit_world world;
    struct vt_error *error = audit_world_init(&world, audit->guest, &audit->layout);

    *ret = !error && world.memory_settled && world.family_settled && world.wakes_settled;
    audit_world_deinit(&world);
    return error;
}

static struct vt_error *stop_world(struct vt_audit *audit, int timeout_ms)
{
    struct vt_stop stop;

    if (!audit->guest->own)
        return vt_guest_ask_stop(audit->guest, true, timeout_ms < 3000 ? 3000 : timeout_ms);
    struct vt_error *error = vt_guest_stop_now(audit->guest);
    return error ? error
                 : vt_guest_wait_stop(audit->guest, timeout_ms < 3000 ? 3000 : timeout_ms, &stop);
}

struct vt_error *vt_audit_check_now(struct vt_audit *audit, int timeout_ms, bool *ret_settled)
{
    int64_t deadline = guest_deadline_us(timeout_ms);

    for (unsigned tries = 1;; tries++) {
        bool settled = false;
        uint64_t start = now_ns(); /* one CPU may stand long before the last one does */
        struct vt_error *error = stop_world(audit, timeout_ms);

        if (error)
            return error;
        bool last = tries >= SETTLE_TRIES || guest_clock_us() >= deadline;
        error = world_is_settled(audit, &settled);
        if (!error && (settled || last))
            error = vt_audit_check(audit, ret_settled);
        vt_audit_note_stop(audit, now_ns() - start);
        struct vt_error *resume = audit->guest->own
                                      ? vt_guest_resume(audit->guest)
                                      : vt_guest_ask_stop(audit->guest, false, timeout_ms);
        if (error || settled || last) {
            if (error)
                vt_error_destroy(resume);
            return error ? error : resume;
        }
        if (resume)
            return resume;
    }
}

/* ---- the stream ---- */

void vt_audit_feed(struct vt_audit *audit, const struct trace_record *record)
{
    pthread_mutex_lock(&audit->lock);
    audit->recent[audit->records++ % AROUND] = *record;
    pthread_mutex_unlock(&audit->lock);
    feeding = true;
    for (size_t i = 0; i < INVARIANTS; i++)
        if (registry[i]->record) {
            audit->current[1] = i;
            registry[i]->record(audit, record);
            audit->numbers[i].checked++;
        }
    feeding = false;
}

/* ---- asking ---- */

size_t vt_audit_violations(const struct vt_audit *audit, const struct vt_violation **ret)
{
    *ret = audit->violations;
    return audit->violation_count;
}

size_t vt_audit_invariants(const struct vt_audit *audit, const struct vt_audit_invariant **ret)
{
    *ret = audit->numbers;
    return INVARIANTS;
}

struct vt_audit_numbers vt_audit_numbers(const struct vt_audit *audit)
{
    return (struct vt_audit_numbers){.checks = audit->checks,
                                     .checks_settled = audit->checks_settled,
                                     .records = audit->records,
                                     .last_check_ns = audit->check_ns};
}
