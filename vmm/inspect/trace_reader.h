/*
 * vmm/inspect/trace_reader.h - the inside of struct vt_trace, for the exporters and the session.
 *
 * A reader belongs to one thread. `next[i]` is the number of the next record to take from CPU i's
 * ring; it is also what the lossless kernel is told through control.trace_tail (the smallest over
 * all open readers).
 */
#ifndef VITRINE_INSPECT_TRACE_READER_H
#define VITRINE_INSPECT_TRACE_READER_H

#include "vmm/inspect/guest.h"

#define TRACE_RING_RECORDS_MAX (1u << 24)

struct comm_entry {
    int32_t tid; /* 0 = free */
    char comm[16];
};

struct vt_trace {
    struct vt_guest *guest;
    struct vt_trace *next_trace; /* guest->traces, under trace_lock */
    bool from_now;
    bool started[BOOT_CPUS_MAX];   /* next[] was placed in this CPU's ring */
    uint64_t first[BOOT_CPUS_MAX]; /* where next[] was placed; a larger first record is a loss */
    uint64_t next[BOOT_CPUS_MAX];  /* atomic: other readers publish the tails too */
    uint64_t published[BOOT_CPUS_MAX]; /* own part of the tail when it was last published */
    bool held[BOOT_CPUS_MAX];          /* pending[] holds a record that was not returned yet */
    struct trace_record pending[BOOT_CPUS_MAX];
    uint64_t lost;
    unsigned cpus, looks;     /* CPUs online when last counted; records since then */
    struct comm_entry *comms; /* open addressing, comm_room is a power of two */
    uint32_t comm_room, comm_count;
    char old_comm[16]; /* of the last record's task, before that record; its own name mostly */
};

/* Applies skip, types, ids and arguments as the kernel does. Counts filter->skip down. */
bool trace_filter_matches(struct glass_filter *filter, const struct trace_record *record);

/* comm of the new program in a TRACE_EXEC or TRACE_COMM record, made printable. */
void trace_record_comm(const struct trace_record *record, char comm[16]);

#endif
