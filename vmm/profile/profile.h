/*
 * vmm/profile/profile.h - sampled stacks of a machine, its kernel's and its programs', counted.
 *
 * A look holds all CPUs where they are, whatever they are at (interrupts off, too), reads registers
 * and stacks from outside and lets them go: nothing runs in the guest for it. Threads: one per
 * profile; on a machine of one's own or an attached one.
 */
#ifndef VITRINE_PROFILE_PROFILE_H
#define VITRINE_PROFILE_PROFILE_H

#include <stdio.h>

#include "vmm/inspect/guest.h"

struct profile;

struct profile_settings {
    bool off_cpu; /* those that sleep, and where, instead of those that run */
    bool idle;    /* CPUs without work too, as "idle" */
    bool threads; /* the first frame is NAME/TID, not NAME */
    int32_t pid;  /* only this process; 0 = all */
};

struct profile_figures {
    uint64_t looks;   /* taken */
    uint64_t stacks;  /* counted in them */
    uint64_t idle;    /* CPUs that were found without work */
    uint64_t held_ns; /* how long the machine was held, in all */
    uint64_t longest_ns;
    uint64_t cut; /* stacks whose end was not reached: what follows is not known */
};

struct vt_error *profile_create(struct vt_guest *guest, const struct profile_settings *settings,
                                struct profile **ret);
void profile_destroy(struct profile *profile); /* NULL is fine */

/* One look. VT_ERROR_GONE: the machine has ended. VT_ERROR_BUSY: not now; the next may succeed. */
struct vt_error *profile_look(struct profile *profile);
struct profile_figures profile_figures(const struct profile *profile);

/* Folded text: frames from the outermost to the innermost, ';' between them, a space, the count.
 * Frames of the kernel end in "_[k]". Most frequent first. */
void profile_write_folded(const struct profile *profile, FILE *out);
/* The same as one object of JSON, with the figures. */
void profile_write_json(const struct profile *profile, FILE *out);

#endif
