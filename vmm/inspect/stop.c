/*
 * vmm/inspect/stop.c - stopping the guest's world on an event or at once, and letting it go on.
 *
 * The guest stops itself: a CPU that meets a matching filter fills in glass.stop and waits, every
 * other CPU parks, and only when all of them have is the world called stopped. Resuming is one
 * store.
 */
#include <string.h>

#include "vmm/inspect/guest.h"

struct glass_filter vt_filter(enum trace_type type)
{
    return (struct glass_filter){.types = 1ull << type};
}

/* The guest reads the filters after it saw a new epoch: contents first, epoch last. */
static void publish_filters(struct vt_guest *guest)
{
    struct glass_control *control = &guest->glass->control;

    __atomic_fetch_add(&control->filter_epoch, 1, __ATOMIC_SEQ_CST);
    guest->owner.kick(guest->owner.context);
    guest_settle_control(guest);
}

static struct vt_error *prepare(struct vt_guest *guest, const char *action)
{
    struct vt_error *error = guest_require_own(guest, action);

    return error ? error : guest_require_ready(guest);
}

struct vt_error *vt_guest_stop_on(struct vt_guest *guest, const struct glass_filter *filter,
                                  int *ret_filter)
{
    struct vt_error *error = prepare(guest, "set a stop point");

    if (error)
        return error;
    if (!filter->types)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "a stop filter must name at least one event type");
    struct glass_control *control = &guest->glass->control;
    for (int i = 0; i < GLASS_FILTERS; i++) {
        struct glass_filter *slot = &control->filters[i];

        if (GUEST_LOAD(&slot->types))
            continue;
        struct glass_filter copy = *filter;
        copy.types = 0;
        memcpy(slot, &copy, sizeof(copy));
        GUEST_STORE(&slot->types, filter->types);
        publish_filters(guest);
        *ret_filter = i;
        return NULL;
    }
    return vt_error_create(VT_ERROR_BUSY, "all %d stop filters are in use: remove one first",
                           GLASS_FILTERS);
}

struct vt_error *vt_guest_stop_off(struct vt_guest *guest, int filter)
{
    struct vt_error *error = prepare(guest, "remove a stop point");

    if (error)
        return error;
    if (filter < 0 || filter >= GLASS_FILTERS)
        return vt_error_create(VT_ERROR_ARGUMENT, "there is no stop filter %d", filter);
    GUEST_STORE(&guest->glass->control.filters[filter].types, 0);
    publish_filters(guest);
    return NULL;
}

struct vt_error *vt_guest_stop_now(struct vt_guest *guest)
{
    struct vt_error *error = prepare(guest, "stop the guest");

    if (error)
        return error;
    __atomic_fetch_add(&guest->glass->control.stop_request, 1, __ATOMIC_SEQ_CST);
    guest->owner.kick(guest->owner.context);
    return NULL;
}

static bool all_parked(struct vt_guest *guest, uint64_t epoch)
{
    for (unsigned i = 0; i < guest_cpu_count(guest); i++) {
        const struct glass_cpu *cpu = guest_cpu(guest, i);

        if (!cpu || !GUEST_LOAD(&cpu->online))
            continue;
        if (GUEST_LOAD(&cpu->park) == PARK_RUNNING || GUEST_LOAD(&cpu->parked_epoch) != epoch)
            return false;
    }
    return true;
}

struct vt_error *vt_guest_wait_stop(struct vt_guest *guest, int timeout_ms, struct vt_stop *ret)
{
    int64_t deadline = guest_deadline_us(timeout_ms);
    struct vt_error *error = guest_require_own(guest, "wait for a stop");

    if (!error)
        error = vt_guest_ready(guest, timeout_ms);
    if (error)
        return error;
    struct glass *glass = guest->glass;
    for (;;) {
        uint64_t seen = guest_changes(guest);
        uint64_t epoch = GUEST_LOAD(&glass->stop.epoch);

        if (epoch > GUEST_LOAD(&glass->control.resume_epoch) && all_parked(guest, epoch)) {
            uint32_t filter = GUEST_LOAD(&glass->stop.filter);

            *ret = (struct vt_stop){
                .epoch = epoch,
                .cpu = GUEST_LOAD(&glass->stop.cpu),
                .filter = filter < GLASS_FILTERS ? (int)filter : -1,
                .event = glass->stop.record,
            };
            guest->stop_seen = epoch;
            return NULL;
        }
        if (guest_has_ended(guest) || GUEST_LOAD(&glass->state) == GLASS_PANICKED)
            return vt_error_create(VT_ERROR_GONE, "the machine ended before the stop");
        int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - guest_clock_us();
        if (left <= 0)
            return vt_error_create(VT_ERROR_TIMEOUT, "the guest did not stop within %d ms",
                                   timeout_ms);
        /* A CPU may park without ringing (it was idle already): look again after a while. */
        guest_wait_change(guest, seen, left < 1000 ? left : 1000);
    }
}

struct vt_error *vt_guest_resume(struct vt_guest *guest)
{
    struct vt_error *error = prepare(guest, "resume the guest");

    if (error)
        return error;
    struct glass *glass = guest->glass;
    uint64_t epoch = GUEST_LOAD(&glass->stop.epoch);
    if (epoch <= GUEST_LOAD(&glass->control.resume_epoch))
        return vt_error_create(VT_ERROR_ARGUMENT, "the guest is not stopped");
    __atomic_store_n(&glass->control.resume_epoch, epoch, __ATOMIC_SEQ_CST);
    guest->owner.release(guest->owner.context);
    return NULL;
}

struct vt_error *vt_guest_step_switch(struct vt_guest *guest, int timeout_ms, struct vt_stop *ret)
{
    struct glass_filter filter = vt_filter(TRACE_SWITCH);
    int index;
    struct vt_error *error = prepare(guest, "step the guest");

    if (error)
        return error;
    /* Before the filter is set: in a running world it could match at once. */
    if (GUEST_LOAD(&guest->glass->stop.epoch) <= GUEST_LOAD(&guest->glass->control.resume_epoch))
        return vt_error_create(VT_ERROR_ARGUMENT, "the guest is not stopped: stop it, then step");
    error = vt_guest_stop_on(guest, &filter, &index);
    if (error)
        return error;
    error = vt_guest_resume(guest);
    if (!error)
        error = vt_guest_wait_stop(guest, timeout_ms, ret);
    struct vt_error *second = vt_guest_stop_off(guest, index);
    if (error || !second) {
        vt_error_destroy(second);
        return error;
    }
    return second;
}
