/*
 * kernel/process/uts.h - UTS namespaces: the host and domain name that some processes have for
 * themselves (uts_namespaces(7)). They belong to processes here, not to threads.
 *
 * Lifetime: counted holders; NULL stands for the first namespace, which never goes. Lock: a
 * process's pointer is written by itself and read by others under its signal_lock.
 */
#ifndef KERNEL_PROCESS_UTS_H
#define KERNEL_PROCESS_UTS_H

#include "kernel/lib/types.h"

struct process;
struct uts_namespace;

/* Another one with the same names; NULL when out of memory. */
struct uts_namespace *uts_duplicate(struct uts_namespace *source);
void uts_get(struct uts_namespace *uts);
void uts_put(struct uts_namespace *uts);
/* The process's, counted. */
struct uts_namespace *uts_of(struct process *process);
/* The running process's from now on; takes over the reference. */
void uts_enter(struct uts_namespace *uts);
/* What lsns(8) and stat(1) know it by. */
uint64_t uts_number(const struct uts_namespace *uts);

#endif
