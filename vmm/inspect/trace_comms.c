/*
 * vmm/inspect/trace_comms.c - the names of tasks as a trace reader learns them from the records.
 *
 * A hostile guest could name four billion tasks: the table stops growing at COMMS_MAX, later ones
 * stay "?".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/trace_comms.h"

#define COMMS_MAX (1u << 20)

static struct comm_entry *slot_of(const struct vt_trace *trace, int32_t tid)
{
    uint32_t mask = trace->comm_room - 1;

    for (uint32_t i = (uint32_t)tid * 2654435761u & mask;; i = (i + 1) & mask)
        if (trace->comms[i].tid == tid || trace->comms[i].tid == 0)
            return &trace->comms[i];
}

static bool grow(struct vt_trace *trace)
{
    uint32_t old_room = trace->comm_room;
    struct comm_entry *old = trace->comms;
    uint32_t room = old_room ? old_room * 2 : 256;
    struct comm_entry *entries = room > COMMS_MAX ? NULL : calloc(room, sizeof(*entries));

    if (!entries)
        return false;
    trace->comms = entries;
    trace->comm_room = room;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].tid)
            *slot_of(trace, old[i].tid) = old[i];
    free(old);
    return true;
}

void trace_comms_set(struct vt_trace *trace, int32_t tid, const char *comm)
{
    if (tid == 0)
        return;
    if (trace->comm_count * 2 >= trace->comm_room && !grow(trace) &&
        trace->comm_count + 1 >= trace->comm_room)
        return;
    struct comm_entry *entry = slot_of(trace, tid);
    if (entry->tid == 0)
        trace->comm_count++;
    entry->tid = tid;
    /* `comm` may be another entry's array: a fixed-size copy, not a string function. */
    memmove(entry->comm, comm, sizeof(entry->comm));
    entry->comm[sizeof(entry->comm) - 1] = '\0';
}

void trace_record_comm(const struct trace_record *record, char comm[16])
{
    memcpy(comm, &record->arg[0], 16);
    comm[15] = '\0';
    for (unsigned i = 0; comm[i]; i++)
        if ((unsigned char)comm[i] < ' ' || (unsigned char)comm[i] >= 0x7f)
            comm[i] = '?';
}

const char *vt_trace_comm(const struct vt_trace *trace, int32_t tid)
{
    if (tid == 0)
        return "idle";
    if (!trace->comm_room)
        return "?";
    const struct comm_entry *entry = slot_of(trace, tid);
    return entry->tid == tid ? entry->comm : "?";
}

void trace_comms_learn(struct vt_trace *trace, const struct trace_record *record)
{
    char comm[16] = "";

    snprintf(trace->old_comm, sizeof(trace->old_comm), "%.15s", vt_trace_comm(trace, record->tid));
    switch (record->type) {
    case TRACE_EXEC:
    case TRACE_COMM:
        trace_record_comm(record, comm);
        trace_comms_set(trace, record->tid, comm);
        break;
    case TRACE_RENUMBER:
        snprintf(comm, sizeof(comm), "%.15s", vt_trace_comm(trace, (int32_t)(uint32_t)record->arg[0]));
        trace_comms_set(trace, record->tid, comm);
        break;
    case TRACE_FORK:
        /* The entry may move when the table grows: copy first. */
        snprintf(comm, sizeof(comm), "%.15s", vt_trace_comm(trace, record->tid));
        trace_comms_set(trace, (int32_t)(uint32_t)record->arg[0], comm);
        break;
    default:
        break;
    }
}
