/*
 * vmm/cli/profiler.h - looks at a machine in even steps, by a thread of its own: `vitrine profile`.
 */
#ifndef VITRINE_CLI_PROFILER_H
#define VITRINE_CLI_PROFILER_H

#include "vmm/profile/profile.h"

struct profiler_settings {
    struct profile_settings stacks;
    double frequency; /* looks per second */
    double duration;  /* seconds from the first look; 0 = until the machine ends */
    bool json;
};

struct profiler;

/* Begins when the guest's kernel is up. The settings are copied. */
struct vt_error *profiler_start(struct vt_guest *guest, const struct profiler_settings *settings,
                                struct profiler **ret);
/* Waits for the end of the looks: of the duration, of the machine, or by profiler_interrupt(). */
struct vt_error *profiler_finish(struct profiler *profiler);
void profiler_interrupt(struct profiler *profiler); /* from a signal handler, too */
/* The stacks to `out`, what they are worth to `notes` (NULL = do not tell). After finish. */
void profiler_write(struct profiler *profiler, FILE *out, FILE *notes);
void profiler_destroy(struct profiler *profiler); /* after finish; NULL is fine */

/* profile_usage.c: `vitrine profile --usage`; the exit status. */
struct usage_options {
    bool json;
    double interval, duration; /* seconds; duration 0 = until the machine ends */
};
int profile_usage(const char *name, const struct usage_options *options);

#endif
