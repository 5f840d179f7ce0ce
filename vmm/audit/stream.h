/* vmm/audit/stream.h - fields of records (shared/trace.h), for the invariants that judge them. */
#ifndef VITRINE_AUDIT_STREAM_H
#define VITRINE_AUDIT_STREAM_H

#include <stdlib.h>

#include "vmm/audit/audit.h"

static inline int32_t low_half(uint64_t value)
{
    return (int32_t)(uint32_t)value;
}
static inline int32_t high_half(uint64_t value)
{
    return (int32_t)(uint32_t)(value >> 32);
}
static inline enum task_state switch_state(const struct trace_record *record)
{
    return (enum task_state)(record->arg[1] & 0xff);
}
static inline enum switch_reason switch_reason(const struct trace_record *record)
{
    return (enum switch_reason)(record->arg[1] >> 8 & 0xff);
}
/* Not only normal tasks under the fair policy are at work on that CPU. */
static inline bool switch_mixed(const struct trace_record *record)
{
    return record->arg[1] >> 24 & 0xff;
}
static inline bool stream_tid_ok(int32_t tid)
{
    return tid >= 0 && tid < AUDIT_TIDS;
}

#endif
