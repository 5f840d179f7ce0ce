/*
 * vmm/cli/run_report.h - what --stats prints and what --json writes after a run.
 */
#ifndef VITRINE_CLI_RUN_REPORT_H
#define VITRINE_CLI_RUN_REPORT_H

#include <stdio.h>

#include "vmm/export/process_tree.h"

struct run_result {
    struct vt_machine *machine;
    const struct vt_host *host;
    unsigned cpus;
    uint64_t memory_bytes;
    struct vt_outcome outcome;
    int exit_status; /* ours */
    bool timed_out;
    uint64_t wall_ns;                /* from the start of the machine to its end */
    const struct process_tree *tree; /* NULL = not traced */
    struct vt_audit *audit;          /* NULL = not audited */
};

void run_stats_print(const struct run_result *result, FILE *out);
struct vt_error *run_json_write(const struct run_result *result, const char *path);

#endif
