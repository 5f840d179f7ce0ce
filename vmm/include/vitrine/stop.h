/*
 * vitrine/stop.h - stopping the world inside an event, and letting it go on. Only on a machine of
 * one's own, except where a function says otherwise.
 */
#ifndef VITRINE_STOP_H
#define VITRINE_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/glass.h"
#include "shared/trace.h"
#include "version.h"

VITRINE_BEGIN

struct vt_stop {
    uint64_t epoch;
    unsigned cpu;
    int filter; /* index from vt_guest_stop_on(), or -1: vt_guest_stop_now() */
    struct trace_record event;
};

/* A filter that matches every event of the given type; refine its fields (shared/glass.h) before
 * use. */
struct glass_filter vt_filter(enum trace_type type);
/* From now on the world stops inside each matching event. ret_filter: index for
 * vt_guest_stop_off(). */
struct vt_error *vt_guest_stop_on(struct vt_guest *guest, const struct glass_filter *filter,
                                  int *ret_filter);
struct vt_error *vt_guest_stop_off(struct vt_guest *guest, int filter);
struct vt_error *vt_guest_stop_now(struct vt_guest *guest); /* then wait for the stop */
/* Waits until the world is stopped: every CPU parked. VT_ERROR_GONE if the machine ends first. */
struct vt_error *vt_guest_wait_stop(struct vt_guest *guest, int timeout_ms, struct vt_stop *ret);
struct vt_error *vt_guest_resume(struct vt_guest *guest);
/*
 * The same for an attached machine: its owner stops the world (it stands still on success) or lets
 * it go on. VT_ERROR_BUSY: it is stopped for somebody else. Who detaches lets it go on.
 */
struct vt_error *vt_guest_ask_stop(struct vt_guest *guest, bool stop, int timeout_ms);

/*
 * Lets a stopped world go on until the next switch decision of any CPU, and waits until it is
 * stopped again, inside that decision. Other stop filters count too: ret->event says what stopped
 * it. While nothing is decided (everyone sleeps) it runs on: VT_ERROR_TIMEOUT, the world is
 * running.
 */
struct vt_error *vt_guest_step_switch(struct vt_guest *guest, int timeout_ms, struct vt_stop *ret);

VITRINE_END

#endif
