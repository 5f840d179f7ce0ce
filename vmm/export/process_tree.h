/*
 * vmm/export/process_tree.h - the processes of a run, put together from its trace alone.
 *
 * A process appears when it is forked, or (the first one) when it executes. PIDs may be used again:
 * a fork always makes a new entry. Kernel threads and the idle tasks are no part of the tree. One
 * thread.
 */
#ifndef VITRINE_EXPORT_PROCESS_TREE_H
#define VITRINE_EXPORT_PROCESS_TREE_H

#include "vmm/include/vitrine.h"

struct tree_process {
    int32_t pid;
    int parent;    /* index, -1 = none known */
    char comm[16]; /* last name */
    uint64_t start_ns, end_ns;
    bool ended;
    uint32_t status;                 /* wait status, valid when ended */
    uint64_t run_ns;                 /* time on a CPU, all threads */
    uint64_t voluntary, involuntary; /* switches away from its threads */
    unsigned threads;                /* beyond the first */
    bool reaped;
};

struct tree_thread {
    int32_t tid; /* 0 = free */
    int process;
};

struct process_tree {
    struct vt_guest *guest;
    struct tree_process *processes; /* in order of appearance: parents before children */
    size_t count, room;
    struct tree_thread *threads; /* open addressing by tid; the latest owner of each tid */
    uint32_t thread_count, thread_room;
    uint64_t dropped; /* processes beyond the limit */
    uint64_t last_ns;
};

void process_tree_init(struct process_tree *tree, struct vt_guest *guest);
void process_tree_deinit(struct process_tree *tree);
void process_tree_take(struct process_tree *tree, const struct vt_trace *trace,
                       const struct trace_record *record);

/*
 * Calls visit for every process, depth first, children in order of appearance. `last` has one flag
 * per level: the process (or its ancestor on that level) is the last child, for drawing.
 */
#define TREE_DEPTH_MAX 64
void process_tree_walk(const struct process_tree *tree,
                       void (*visit)(void *context, const struct tree_process *process,
                                     unsigned depth, const bool last[TREE_DEPTH_MAX]),
                       void *context);

#endif
