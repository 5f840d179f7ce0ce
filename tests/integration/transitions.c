/*
 * tests/integration/transitions.c - what must be true of any trace, judged by the library's
 * auditor.
 */
#include <stdio.h>

#include "tests/integration/events.h"

void events_check_transitions(const struct event_log *log)
{
    const struct vt_violation *violations;
    struct vt_audit *audit;
    char message[400] = "";

    require_ok(vt_audit_create(log->guest, NULL, &audit), "vt_audit_create");
    for (size_t i = 0; i < log->count; i++)
        vt_audit_feed(audit, &log->records[i]);
    size_t count = vt_audit_violations(audit, &violations);
    if (count > 0)
        snprintf(message, sizeof message, "%s: %s", violations[0].invariant, violations[0].message);
    vt_audit_destroy(audit);
    cr_assert(count == 0, "%zu promises broken in %zu records, first %s", count, log->count,
              message);
}
