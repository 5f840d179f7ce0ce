/*
 * vmm/export/record.h - the parts of a trace record by name (the packing is in shared/trace.h).
 */
#ifndef VITRINE_EXPORT_RECORD_H
#define VITRINE_EXPORT_RECORD_H

#include "shared/trace.h"

static inline int32_t record_low(const struct trace_record *record, unsigned argument)
{
    return (int32_t)(uint32_t)record->arg[argument];
}

static inline int32_t record_high(const struct trace_record *record, unsigned argument)
{
    return (int32_t)(uint32_t)(record->arg[argument] >> 32);
}

static inline int32_t switch_previous(const struct trace_record *record)
{
    return record_low(record, 0);
}

static inline int32_t switch_next(const struct trace_record *record)
{
    return record_high(record, 0);
}

static inline enum task_state switch_state(const struct trace_record *record)
{
    return (enum task_state)(record->arg[1] & 0xff);
}

static inline enum switch_reason switch_reason_of(const struct trace_record *record)
{
    return (enum switch_reason)(record->arg[1] >> 8 & 0xff);
}

static inline enum wait_kind switch_wait(const struct trace_record *record)
{
    return (enum wait_kind)(record->arg[1] >> 16 & 0xff);
}

#endif
