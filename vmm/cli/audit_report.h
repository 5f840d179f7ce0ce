/*
 * vmm/cli/audit_report.h - what an audit found, for people and for programs.
 */
#ifndef VITRINE_CLI_AUDIT_REPORT_H
#define VITRINE_CLI_AUDIT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "vmm/include/vitrine.h"

/* Each violation with the records before it; one line if there is none, and with `all` a line per
 * promise. */
void audit_report_print(const struct vt_audit *audit, FILE *out, bool all);
/* {"violations": [...], "invariants": [...], "worlds": N ...}; the caller drops it. */
json_t *audit_report_json(const struct vt_audit *audit);

#endif
