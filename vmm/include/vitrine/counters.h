/*
 * vitrine/counters.h - what the kernel counts, and its clock.
 */
#ifndef VITRINE_COUNTERS_H
#define VITRINE_COUNTERS_H

#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/glass.h"
#include "version.h"

VITRINE_BEGIN

/* Counters the guest publishes. */
struct vt_counters {
    uint32_t cpus;
    uint64_t frames, frames_free, frames_image;
    uint32_t tasks, processes, address_spaces; /* live objects */
    uint64_t switches, system_calls, faults, interrupts, unknown_system_calls, trace_records,
        trace_lost;
    uint64_t entry_tsc, first_user_tsc; /* kernel entry; first return to user mode on any CPU */
};
struct vt_error *vt_guest_counters(struct vt_guest *guest, struct vt_counters *ret);
struct vt_error *vt_guest_cpu(struct vt_guest *guest, unsigned index, struct glass_cpu *ret);
/* Nanoseconds since the guest's boot that a guest TSC value stands for. */
uint64_t vt_guest_tsc_to_ns(const struct vt_guest *guest, uint64_t tsc);

VITRINE_END

#endif
