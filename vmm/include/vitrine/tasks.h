/*
 * vitrine/tasks.h - the tasks of a guest: threads and processes as the scheduler sees them.
 */
#ifndef VITRINE_TASKS_H
#define VITRINE_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/glass.h"
#include "shared/trace.h"
#include "version.h"

VITRINE_BEGIN

struct vt_task {
    uint64_t id;      /* never reused */
    uint64_t address; /* of the kernel's struct task, for vt_guest_read_field() */
    int32_t pid, tid, ppid, pgid, sid;
    enum task_state state;
    char comm[16];
    uint32_t cpu;    /* where it runs or ran last */
    uint32_t policy; /* SCHED_* of Linux */
    int32_t nice;
    uint64_t utime_ns, stime_ns;
    uint64_t nvcsw, nivcsw; /* voluntary and involuntary switches */
    uint64_t min_faults;
    uint64_t start_ns;        /* since boot */
    enum wait_kind wait_kind; /* when blocked */
    uint64_t wait_object;     /* what it waits on: see TRACE_SWITCH arg2 */
    bool kernel_thread, idle;
    uint64_t process_id, address_space_id; /* object ids; address space 0 = none */
    uint64_t page_table;                   /* physical address of its root page table, 0 = none */
    int32_t exit_status;                   /* wait status of the process, valid in zombies */
    uint64_t signals_pending, signals_blocked;
    enum task_held held;   /* by vt_guest_hold() or vt_guest_freeze() */
    uint64_t affinity;     /* CPU mask */
    uint64_t run_delay_ns; /* time it was ready and had to wait for a CPU */
};

/* A consistent copy of every task: each entry was proven unchanged while it was copied. free(). */
struct vt_error *vt_guest_tasks(struct vt_guest *guest, struct vt_task **ret_tasks,
                                size_t *ret_count);
struct vt_error *vt_guest_task(struct vt_guest *guest, int32_t tid, struct vt_task *ret);
const char *vt_task_state_name(enum task_state state); /* "ready" ...; */
char vt_task_state_letter(enum task_state state);      /* as in ps: R S D T Z X */
const char *vt_wait_kind_name(enum wait_kind kind);

VITRINE_END

#endif
