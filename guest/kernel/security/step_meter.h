/*
 * kernel/security/step_meter.h - how much work one decision may take.
 *
 * Who writes a descriptor chooses how long its evaluation takes, and the kernel does it in one
 * piece. Work is counted in steps of about fifty nanoseconds; what needs more than it may is
 * refused.
 */
#ifndef KERNEL_SECURITY_STEP_METER_H
#define KERNEL_SECURITY_STEP_METER_H

#include "kernel/lib/types.h"

#define ACCESS_STEPS_MAX    (1u << 21) /* of one decision; more is -E2BIG */
#define CONDITION_STEPS_MAX 8192u      /* of one condition; more is unknown */

struct step_meter {
    uint32_t left;
    bool spent; /* more was asked for than there was */
};

static inline bool step_meter_use(struct step_meter *meter, uint32_t steps)
{
    if (steps > meter->left) {
        meter->left = 0;
        meter->spent = true;
        return false;
    }
    meter->left -= steps;
    return true;
}

#endif
