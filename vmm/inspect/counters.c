/*
 * vmm/inspect/counters.c - what the guest counts about itself.
 *
 * These are the guest's own claims; an auditor compares them with what it finds.
 */
#include <string.h>

#include "vmm/inspect/objects.h"

static uint32_t live_objects(struct vt_guest *guest, uint64_t table)
{
    const struct glass_slots *slots = guest_translate(guest, table, sizeof(*slots), 8);

    return slots ? GUEST_LOAD(&slots->live) : 0;
}

struct vt_error *vt_guest_counters(struct vt_guest *guest, struct vt_counters *ret)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    struct vt_counters counters = {
        .frames = guest->frame_count,
        .frames_free = GUEST_LOAD(&guest->glass->frames_free),
        .frames_image = GUEST_LOAD(&guest->glass->frames_image),
        .tasks = live_objects(guest, guest->tasks),
        .processes = live_objects(guest, guest->processes),
        .address_spaces = live_objects(guest, guest->address_spaces),
        .unknown_system_calls = GUEST_LOAD(&guest->glass->unknown_system_calls),
        .entry_tsc = guest->boot_tsc,
    };

    for (unsigned i = 0; i < guest_cpu_count(guest); i++) {
        const struct glass_cpu *cpu = guest_cpu(guest, i);

        if (!cpu || !GUEST_LOAD(&cpu->online))
            continue;
        counters.cpus++;
        counters.switches += GUEST_LOAD(&cpu->switches);
        counters.system_calls += GUEST_LOAD(&cpu->system_calls);
        counters.faults += GUEST_LOAD(&cpu->faults);
        counters.interrupts += GUEST_LOAD(&cpu->interrupts);
        counters.trace_records += GUEST_LOAD(&cpu->trace_head);
        counters.trace_lost += GUEST_LOAD(&cpu->trace_lost);
        uint64_t first_user = GUEST_LOAD(&cpu->first_user_tsc);
        if (first_user && (!counters.first_user_tsc || first_user < counters.first_user_tsc))
            counters.first_user_tsc = first_user;
    }
    *ret = counters;
    return NULL;
}

struct vt_error *vt_guest_cpu(struct vt_guest *guest, unsigned index, struct glass_cpu *ret)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    const struct glass_cpu *cpu = guest_cpu(guest, index);
    if (!cpu || !GUEST_LOAD(&cpu->online))
        return vt_error_create(VT_ERROR_NOT_FOUND, "the guest has no CPU %u online", index);
    memcpy(ret, cpu, sizeof(*ret));
    return NULL;
}
