/*
 * kernel/namespace/time_namespace.h - time namespaces (time_namespaces(7)): what CLOCK_MONOTONIC and
 * CLOCK_BOOTTIME show more, or less, than the machine's own clock. The kernel itself, the trace and the
 * look from outside know the machine's clock only; programs' absolute times are translated where they
 * come in and go out (kernel/time/program_clock.h).
 *
 * Who makes one does not enter it: the next child does, or the next program (exec). Offsets can be
 * set until then (/proc/PID/timens_offsets), and never again. Lock: offsets_lock (time_namespace.c)
 * while it has no task; what tasks are in does not change.
 */
#ifndef KERNEL_NAMESPACE_TIME_NAMESPACE_H
#define KERNEL_NAMESPACE_TIME_NAMESPACE_H

#include "arch/cpu.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/sched/task.h"
#include "kernel/time/clock.h"

struct time_namespace {
    struct namespace head;
    bool joined;          /* a task is or was in it: the offsets stay */
    int64_t monotonic_ns; /* offsets */
    int64_t boottime_ns;
};

extern struct time_namespace initial_time_namespace;
extern const struct namespace_type time_namespace_type;

static inline struct time_namespace *time_namespace_of(struct namespace *namespace)
{
    return container_of(namespace, struct time_namespace, head);
}
/* The running task's own. */
static inline const struct time_namespace *time_namespace_own(void)
{
    return time_namespace_of(current->namespaces->of[NAMESPACE_TIME]);
}

/* A task enters it now. */
void time_namespace_join(struct namespace *namespace);

/* An offset as it was set: seconds and the nanoseconds above them, both may be missing. */
struct time_offset {
    bool boottime; /* else monotonic */
    struct linux_timespec value;
};
/* The offsets as they are now. */
void time_namespace_offsets(struct namespace *namespace, int64_t *ret_monotonic_ns,
                            int64_t *ret_boottime_ns);
/*
 * All or none: 0; -EACCES: somebody is or was in it; -ERANGE: the clock would show a negative time, or
 * one after some 146 years. Nanoseconds are below a second.
 */
int time_namespace_set(struct namespace *namespace, const struct time_offset *offsets,
                       unsigned count);

#endif
