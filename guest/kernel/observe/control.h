/*
 * kernel/observe/control.h - what the host asks for: which events to record, and where to stop. The
 * host's words in glass.control are read only here, copied once and checked.
 */
#ifndef KERNEL_OBSERVE_CONTROL_H
#define KERNEL_OBSERVE_CONTROL_H

#include "kernel/lib/types.h"
#include "shared/boot.h"
#include "shared/glass.h"

struct observe_control {
    uint64_t traced;   /* types that go into the rings */
    uint64_t filtered; /* types that some filter watches */
    bool lossless;
    struct glass_filter filters[GLASS_FILTERS];
};

extern struct observe_control observe_control;

void control_init(const struct boot_info *boot);
/* The host may have changed its mind: after a kick, and when a stopped world goes on. */
void control_refresh(void);

/* So many more tasks are traced by programs of the guest: while there are any, system calls take the
 * way on which they can stop. RANK_CHANNEL is taken. */
void control_count_tracees(int32_t change);

#endif
