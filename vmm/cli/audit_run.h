/*
 * vmm/cli/audit_run.h - `vitrine run --audit`: an audit that follows a run from its first
 * instruction to its end. Threads: one of its own stops and judges; the collector's feeds records
 * through the sink.
 */
#ifndef VITRINE_CLI_AUDIT_RUN_H
#define VITRINE_CLI_AUDIT_RUN_H

#include "vmm/export/sink.h"

struct audit_run;

/* every: judge at each so many-th event, 0 = at the end only. The machine must be held at its
 * start. */
struct vt_error *audit_run_start(struct vt_guest *guest, uint32_t every, struct audit_run **ret);
/* Where records go; destroyed with the collector, before audit_run_destroy(). */
struct vt_error *audit_run_sink_create(struct audit_run *run, struct trace_sink **ret);
/* After the machine's end: *ret = the audit, owned by the run; NULL if the kernel never came up. */
struct vt_error *audit_run_finish(struct audit_run *run, struct vt_audit **ret);
void audit_run_destroy(struct audit_run *run); /* NULL is fine */

/* Judges what is left of a machine whose program has ended. *ret = the audit, the caller's, if a
 * promise is broken; else NULL, as of a kernel that cannot be audited. */
void audit_last_look(struct vt_guest *guest, struct vt_audit **ret);

#endif
