/*
 * vmm/audit/forks.c - a child shares what clone's flags say, and inherits the rest.
 *
 * Reads: at the event of a fork, before the child has run an instruction, parent and child. Proves:
 * memory, descriptors and directories (CLONE_VM, _FILES, _FS) are the parent's own if the flag was
 * given, and not if it was not; a thread is in its parent's process, anything else in one of its
 * own, whose parent is the right one and whose group, session and credentials are the parent's; the
 * signal mask is the parent's. What spawn() made shares nothing and has the right parent; the rest
 * is as its caller or template says. At any other event it has nothing to say. Cost: none to speak of.
 */
#include <sched.h>

#include "vmm/audit/stream.h"

struct birth {
    struct vt_audit *audit;
    const struct audit_world *world;
    const struct audit_task *parent, *child;
    uint64_t flags;
    bool spawned;
};

static struct audit_finding where(const struct birth *birth)
{
    return (struct audit_finding){
        .tid = birth->child->tid, .pid = birth->child->tgid, .object = birth->child->address};
}

static void check_shared(const struct birth *birth, const char *what, uint64_t flag,
                         uint64_t of_parent, uint64_t of_child)
{
    bool should = birth->flags & flag;

    if ((of_parent == of_child) != should)
        audit_report(birth->audit, where(birth),
                     should ? "task %d was cloned to share the %s of task %d and does not"
                            : "task %d shares the %s of task %d, which clone was not asked for",
                     birth->child->tid, what, birth->parent->tid);
}

static void check_inherited(const struct birth *birth, const char *what, uint64_t of_parent,
                            uint64_t of_child)
{
    if (of_parent != of_child)
        audit_report(birth->audit, where(birth),
                     "task %d has not the %s of its parent %d: %ld, %ld", birth->child->tid, what,
                     birth->parent->tid, (long)of_child, (long)of_parent);
}

static void check_process(const struct birth *birth)
{
    const struct audit_world *world = birth->world;
    const struct audit_process *old = audit_process_at(world, birth->parent->process);
    const struct audit_process *new = audit_process_at(world, birth->child->process);

    if (!old || !new) {
        audit_report(birth->audit, where(birth), "task %d was cloned without a process",
                     birth->child->tid);
        return;
    }
    uint64_t parent = birth->flags & CLONE_PARENT ? old->parent : old->address;
    if (new->parent != parent)
        audit_report(birth->audit, where(birth), "process %d has another parent than who made it",
                     new->pid);
    if (birth->spawned)
        return;
#define INHERITED(what, field)                                                                     \
    check_inherited(birth, what, AUDIT_GET(world, old->raw, field),                                \
                    AUDIT_GET(world, new->raw, field))
    INHERITED("process group", process_group);
    INHERITED("session", process_session);
    if (old->task_count > 1)
        return; /* another thread may be at its credentials */
    INHERITED("user", process_uid);
    INHERITED("effective user", process_euid);
    INHERITED("group id", process_gid);
    INHERITED("effective group id", process_egid);
#undef INHERITED
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct birth birth = {.audit = audit,
                          .world = world,
                          .parent = audit_event_task(world, TRACE_FORK),
                          .flags = world->event.arg[1],
                          .spawned = world->event.arg[2] == 1};
    int32_t tid = low_half(world->event.arg[0]);

    if (!birth.parent || birth.parent->kernel_thread)
        return;
    for (size_t i = 0; i < world->task_count; i++)
        if (world->tasks[i].tid == tid)
            birth.child = &world->tasks[i];
    if (!birth.child) {
        audit_report(audit, (struct audit_finding){.tid = tid},
                     "task %d was cloned and is not there", tid);
        return;
    }
    check_shared(&birth, "memory", CLONE_VM, birth.parent->space, birth.child->space);
    check_shared(&birth, "descriptors", CLONE_FILES, birth.parent->files, birth.child->files);
    check_shared(&birth, "directories", CLONE_FS, AUDIT_GET(world, birth.parent->raw, task_fs),
                 AUDIT_GET(world, birth.child->raw, task_fs));
    check_shared(&birth, "process", CLONE_THREAD, birth.parent->process, birth.child->process);
    if (!birth.spawned)
        check_inherited(&birth, "signal mask", AUDIT_GET(world, birth.parent->raw, task_blocked),
                        AUDIT_GET(world, birth.child->raw, task_blocked));
    if (!(birth.flags & CLONE_THREAD))
        check_process(&birth);
}

const struct audit_invariant invariant_forks = {
    .name = "forks",
    .proves = "a new task shares with its parent what clone was asked for, and inherits the rest",
    .check = check,
};
