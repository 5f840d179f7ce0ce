/* vmm/inspect/trace_comms.h - the names of tasks as a trace reader learns them from the records. */
#ifndef VITRINE_INSPECT_TRACE_COMMS_H
#define VITRINE_INSPECT_TRACE_COMMS_H

#include "vmm/inspect/trace_reader.h"

void trace_comms_set(struct vt_trace *trace, int32_t tid, const char *comm);
void trace_comms_learn(struct vt_trace *trace, const struct trace_record *record);

#endif
