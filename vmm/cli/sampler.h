/*
 * vmm/cli/sampler.h - what each task did between two looks at the machine; for `top` and `profile`.
 *
 * Rates are per second of the host's time. A task that was not there at the look before counts from
 * its start.
 */
#ifndef VITRINE_CLI_SAMPLER_H
#define VITRINE_CLI_SAMPLER_H

#include "vmm/include/vitrine.h"

struct sampled {
    struct vt_task task;
    double cpu_percent;      /* of one CPU */
    double delay_percent;    /* of the time it was ready and had no CPU */
    double switches, faults; /* per second */
    uint64_t resident_bytes; /* memory mapped now; threads of a process share it */
};

struct sample {
    double at, seconds; /* since the sampler was made; since the sample before */
    struct sampled *tasks;
    size_t count;
};

struct sampler;

struct vt_error *sampler_create(struct vt_guest *guest, struct sampler **ret);
void sampler_destroy(struct sampler *sampler); /* NULL is fine */
/* Looks at the machine. The sample belongs to the sampler and is valid until the next one.
 * VT_ERROR_GONE: the machine has ended. */
struct vt_error *sampler_take(struct sampler *sampler, const struct sample **ret);

#endif
