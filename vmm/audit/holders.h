/*
 * vmm/audit/holders.h - who holds tasks and processes beside the PID table, the scheduler and each other: the
 * CPU-time clocks of timers, and message queues that are to tell somebody. For references.c.
 */
#ifndef VITRINE_AUDIT_HOLDERS_H
#define VITRINE_AUDIT_HOLDERS_H

#include "vmm/audit/audit.h"
#include "vmm/audit/tally.h"

/* Tallies them as `held`. False: not all could be found. */
bool audit_find_holders(const struct audit_world *world, struct audit_tally *ret);

#endif
