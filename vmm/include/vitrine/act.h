/*
 * vitrine/act.h - acting on tasks: on a machine of one's own, or through the owner of an attached
 * one.
 */
#ifndef VITRINE_ACT_H
#define VITRINE_ACT_H

#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/glass.h"
#include "version.h"

VITRINE_BEGIN

/*
 * What the kernel refuses: VT_ERROR_NOT_FOUND (no such process or thread any more), VT_ERROR_DENIED
 * (it is the kernel's own: PID 1, kernel threads, idle tasks), VT_ERROR_ARGUMENT (a number out of
 * range). VT_ERROR_TIMEOUT after 5 s without an answer, as while the world is stopped.
 */
struct vt_error *vt_guest_signal(struct vt_guest *guest, int32_t pid, int signal);
struct vt_error *vt_guest_signal_thread(struct vt_guest *guest, int32_t tid, int signal);
/*
 * Keeps a thread from running until it is released or killed. What it does in the kernel it
 * finishes first, and a call that sleeps goes on sleeping: a held thread owns no lock of the
 * kernel.
 */
struct vt_error *vt_guest_hold(struct vt_guest *guest, int32_t tid);
struct vt_error *vt_guest_release(struct vt_guest *guest, int32_t tid);
/* Every thread of a process, or with pid 0 of all; those made later too, until it is thawed. */
struct vt_error *vt_guest_freeze(struct vt_guest *guest, int32_t pid, unsigned *ret_threads);
struct vt_error *vt_guest_thaw(struct vt_guest *guest, int32_t pid, unsigned *ret_threads);
/* Waits until no held thread of the process (0 = of all) runs or is about to: parked or asleep. */
struct vt_error *vt_guest_wait_held(struct vt_guest *guest, int32_t pid, int timeout_ms);
struct vt_error *vt_guest_set_nice(struct vt_guest *guest, int32_t tid, int nice);
/* policy: SCHED_OTHER 0, SCHED_BATCH 3 or SCHED_IDLE 5 of Linux. */
struct vt_error *vt_guest_set_policy(struct vt_guest *guest, int32_t tid, uint32_t policy,
                                     int nice);
struct vt_error *vt_guest_set_affinity(struct vt_guest *guest, int32_t tid, uint64_t cpus);

struct vt_spawn {
    const char *const *argv; /* NULL-terminated; argv[0] without a slash is looked for in PATH */
    const char *const *envp; /* NULL = PATH, HOME and TERM only */
    const char *cwd;         /* NULL = "/" */
};
/*
 * Starts a program as a child of PID 1, its output that of the machine, nothing on its standard
 * input. Returns when it is loaded. VT_ERROR_NO_PROGRAM, VT_ERROR_BAD_PROGRAM; all strings together
 * have at most 8 KiB.
 */
struct vt_error *vt_guest_spawn(struct vt_guest *guest, const struct vt_spawn *spawn,
                                int32_t *ret_pid);

/*
 * From now on, of the allocations of these kinds that a thread (0 = any) makes in system calls, the
 * first `skip` succeed and the next `count` fail: with ENOMEM, EMFILE, or what the call has for it.
 */
struct vt_failing {
    uint32_t kinds; /* mask over enum glass_allocation */
    int32_t tid;
    uint32_t skip, count;
};
struct vt_error *vt_guest_fail_start(struct vt_guest *guest, const struct vt_failing *failing);
/* Ends it; how many allocations were looked at, and how many of them failed. */
struct vt_error *vt_guest_fail_end(struct vt_guest *guest, uint32_t *ret_seen,
                                   uint32_t *ret_failed);

/* Any command to the kernel; result is what the kernel answered (0, a value, or -errno). */
struct vt_error *vt_guest_command(struct vt_guest *guest, enum mailbox_command command,
                                  const uint64_t arguments[4], int64_t *ret_result);

VITRINE_END

#endif
