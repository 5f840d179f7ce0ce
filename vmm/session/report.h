/*
 * vmm/session/report.h - why a machine failed, for a person: cause, registers, backtrace, last
 * events, log.
 */
#ifndef VITRINE_SESSION_REPORT_H
#define VITRINE_SESSION_REPORT_H

#include "vmm/session/session.h"

/* Called when no CPU runs any more. The text is allocated; NULL only when out of memory. */
char *report_write(struct vt_machine *machine);

#endif
