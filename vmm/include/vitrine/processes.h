/*
 * vitrine/processes.h - processes as objects: identity, family, threads, limits.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_PROCESSES_H
#define VITRINE_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/objects.h"
#include "version.h"

VITRINE_BEGIN

struct vt_limit {
    uint64_t soft, hard; /* UINT64_MAX = none */
};

struct vt_process {
    uint64_t id;      /* never reused; vt_task.process_id */
    uint64_t address; /* of the kernel's struct process */
    uint8_t guid[16]; /* random, never reused either; kept by exec */
    int32_t pid, ppid;
    uint64_t parent_id; /* 0 = none */
    int32_t group, session;
    char comm[16]; /* of its first thread */
    bool zombie;   /* all threads are gone, nobody has waited for it yet */
    bool exiting;  /* exit_group() or a deadly signal: exit_status is decided */
    bool stopped;  /* by job control, with stop_signal */
    bool is_subreaper, did_exec, no_new_privileges;
    int32_t stop_signal;
    uint32_t exit_status; /* wait status, valid in zombies */
    uint32_t task_count;  /* threads that have not exited, as the kernel counts them */
    uint64_t signals_pending;
    uint32_t signals_queued; /* of the process and its threads */
    uint32_t uid, euid, gid, egid;
    int32_t oom_score_adj;
    uint64_t start_ns;                    /* CLOCK_MONOTONIC, so since boot */
    struct vt_limit limits[RLIMIT_COUNT]; /* by Linux's RLIMIT_* numbers */
    const int32_t *threads;               /* tids of its tasks in this reading, ascending */
    size_t thread_count;
    const int32_t *children; /* pids of the processes in this reading whose parent it is, ascending
                              */
    size_t child_count;
};
/* Every process that is not reaped, by pid; each proven by itself, like tasks. */
struct vt_error *vt_guest_processes(struct vt_guest *guest, struct vt_process **ret_processes,
                                    size_t *ret_count);

VITRINE_END

#endif
