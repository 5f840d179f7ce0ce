/*
 * vitrine/audit.h - the kernel's promises proved from its memory and its records (docs/audit.md).
 */
#ifndef VITRINE_AUDIT_H
#define VITRINE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/trace.h"
#include "version.h"

VITRINE_BEGIN

struct vt_audit;

struct vt_audit_options {
    unsigned violations_max; /* different ones that are kept; 0 = 100 */
};

#define VT_AUDIT_AROUND 16

/* A broken promise. Numbers that do not apply are 0. */
struct vt_violation {
    const char *invariant; /* its name; valid as long as the audit */
    char message[320];     /* what is wrong, on what */
    bool stream;           /* found in the records, not in a stopped world */
    int32_t tid, pid;
    uint64_t object;                             /* kernel address of the object */
    uint64_t address;                            /* user or kernel address of a page or word */
    uint64_t phys;                               /* frame */
    uint64_t tsc;                                /* when */
    uint64_t repeats;                            /* how often it was found */
    struct trace_record around[VT_AUDIT_AROUND]; /* the records fed last before it, oldest first */
    size_t around_count;
};

/* What was checked of one promise. */
struct vt_audit_invariant {
    const char *name, *proves;
    bool stream;         /* judged on records; else on a stopped world */
    uint64_t checked;    /* worlds or records */
    uint64_t unsettled;  /* worlds in which it could not be judged: something was half done */
    uint64_t violations; /* findings, repeated ones included */
    uint64_t ns;         /* host time spent, of state checks, without the common walk */
};

struct vt_audit_numbers {
    uint64_t checks, checks_settled; /* worlds; those in which everything could be judged */
    uint64_t records;
    uint64_t last_check_ns; /* host time of the last check, all of it */
};

/* options may be NULL. VT_ERROR_FORMAT: this kernel does not publish what an audit reads. */
struct vt_error *vt_audit_create(struct vt_guest *guest, const struct vt_audit_options *options,
                                 struct vt_audit **ret);
void vt_audit_destroy(struct vt_audit *audit); /* NULL is fine */
/*
 * Judges the world, which must stand still: in a stop, ended or panicked. *ret_settled (may be
 * NULL): nothing was half done, so every promise could be judged. A violation is no error: ask for
 * them. One thread at a time.
 */
struct vt_error *vt_audit_check(struct vt_audit *audit, bool *ret_settled);
/* The same for a running machine, one's own or attached: stops the world, again and again until it
 * is settled (at the latest after timeout_ms it is judged as it is), judges it, and lets it go on.
 */
struct vt_error *vt_audit_check_now(struct vt_audit *audit, int timeout_ms, bool *ret_settled);
/* The world was held for so long by the caller: running tasks were charged for it. */
void vt_audit_note_stop(struct vt_audit *audit, uint64_t nanoseconds);
/* The next record in time order, from the machine's first on. One thread, which may be another than
 * the one that checks. */
void vt_audit_feed(struct vt_audit *audit, const struct trace_record *record);
/* Owned by the audit, in the order of finding; complete when nobody checks or feeds. */
size_t vt_audit_violations(const struct vt_audit *audit, const struct vt_violation **ret);
size_t vt_audit_invariants(const struct vt_audit *audit, const struct vt_audit_invariant **ret);
struct vt_audit_numbers vt_audit_numbers(const struct vt_audit *audit);

VITRINE_END

#endif
