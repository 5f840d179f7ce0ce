/*
 * vmm/export/process_tree.c - building and walking the tree of processes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/export/process_tree.h"
#include "vmm/export/record.h"

#define PROCESSES_MAX 200000u

void process_tree_init(struct process_tree *tree, struct vt_guest *guest)
{
    memset(tree, 0, sizeof(*tree));
    tree->guest = guest;
}

void process_tree_deinit(struct process_tree *tree)
{
    free(tree->processes);
    free(tree->threads);
    memset(tree, 0, sizeof(*tree));
}

static struct tree_thread *slot_of(const struct process_tree *tree, int32_t tid)
{
    uint32_t mask = tree->thread_room - 1;

    for (uint32_t i = (uint32_t)tid * 2654435761u & mask;; i = (i + 1) & mask)
        if (tree->threads[i].tid == tid || tree->threads[i].tid == 0)
            return &tree->threads[i];
}

static bool set_owner(struct process_tree *tree, int32_t tid, int process)
{
    if (tree->thread_count * 2 >= tree->thread_room) {
        uint32_t old_room = tree->thread_room, room = old_room ? old_room * 2 : 256;
        struct tree_thread *old = tree->threads;
        struct tree_thread *larger =
            room > PROCESSES_MAX * 8 ? NULL : calloc(room, sizeof(*larger));

        if (!larger)
            return false;
        tree->threads = larger;
        tree->thread_room = room;
        for (uint32_t i = 0; i < old_room; i++)
            if (old[i].tid)
                *slot_of(tree, old[i].tid) = old[i];
        free(old);
    }
    struct tree_thread *slot = slot_of(tree, tid);
    if (!slot->tid)
        tree->thread_count++;
    *slot = (struct tree_thread){.tid = tid, .process = process};
    return true;
}

static struct tree_process *owner_of(const struct process_tree *tree, int32_t tid)
{
    if (!tid || !tree->thread_room)
        return NULL;
    const struct tree_thread *slot = slot_of(tree, tid);
    return slot->tid == tid ? &tree->processes[slot->process] : NULL;
}

static struct tree_process *add_process(struct process_tree *tree, int32_t pid, int parent,
                                        uint64_t now)
{
    if (tree->count == tree->room) {
        size_t room = tree->room ? tree->room * 2 : 64;
        struct tree_process *larger =
            room > PROCESSES_MAX ? NULL : realloc(tree->processes, room * sizeof(*larger));

        if (!larger) {
            tree->dropped++;
            return NULL;
        }
        tree->processes = larger;
        tree->room = room;
    }
    if (!set_owner(tree, pid, (int)tree->count)) {
        tree->dropped++;
        return NULL;
    }
    struct tree_process *process = &tree->processes[tree->count++];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there was room, so there is an array */
    *process = (struct tree_process){.pid = pid, .parent = parent, .start_ns = now};
    return process;
}

static void take_fork(struct process_tree *tree, const struct trace_record *record, uint64_t now)
{
    int32_t child = record_low(record, 0), child_group = record_high(record, 0);
    struct tree_process *parent = owner_of(tree, record->tid);

    if (!parent)
        return; /* a kernel thread's */
    int parent_index = (int)(parent - tree->processes);
    if (child_group == record->tgid) {
        if (set_owner(tree, child, parent_index))
            parent->threads++;
        return;
    }
    struct tree_process *process = add_process(tree, child, parent_index, now);
    if (process)
        memcpy(process->comm, tree->processes[parent_index].comm, sizeof(process->comm));
}

static void take_switch(struct process_tree *tree, const struct trace_record *record, uint64_t now)
{
    struct tree_process *process = owner_of(tree, switch_previous(record));
    uint64_t started;

    if (!process)
        return;
    started = vt_guest_tsc_to_ns(tree->guest, record->tsc - record->arg[3]);
    if (record->arg[3] <= record->tsc && started <= now)
        process->run_ns += now - started;
    switch (switch_reason_of(record)) {
    case SWITCH_SLICE_OVER:
    case SWITCH_PREEMPTED:
    case SWITCH_MIGRATED:
        process->involuntary++;
        break;
    default:
        process->voluntary++;
        break;
    }
}

void process_tree_take(struct process_tree *tree, const struct vt_trace *trace,
                       const struct trace_record *record)
{
    uint64_t now = vt_guest_tsc_to_ns(tree->guest, record->tsc);
    struct tree_process *process = owner_of(tree, record->tid);

    tree->last_ns = now > tree->last_ns ? now : tree->last_ns;
    /* The kernel starts the first program itself: it appears when it executes. Others without a
     * fork are threads of the kernel. (A page fault is a user process's as well, should the first
     * event be lost.) */
    if (!process && record->tid && record->tid == record->tgid &&
        (record->type == TRACE_EXEC || record->type == TRACE_FAULT))
        process = add_process(tree, record->tid, -1, now);
    switch (record->type) {
    case TRACE_FORK:
        take_fork(tree, record, now);
        break;
    case TRACE_SWITCH:
        take_switch(tree, record, now);
        break;
    case TRACE_EXIT:
        if (process && record->arg[1]) {
            process->ended = true;
            process->status = (uint32_t)record->arg[0];
            process->end_ns = now;
        }
        break;
    case TRACE_REAP: {
        struct tree_process *zombie = owner_of(tree, record_low(record, 0));

        if (zombie)
            zombie->reaped = true;
        break;
    }
    default:
        break;
    }
    process = owner_of(tree, record->tid);
    if (process && record->tid == process->pid)
        snprintf(process->comm, sizeof(process->comm), "%s", vt_trace_comm(trace, record->tid));
}

struct walk {
    const struct process_tree *tree;
    int *first_child, *next_sibling; /* indexes, -1 = none */
    void (*visit)(void *context, const struct tree_process *process, unsigned depth,
                  const bool last[TREE_DEPTH_MAX]);
    void *context;
    bool last[TREE_DEPTH_MAX];
};

static void walk_from(struct walk *walk, int index, unsigned depth)
{
    for (; index >= 0; index = walk->next_sibling[index]) {
        walk->last[depth] = walk->next_sibling[index] < 0;
        walk->visit(walk->context, &walk->tree->processes[index], depth, walk->last);
        /* A chain deeper than a page is wide is drawn on its last level. */
        if (walk->first_child[index] >= 0)
            walk_from(walk, walk->first_child[index],
                      depth + 1 < TREE_DEPTH_MAX ? depth + 1 : depth);
    }
}

void process_tree_walk(const struct process_tree *tree,
                       void (*visit)(void *context, const struct tree_process *process,
                                     unsigned depth, const bool last[TREE_DEPTH_MAX]),
                       void *context)
{
    struct walk walk = {.tree = tree, .visit = visit, .context = context};
    int first_root = -1;

    if (!tree->count)
        return;
    walk.first_child = malloc(tree->count * sizeof(int));
    walk.next_sibling = malloc(tree->count * sizeof(int));
    if (walk.first_child && walk.next_sibling) {
        for (size_t i = 0; i < tree->count; i++)
            walk.first_child[i] = -1;
        /* From the back, so that every list starts with its oldest. */
        for (size_t i = tree->count; i-- > 0;) {
            int parent = tree->processes[i].parent;
            int *head = parent >= 0 ? &walk.first_child[parent] : &first_root;

            walk.next_sibling[i] = *head;
            *head = (int)i;
        }
        walk_from(&walk, first_root, 0);
    }
    free(walk.first_child);
    free(walk.next_sibling);
}
