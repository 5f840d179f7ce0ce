/*
 * tests/integration/perfetto_wire.h - reads a Perfetto trace byte by byte, knowing nothing but the
 * wire format of protobuf and the field numbers of Perfetto's documentation. Deliberately not made
 * from the .proto file that the trace was written with.
 */
#ifndef TESTS_INTEGRATION_PERFETTO_WIRE_H
#define TESTS_INTEGRATION_PERFETTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One sched_switch. */
struct wire_switch {
    unsigned cpu;
    uint64_t ns;
    int64_t previous, next, state;
    char previous_comm[16], next_comm[16];
};

struct wire_trace {
    struct wire_switch *switches; /* in the order of the file */
    size_t switch_count;
    size_t packets, events;
    size_t of_field[512];      /* events, by the number of FtraceEvent's field */
    size_t generic_faults;     /* generic events called page_fault_user with three numbers */
    size_t lossy_bundles;      /* bundles that say that events are missing before them */
    uint64_t overrun;          /* lost events, at the end of the trace */
    bool boot_clock;           /* a clock snapshot has CLOCK_BOOTTIME */
    bool start, end;           /* statistics of the start and of the end */
    char release[32];          /* of the kernel */
    size_t processes, threads; /* told of in process trees */
    int64_t last_parent;       /* of the last process told of; 0 = not given */
};

/* Fails the test on bytes that are no such trace. Free with wire_free(). */
void wire_read(const unsigned char *data, size_t bytes, struct wire_trace *ret);
void wire_free(struct wire_trace *trace);

#endif
