/*
 * vmm/audit/namespaces.c - every task is in one namespace of each kind, and namespaces are held as often as
 * their counts say.
 *
 * Reads: the nsproxies of all tasks, the list of all namespaces, who else holds one: PID namespaces and
 * the numbers in them, processes, undo lists of semaphores, the files of /proc/PID/ns that are open or
 * mounted, mounts of proc. Proves, in a world at rest: a task that has not ended has a set of namespaces,
 * one of each kind, each in the list; the set has as many references as tasks use it; it knows whether
 * children go elsewhere; a namespace has as many references as holders were found. A system call under way
 * may hold one more file of a namespace. Cost: one pass over tasks, processes and open files.
 */
#include "vmm/audit/mount_set.h"

#include "vmm/audit/tally.h"

#define PID_CHUNKS_MAX 64u /* of 512 places each: PID_MAX + 1 */
#define PLACES         512u

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_tally proxies;
    struct audit_tally namespaces; /* held; listed: in the list; other: may hold it, too */
    struct audit_tally inodes;     /* of nsfs, each counted once */
};

static uint64_t proxy_place(const struct audit_world *world, const uint8_t *proxy, unsigned kind)
{
    uint64_t address;

    memcpy(&address, proxy + world->layout->nsproxy_of.offset + kind * 8ul, sizeof(address));
    return address;
}

static void visit_namespace(void *context, const struct audit_namespace *namespace)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    struct audit_tallied *place = audit_tally(&judging->namespaces, namespace->address);

    if (place)
        place->listed = namespace->kind + 1;
    if (namespace->kind != AUDIT_NAMESPACE_PID)
        return;
    uint64_t object =
        namespace->address - l->pid_namespace_head.offset + l->namespace_references.offset;
    const uint8_t *raw = audit_at(judging->world, object, l->pid_namespace_bytes);
    uint64_t parent = raw ? audit_get(raw, l->pid_namespace_parent) : 0;
    if (parent)
        audit_tally_hold(&judging->namespaces,
                         parent + l->pid_namespace_head.offset - l->namespace_references.offset);
}

/* ---- who is in which ---- */

static void check_proxy(struct judging *judging, uint64_t address, uint32_t users)
{
    const struct audit_world *world = judging->world;
    const struct audit_layout *l = world->layout;
    const uint8_t *raw = audit_at(world, address, l->nsproxy_bytes);
    struct audit_finding where = {.object = address};

    if (!raw) {
        audit_report(judging->audit, where, "the namespaces of a task would be at %#lx",
                     (unsigned long)address);
        return;
    }
    users += address == AUDIT_ROOT(world, roots_initial_nsproxy);
    if (audit_get(raw, l->nsproxy_references) != users)
        audit_report(judging->audit, where,
                     "a set of namespaces has %lu references, %u tasks that use it were found",
                     (unsigned long)audit_get(raw, l->nsproxy_references), users);
    for (unsigned kind = 0; kind < AUDIT_NAMESPACE_KINDS; kind++) {
        uint64_t one = proxy_place(world, raw, kind);
        const struct audit_tallied *place = audit_tallied(&judging->namespaces, one);

        if (!place || place->listed != kind + 1)
            audit_report(judging->audit, where, "a set of namespaces has at kind %u one that is %s",
                         kind,
                         place && place->listed ? "of another kind" : "not in the list of all");
        audit_tally_hold(&judging->namespaces, one);
    }
    uint64_t later = audit_get(raw, l->nsproxy_time_for_children);
    audit_tally_hold(&judging->namespaces, later);
    if (audit_get(raw, l->nsproxy_children_differ) !=
        (later != proxy_place(world, raw, AUDIT_NAMESPACE_TIME)))
        audit_report(judging->audit, where,
                     "a set of namespaces is wrong about where children are in time");
}

static void check_tasks(struct judging *judging)
{
    const struct audit_world *world = judging->world;

    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];
        uint64_t proxy = AUDIT_GET(world, task->raw, task_namespaces);

        if (proxy)
            audit_tally_hold(&judging->proxies, proxy);
        else if (!task->kernel_thread && !task->idle && task->in_pid_table &&
                 task->state != TASK_ZOMBIE && task->state != TASK_DEAD)
            audit_report(judging->audit,
                         (struct audit_finding){
                             .tid = task->tid, .pid = task->tgid, .object = task->address},
                         "task %d is in no namespaces", task->tid);
    }
    /* The kernel's own set is judged even if nobody uses it. */
    audit_tally(&judging->proxies, AUDIT_ROOT(world, roots_initial_nsproxy));
    for (size_t i = 0; i < judging->proxies.room; i++)
        if (judging->proxies.places[i].address)
            check_proxy(judging, judging->proxies.places[i].address,
                        judging->proxies.places[i].held);
}

/* ---- who else holds them ---- */

static uint64_t head_of_pid(const struct audit_world *world, uint64_t namespace)
{
    const struct audit_layout *l = world->layout;

    return namespace ? namespace + l->pid_namespace_head.offset - l->namespace_references.offset
                     : 0;
}

static void hold_numbers(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    uint64_t chunks = AUDIT_ROOT(world, roots_pid_globals);

    for (unsigned i = 0; chunks && i < PID_CHUNKS_MAX; i++) {
        const uint8_t *place = audit_at(world, chunks + i * 8ul, 8);
        uint64_t address = 0;

        if (place)
            memcpy(&address, place, sizeof(address));
        const uint8_t *chunk = address ? audit_at(world, address, PLACES * 8ul) : NULL;
        for (unsigned j = 0; chunk && j < PLACES; j++) {
            memcpy(&address, chunk + j * 8ul, sizeof(address));
            const uint8_t *numbers = address ? audit_at(world, address, 16) : NULL;
            if (numbers)
                audit_tally_hold(&judging->namespaces,
                                 head_of_pid(world, AUDIT_GET(world, numbers, numbers_namespace)));
        }
    }
}

static void hold_inode(struct judging *judging, uint64_t address)
{
    const struct audit_world *world = judging->world;
    const uint8_t *inode = audit_at(world, address, world->layout->inode_bytes);

    if (!inode ||
        AUDIT_GET(world, inode, inode_operations) != AUDIT_ROOT(world, roots_nsfs_operations))
        return;
    struct audit_tallied *seen = audit_tally(&judging->inodes, address);
    if (seen && !seen->held++)
        audit_tally_hold(&judging->namespaces, AUDIT_GET(world, inode, inode_private_data));
}

static bool hold_files(struct judging *judging, uint32_t *ret_slack)
{
    const struct audit_world *world = judging->world;
    struct audit_files files;
    struct audit_mounts mounts;
    struct audit_tally systems = {0};

    if (!audit_files_find(world, &files))
        return false;
    for (size_t i = 0; i < files.count; i++)
        if (files.files[i].raw)
            hold_inode(judging, AUDIT_GET(world, files.files[i].raw, file_inode));
    *ret_slack = files.slack;
    audit_files_free(&files);
    audit_mounts_find(world, &mounts);
    for (size_t i = 0; i < mounts.count; i++) {
        const uint8_t *root = audit_at(world, mounts.mounts[i].root, world->layout->dentry_bytes);
        const uint8_t *system =
            audit_at(world, mounts.mounts[i].filesystem, world->layout->filesystem_bytes);
        struct audit_tallied *seen = audit_tally(&systems, mounts.mounts[i].filesystem);

        if (root)
            hold_inode(judging, AUDIT_GET(world, root, dentry_inode));
        if (!system || !seen || seen->held++)
            continue;
        /* A proc holds the PID namespace that it shows. */
        struct audit_tallied *shown =
            audit_tallied(&judging->namespaces,
                          head_of_pid(world, AUDIT_GET(world, system, filesystem_private_data)));
        if (shown)
            shown->other++;
    }
    bool whole = mounts.whole;
    audit_tally_free(&systems);
    audit_mounts_free(&mounts);
    return whole;
}

static void hold_others(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    const struct audit_layout *l = world->layout;
    struct audit_tally lists = {0};
    const uint8_t *initial =
        audit_at(world, AUDIT_ROOT(world, roots_initial_nsproxy), l->nsproxy_bytes);

    for (unsigned kind = 0; initial && kind < AUDIT_NAMESPACE_KINDS; kind++)
        audit_tally_hold(&judging->namespaces, proxy_place(world, initial, kind)); /* itself */
    for (size_t i = 0; i < world->process_count; i++) {
        uint64_t namespace = AUDIT_GET(world, world->processes[i].raw, process_pid_namespace);
        const uint8_t *raw = audit_at(world, namespace, l->pid_namespace_bytes);

        if (raw && audit_get(raw, l->pid_namespace_level)) /* the first one is not counted */
            audit_tally_hold(&judging->namespaces, head_of_pid(world, namespace));
    }
    for (size_t i = 0; i < world->task_count; i++) {
        uint64_t address = AUDIT_GET(world, world->tasks[i].raw, task_sem_undo);
        const uint8_t *list = audit_at(world, address, l->sem_undo_list_bytes);
        struct audit_tallied *seen = audit_tally(&lists, address);

        if (list && seen && !seen->held++)
            audit_tally_hold(&judging->namespaces, audit_get(list, l->undo_list_space) +
                                                       l->ipc_namespace_head.offset -
                                                       l->namespace_references.offset);
    }
    audit_tally_free(&lists);
    hold_numbers(judging);
}

static void check_counts(const struct judging *judging, uint32_t slack)
{
    const struct audit_world *world = judging->world;

    for (size_t i = 0; i < judging->namespaces.room; i++) {
        const struct audit_tallied *one = &judging->namespaces.places[i];
        const uint8_t *raw =
            one->address ? audit_at(world, one->address, world->layout->namespace_bytes) : NULL;

        if (!raw || !one->listed)
            continue;
        uint64_t counted = AUDIT_GET(world, raw, namespace_references);
        if (counted < one->held || counted > one->held + one->other + slack)
            audit_report(judging->audit, (struct audit_finding){.object = one->address},
                         "namespace %lu has %lu references, %u holders were found",
                         (unsigned long)AUDIT_GET(world, raw, namespace_number),
                         (unsigned long)counted, one->held);
    }
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct judging judging = {.audit = audit, .world = world};
    uint32_t slack = 0;

    if (!AUDIT_ROOT(world, roots_namespaces))
        return;
    if (!audit_each_namespace(world, AUDIT_NAMESPACE_KINDS, visit_namespace, &judging)) {
        audit_report(audit, (struct audit_finding){0}, "the list of all namespaces is no list");
    } else {
        check_tasks(&judging);
        hold_others(&judging);
        if (hold_files(&judging, &slack) && !judging.namespaces.out_of_memory &&
            !judging.inodes.out_of_memory && !judging.proxies.out_of_memory)
            check_counts(&judging, slack);
    }
    audit_tally_free(&judging.proxies);
    audit_tally_free(&judging.namespaces);
    audit_tally_free(&judging.inodes);
}

const struct audit_invariant invariant_namespaces = {
    .name = "namespaces",
    .proves =
        "every task is in one namespace of each kind, and namespaces have as many references as "
        "holders",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_WAKES,
    .check = check,
};
