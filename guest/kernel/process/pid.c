/*
 * pid.c - the PID table: which task, process, group and session a number stands for.
 *
 * A number is free only when it stands for none of the four, so a group or session keeps its
 * leader's pid alive after the leader. The table grows in frames of 128 entries as numbers are
 * first used and never shrinks. Numbers are given out in a circle, so that one is not soon used
 * again.
 *
 * Lock: family_lock for everything here. Entries hold one reference to the task and one to the
 * process.
 */
#include "arch/layout.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/frame.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/process/pid_table.h"

#define PID_AFTER_WRAP 300 /* the low numbers belong to what started first */

struct spinlock family_lock = SPINLOCK_INIT(RANK_FAMILY);
struct pid_entry *pid_chunks[PID_CHUNKS];
static int32_t last_pid;
static uint32_t processes, threads;

static struct pid_entry *entry_at(int32_t pid)
{
    if (pid <= 0 || pid > PID_MAX)
        return NULL;
    struct pid_entry *chunk = pid_chunks[(uint32_t)pid / PID_ENTRIES_PER_CHUNK];
    return chunk ? &chunk[(uint32_t)pid % PID_ENTRIES_PER_CHUNK] : NULL;
}

static bool entry_free(const struct pid_entry *entry)
{
    return !entry->task && !entry->process && !entry->group && !entry->session;
}

/* Somebody no longer has the number: if it is free now, so are its inner ones. */
static void settle_inner(const struct pid_entry *entry, int32_t pid)
{
    if (unlikely(pid_numbers_in_use) && entry_free(entry))
        pid_numbers_drop_locked(pid);
}

/* The entry of a pid that may never have been used; NULL = no memory for the table. */
static struct pid_entry *entry_make(int32_t pid)
{
    struct pid_entry **chunk = &pid_chunks[(uint32_t)pid / PID_ENTRIES_PER_CHUNK];
    if (unlikely(!*chunk)) {
        phys_t frame = frame_allocate(FRAME_KERNEL, 0, FRAME_WANT_ZERO);
        if (!frame)
            return NULL;
        *chunk = phys_to_virt(frame);
    }
    return &(*chunk)[(uint32_t)pid % PID_ENTRIES_PER_CHUNK];
}

int32_t pid_take_locked(struct task *task)
{
    int32_t pid = last_pid;
    for (int tries = 0; tries <= PID_MAX; tries++) {
        pid = pid >= PID_MAX ? PID_AFTER_WRAP : pid + 1;
        struct pid_entry *entry = entry_make(pid);
        if (unlikely(!entry))
            return 0;
        if (likely(entry_free(entry))) {
            last_pid = pid;
            entry->task = task;
            task->seen_tid = pid;
            threads++;
            return pid;
        }
    }
    return 0;
}

int pid_take_this_locked(struct task *task, int32_t pid)
{
    if (pid < 1 || pid > PID_MAX)
        return -EINVAL;
    struct pid_entry *entry = entry_make(pid);
    if (!entry)
        return -ENOMEM;
    if (!entry_free(entry))
        return -EEXIST;
    entry->task = task;
    task->seen_tid = pid;
    threads++;
    return 0;
}

void pid_drop_task_locked(int32_t pid)
{
    struct pid_entry *entry = entry_at(pid);
    entry->task = NULL;
    threads--;
    settle_inner(entry, pid);
}

void pid_set_task_locked(int32_t pid, struct task *task)
{
    entry_at(pid)->task = task;
}

void pid_drop_process_locked(int32_t pid)
{
    struct pid_entry *entry = entry_at(pid);
    entry->process = NULL;
    processes--;
    settle_inner(entry, pid);
}

void pid_set_process_locked(int32_t pid, struct process *process)
{
    entry_at(pid)->process = process;
    processes++;
}

uint32_t process_count(void)
{
    return READ_ONCE(processes);
}

uint32_t thread_count(void)
{
    return READ_ONCE(threads);
}

struct process *process_find_locked(int32_t pid)
{
    struct pid_entry *entry = entry_at(pid);
    return entry ? entry->process : NULL;
}

struct task *task_find_locked(int32_t tid)
{
    struct pid_entry *entry = entry_at(tid);
    return entry ? entry->task : NULL;
}

struct task *task_find_get(int32_t tid)
{
    spin_lock(&family_lock);
    struct task *task = task_find_locked(tid);
    if (task)
        task_get(task);
    spin_unlock(&family_lock);
    return task;
}

struct process *process_find_get(int32_t pid)
{
    spin_lock(&family_lock);
    struct process *process = process_find_locked(pid);
    if (process)
        process_get(process);
    spin_unlock(&family_lock);
    return process;
}

struct process *process_next_locked(int32_t from)
{
    if (from < 1)
        from = 1;
    for (uint32_t pid = (uint32_t)from; pid <= PID_MAX; pid++) {
        struct pid_entry *chunk = pid_chunks[pid / PID_ENTRIES_PER_CHUNK];
        if (!chunk) {
            pid |= PID_ENTRIES_PER_CHUNK - 1;
            continue;
        }
        if (chunk[pid % PID_ENTRIES_PER_CHUNK].process)
            return chunk[pid % PID_ENTRIES_PER_CHUNK].process;
    }
    return NULL;
}

struct process *process_next_get(int32_t from)
{
    spin_lock(&family_lock);
    struct process *process = process_next_locked(from);
    if (process)
        process_get(process);
    spin_unlock(&family_lock);
    return process;
}

struct task *process_thread_next_get(struct process *process, int32_t from)
{
    struct task *best = NULL, *task;
    spin_lock(&family_lock);
    list_for_each(task, &process->threads, thread_link)
    {
        if (task->tid >= from && (!best || task->tid < best->tid))
            best = task;
    }
    if (best)
        task_get(best);
    spin_unlock(&family_lock);
    return best;
}

/* ---- groups and sessions ---- */

struct process *group_first(int32_t group)
{
    struct pid_entry *entry = entry_at(group);
    return entry ? entry->group : NULL;
}

struct process *session_first(int32_t session)
{
    struct pid_entry *entry = entry_at(session);
    return entry ? entry->session : NULL;
}

void group_join_locked(struct process *process, int32_t group)
{
    struct pid_entry *entry = entry_at(group);
    process->group = group;
    if (entry->group)
        list_push_back(&entry->group->group_link, &process->group_link);
    else
        entry->group = process;
}

void group_leave_locked(struct process *process)
{
    struct pid_entry *entry = entry_at(process->group);
    if (entry->group == process)
        entry->group = list_empty(&process->group_link) ? NULL : group_next(process);
    list_remove(&process->group_link);
    settle_inner(entry, process->group);
}

void session_join_locked(struct process *process, int32_t session)
{
    struct pid_entry *entry = entry_at(session);
    process->session = session;
    if (entry->session)
        list_push_back(&entry->session->session_link, &process->session_link);
    else
        entry->session = process;
}

void session_leave_locked(struct process *process)
{
    struct pid_entry *entry = entry_at(process->session);
    if (entry->session == process)
        entry->session = list_empty(&process->session_link) ? NULL : session_next(process);
    list_remove(&process->session_link);
    settle_inner(entry, process->session);
}
