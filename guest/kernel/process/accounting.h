/*
 * kernel/process/accounting.h - what processes used, in the forms that programs ask for.
 */
#ifndef KERNEL_PROCESS_ACCOUNTING_H
#define KERNEL_PROCESS_ACCOUNTING_H

#include "kernel/process/process.h"

struct linux_timeval {
    int64_t seconds;
    int64_t microseconds;
};

/* struct rusage of the Linux ABI. */
struct linux_rusage {
    struct linux_timeval utime, stime;
    int64_t maxrss; /* KiB */
    int64_t ixrss, idrss, isrss;
    int64_t minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals;
    int64_t nvcsw, nivcsw;
};
_Static_assert(sizeof(struct linux_rusage) == 144, "rusage is part of the ABI");

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_BOTH     (-2) /* wait4: the process and those it reaped */
#define RUSAGE_THREAD   1

/* family_lock held, unless `who` is RUSAGE_THREAD, which means the current task. */
void process_rusage_locked(struct process *process, int who, struct linux_rusage *ret);

#endif
