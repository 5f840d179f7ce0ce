/*
 * vmm/inspect/trace_reader.c - the per-CPU trace rings as one stream in time order.
 *
 * Each CPU's records come in their order exactly; between CPUs the order is by TSC among what is
 * published when a record is taken. While the guest runs, a record whose CPU was halted between
 * reading its TSC and publishing may come a little late; in a stopped or ended world the order is
 * exact.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/trace_comms.h"
#include "vmm/inspect/trace_reader.h"

/* How long a reader without news sleeps: short after activity, longer when the guest is quiet. */
#define POLL_MIN_US 500
#define POLL_MAX_US 8000

struct ring {
    const struct trace_record *records;
    uint64_t size; /* a power of two */
    uint64_t head;
};

static bool ring_open(struct vt_guest *guest, unsigned cpu, struct ring *ret)
{
    const struct glass_cpu *block = guest_cpu(guest, cpu);

    if (!block)
        return false;
    uint32_t size = GUEST_LOAD(&block->trace_records);
    uint64_t address = GUEST_LOAD(&block->trace_ring);
    if (size < 2 || (size & (size - 1)) || size > TRACE_RING_RECORDS_MAX)
        return false;
    ret->records = guest_translate(guest, address, (uint64_t)size * sizeof(struct trace_record), 8);
    ret->size = size;
    ret->head = GUEST_LOAD(&block->trace_head);
    return ret->records != NULL;
}

/* Nothing moves, and perhaps since the middle of a record: the machine was killed, or panicked. */
static bool cut_off(struct vt_guest *guest)
{
    uint32_t state = GUEST_LOAD(&guest->glass->state);

    return state == GLASS_PANICKED || (state != GLASS_DONE && GUEST_LOAD(&guest->ended));
}

static uint64_t oldest_of(const struct ring *ring, uint64_t kept)
{
    return ring->head > kept ? ring->head - kept + 1 : 1;
}

/*
 * The oldest record that its writer cannot be overwriting. The slot after the newest may be in work
 * - unless nothing moves, or the writer waits for us: a lossless kernel never overwrites what its
 * readers have not taken.
 */
static uint64_t oldest(struct vt_guest *guest, const struct ring *ring)
{
    bool safe = (guest->own && guest->lossless) || (guest_stands_still(guest) && !cut_off(guest));

    return oldest_of(ring, safe ? ring->size : ring->size - 1);
}

static void set_next(struct vt_trace *trace, unsigned cpu, uint64_t next)
{
    __atomic_store_n(&trace->next[cpu], next, __ATOMIC_RELAXED);
}

/* Where a new reader begins in a CPU's ring. Under trace_lock, so that no tail moves past the place
 * meanwhile. */
static uint64_t first_place(const struct vt_trace *trace, unsigned cpu, const struct ring *ring)
{
    struct vt_guest *guest = trace->guest;
    /* What others have taken long ago, a lossless kernel too may have been overwriting. */
    uint64_t past = cut_off(guest) ? oldest_of(ring, ring->size - 1) : oldest(guest, ring);
    uint64_t first = trace->from_now ? ring->head + 1 : past;

    /* What all readers have taken may be overwritten at any time, except by a guest that has ended:
     * the failure report wants the last events, which somebody else has mostly read already. */
    if (guest->own && guest->lossless && !GUEST_LOAD(&guest->ended)) {
        uint64_t tail = GUEST_LOAD(&guest->glass->control.trace_tail[cpu]);

        if (first <= tail && tail <= ring->head)
            first = tail + 1;
    }
    return first;
}

/* Tells a lossless kernel how far all readers have come. */
static void publish_tails(struct vt_guest *guest)
{
    if (!guest->own || !guest->lossless || !GUEST_LOAD(&guest->ready))
        return;
    pthread_mutex_lock(&guest->trace_lock);
    for (unsigned cpu = 0; guest->traces && cpu < BOOT_CPUS_MAX; cpu++) {
        uint64_t tail = UINT64_MAX;

        for (struct vt_trace *trace = guest->traces; trace; trace = trace->next_trace) {
            uint64_t next = __atomic_load_n(&trace->next[cpu], __ATOMIC_RELAXED);
            uint64_t taken = next ? next - 1 : 0;

            if (taken < tail)
                tail = taken;
        }
        /* Monotonic: another thread may have published a newer picture already. */
        if (tail > guest->glass->control.trace_tail[cpu])
            GUEST_STORE(&guest->glass->control.trace_tail[cpu], tail);
    }
    pthread_mutex_unlock(&guest->trace_lock);
}

void guest_trace_discard_unread(struct vt_guest *guest)
{
    if (!guest->own || !guest->lossless || !GUEST_LOAD(&guest->ready))
        return;
    pthread_mutex_lock(&guest->trace_lock);
    if (!guest->traces)
        for (unsigned cpu = 0; cpu < guest_cpu_count(guest); cpu++) {
            struct ring ring;

            /* Keep the newer half for a reader that opens later. */
            if (ring_open(guest, cpu, &ring) && ring.head > ring.size / 2)
                GUEST_STORE(&guest->glass->control.trace_tail[cpu], ring.head - ring.size / 2);
        }
    pthread_mutex_unlock(&guest->trace_lock);
}

/* Takes the next record of one CPU into pending[]; false if there is none. */
static bool fetch(struct vt_trace *trace, unsigned cpu)
{
    struct vt_guest *guest = trace->guest;
    struct ring ring;

    if (trace->held[cpu])
        return true;
    if (!ring_open(guest, cpu, &ring))
        return false;
    if (!trace->started[cpu]) {
        trace->started[cpu] = true;
        pthread_mutex_lock(&guest->trace_lock);
        trace->first[cpu] = first_place(trace, cpu, &ring);
        set_next(trace, cpu, trace->first[cpu]);
        pthread_mutex_unlock(&guest->trace_lock);
    }
    /* Bounded: a ring that moves faster than we copy, or is corrupt, gives up the CPU until the
     * next look. */
    for (unsigned tries = 0; tries < 64; tries++) {
        uint64_t next = trace->next[cpu];

        if (ring.head < next) {
            if (ring.head + 1 < next)
                set_next(trace, cpu,
                         ring.head + 1); /* went backwards: a corrupt or restarted ring */
            return false;
        }
        uint64_t first = oldest(guest, &ring);
        if (next < first) {
            trace->lost += first - next;
            next = first;
        }
        struct trace_record record = ring.records[(next - 1) & (ring.size - 1)];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!ring_open(guest, cpu, &ring))
            return false;
        if (next < oldest(guest, &ring)) {
            set_next(trace, cpu, next);
            continue; /* overwritten while it was copied: the loss is counted in the next round */
        }
        set_next(trace, cpu, next + 1);
        if (record.type == TRACE_NONE || record.type >= TRACE_TYPES) {
            trace->lost++;
            continue;
        }
        record.sequence = next;
        record.cpu = (uint16_t)cpu;
        trace->pending[cpu] = record;
        trace->held[cpu] = true;
        if (next - trace->published[cpu] >= ring.size / 4) {
            trace->published[cpu] = next;
            publish_tails(guest);
        }
        return true;
    }
    return false;
}

static int earliest(const struct vt_trace *trace, unsigned cpus)
{
    int best = -1;

    for (unsigned cpu = 0; cpu < cpus; cpu++)
        if (trace->held[cpu] && (best < 0 || trace->pending[cpu].tsc < trace->pending[best].tsc))
            best = (int)cpu;
    return best;
}

static bool next_record(struct vt_trace *trace, struct trace_record *ret)
{
    unsigned missing = 0;

    /* CPUs come online once and early: counting them for every record would cost more than the
     * record. */
    if (trace->cpus == 0 || trace->looks++ % 256 == 0)
        trace->cpus = guest_cpu_count(trace->guest);
    unsigned cpus = trace->cpus;
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        missing += !fetch(trace, cpu);
    int best = earliest(trace, cpus);
    if (best < 0) {
        trace->looks = 0;
        return false;
    }
    if (missing) {
        /* A CPU seen empty may have published an earlier record before the best one was read. */
        for (unsigned cpu = 0; cpu < cpus; cpu++)
            fetch(trace, cpu);
        best = earliest(trace, cpus);
    }
    *ret = trace->pending[best];
    trace->held[best] = false;
    trace_comms_learn(trace, ret);
    return true;
}

struct vt_error *vt_trace_open(struct vt_guest *guest, bool from_now, struct vt_trace **ret)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    struct vt_trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a trace reader");
    trace->guest = guest;
    trace->from_now = from_now;

    /* In one step under the lock: once placed, the reader takes part in the tails. */
    pthread_mutex_lock(&guest->trace_lock);
    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++) {
        struct ring ring;

        if (ring_open(guest, cpu, &ring)) {
            trace->started[cpu] = true;
            trace->first[cpu] = first_place(trace, cpu, &ring);
            trace->next[cpu] = trace->first[cpu];
        }
    }
    trace->next_trace = guest->traces;
    guest->traces = trace;
    pthread_mutex_unlock(&guest->trace_lock);

    struct vt_task *tasks;
    size_t count;
    error = vt_guest_tasks(guest, &tasks, &count);
    if (error) {
        vt_error_destroy(error); /* names only: the records will tell them */
    } else {
        for (size_t i = 0; i < count; i++)
            trace_comms_set(trace, tasks[i].tid, tasks[i].comm);
        free(tasks);
    }
    *ret = trace;
    return NULL;
}

void vt_trace_close(struct vt_trace *trace)
{
    if (!trace)
        return;
    struct vt_guest *guest = trace->guest;

    pthread_mutex_lock(&guest->trace_lock);
    struct vt_trace **link = &guest->traces;
    while (*link && *link != trace)
        link = &(*link)->next_trace;
    if (*link)
        *link = trace->next_trace;
    pthread_mutex_unlock(&guest->trace_lock);
    if (guest->traces)
        publish_tails(guest);
    else
        guest_trace_discard_unread(guest);
    free(trace->comms);
    free(trace);
}

struct vt_error *vt_trace_next(struct vt_trace *trace, int timeout_ms, struct trace_record *ret)
{
    struct vt_guest *guest = trace->guest;
    int64_t deadline = 0;
    int64_t pause_us = POLL_MIN_US;

    for (;;) {
        /* Asked before the look, so that the last records of an ended machine are never missed. */
        bool ended = guest_has_ended(guest) || GUEST_LOAD(&guest->glass->state) == GLASS_PANICKED;
        uint64_t seen = ended ? 0 : guest_changes(guest);

        if (next_record(trace, ret))
            return NULL;
        if (ended)
            return vt_error_create(VT_ERROR_GONE,
                                   "the machine has ended; there are no more events");
        publish_tails(guest);
        if (!deadline)
            deadline = guest_deadline_us(timeout_ms);
        int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - guest_clock_us();
        if (left <= 0)
            return vt_error_create(VT_ERROR_TIMEOUT, "no event within %d ms", timeout_ms);
        guest_wait_change(guest, seen, left < pause_us ? left : pause_us);
        if (pause_us < POLL_MAX_US)
            pause_us *= 2;
    }
}

struct vt_guest *vt_trace_guest(const struct vt_trace *trace)
{
    return trace->guest;
}

uint64_t vt_trace_lost(const struct vt_trace *trace)
{
    return trace ? trace->lost : 0;
}

bool trace_filter_matches(struct glass_filter *filter, const struct trace_record *record)
{
    if (record->type >= 64 || !(filter->types & (1ull << record->type)))
        return false;
    if ((filter->tid && filter->tid != record->tid) ||
        (filter->tgid && filter->tgid != record->tgid))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if ((filter->arg_mask & (1u << i)) &&
            (record->arg[i] & filter->arg_and[i]) != filter->arg_value[i])
            return false;
    if (filter->skip) {
        filter->skip--;
        return false;
    }
    return true;
}

struct vt_error *vt_trace_wait(struct vt_trace *trace, const struct glass_filter *filter,
                               int timeout_ms, struct trace_record *ret)
{
    struct glass_filter remaining = *filter;
    int64_t deadline = guest_deadline_us(timeout_ms);

    for (;;) {
        int64_t left_ms = deadline == INT64_MAX ? -1 : (deadline - guest_clock_us() + 999) / 1000;
        struct trace_record record;

        if (deadline != INT64_MAX && left_ms < 0)
            left_ms = 0;
        struct vt_error *error = vt_trace_next(trace, (int)left_ms, &record);
        if (error)
            return error;
        if (trace_filter_matches(&remaining, &record)) {
            *ret = record;
            return NULL;
        }
    }
}

struct vt_error *vt_guest_trace_types(struct vt_guest *guest, uint64_t types)
{
    struct vt_error *error = guest_require_own(guest, "choose the recorded events");

    if (!error)
        error = guest_require_ready(guest);
    if (error)
        return error;
    __atomic_store_n(&guest->glass->control.trace_types, types, __ATOMIC_SEQ_CST);
    /* The kernel folds filters and types into one word when it sees a new epoch. */
    __atomic_fetch_add(&guest->glass->control.filter_epoch, 1, __ATOMIC_SEQ_CST);
    guest->owner.kick(guest->owner.context);
    guest_settle_control(guest);
    return NULL;
}
