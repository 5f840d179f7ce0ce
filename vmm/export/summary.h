/*
 * vmm/export/summary.h - what `vitrine run` shows after the program: the process tree and the
 * context switches.
 */
#ifndef VITRINE_EXPORT_SUMMARY_H
#define VITRINE_EXPORT_SUMMARY_H

#include <stdio.h>

#include "vmm/export/process_tree.h"
#include "vmm/export/sink.h"

struct summary_style {
    bool colour;
    bool unicode;
    unsigned width; /* columns, 0 = 100 */
};

/* Style for a stream: colour only on a terminal without NO_COLOR, unicode by the locale. */
struct summary_style summary_style_for(FILE *out);

/* out: where summary_print() writes; borrowed. */
struct vt_error *summary_sink_create(struct vt_guest *guest, struct trace_sink **ret);

/* After finish(). */
void summary_print(const struct trace_sink *sink, FILE *out, struct summary_style style);
const struct process_tree *summary_tree(const struct trace_sink *sink);

/* "1.23 ms" and the like: three digits that matter. */
const char *summary_duration(uint64_t ns, char text[16]);

/* The branches in front of a tree's entry: one group per level. */
void summary_branches(FILE *out, unsigned depth, const bool *last, bool unicode);

#endif
