/*
 * tests/integration/perfetto_wire.c - a reader of Perfetto traces for tests.
 *
 * Field numbers: perfetto.dev/docs/reference/trace-packet-proto. They stand here as numbers, so
 * that a wrong number in the writer's own description cannot hide.
 */
#include "tests/integration/perfetto_wire.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    const unsigned char *at, *end;
};

struct field {
    unsigned number;
    bool is_bytes;
    uint64_t value;     /* of a varint */
    struct bytes bytes; /* of a string or message */
};

static uint64_t varint(struct bytes *from)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        cr_assert(from->at < from->end, "a number is cut off");
        unsigned char byte = *from->at++;
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (!(byte & 0x80))
            return value;
    }
    cr_assert_fail("a number of more than ten bytes");
    return 0;
}

/* The next field of a message; false at its end. */
static bool next_field(struct bytes *from, struct field *ret)
{
    if (from->at == from->end)
        return false;
    uint64_t tag = varint(from);
    ret->number = (unsigned)(tag >> 3);
    ret->is_bytes = (tag & 7) == 2;
    cr_assert(ret->number > 0 && ((tag & 7) == 0 || (tag & 7) == 2), "field %u of wire type %u",
              ret->number, (unsigned)(tag & 7));
    ret->value = varint(from);
    ret->bytes = (struct bytes){from->at, from->at}; /* a number taken for bytes is empty */
    if (!ret->is_bytes)
        return true;
    cr_assert(ret->value <= (uint64_t)(from->end - from->at), "field %u is cut off", ret->number);
    ret->bytes = (struct bytes){from->at, from->at + ret->value};
    from->at += ret->value;
    return true;
}

static void copy_text(const struct field *field, char *text, size_t room)
{
    size_t length = (size_t)(field->bytes.end - field->bytes.at);

    cr_assert(field->is_bytes && length < room, "a text of %zu bytes", length);
    memcpy(text, field->bytes.at, length);
    text[length] = '\0';
}

static void read_switch(struct bytes message, struct wire_switch *ret)
{
    struct field field;

    while (next_field(&message, &field))
        switch (field.number) {
        case 1:
            copy_text(&field, ret->previous_comm, sizeof ret->previous_comm);
            break;
        case 2:
            ret->previous = (int64_t)field.value;
            break;
        case 4:
            ret->state = (int64_t)field.value;
            break;
        case 5:
            copy_text(&field, ret->next_comm, sizeof ret->next_comm);
            break;
        case 6:
            ret->next = (int64_t)field.value;
            break;
        default:
            cr_assert((field.number == 3 || field.number == 7) && field.value == 120);
        }
}

/* GenericFtraceEvent: event_name = 1, field = 2 {name = 1, uint_value = 5}. */
static void read_generic(struct bytes message, struct wire_trace *trace)
{
    struct field field, part;
    char name[64] = "";
    unsigned numbers = 0;

    while (next_field(&message, &field)) {
        if (field.number == 1)
            copy_text(&field, name, sizeof name);
        cr_assert(field.number <= 2 && field.is_bytes);
        while (field.number == 2 && next_field(&field.bytes, &part))
            numbers += part.number == 5 && !part.is_bytes;
    }
    trace->generic_faults += strcmp(name, "page_fault_user") == 0 && numbers == 3;
}

static void add_switch(struct wire_trace *trace, const struct wire_switch *one)
{
    if ((trace->switch_count & (trace->switch_count + 1)) == 0) { /* full at 0, 1, 3, 7 ... */
        trace->switches =
            realloc(trace->switches, 2 * (trace->switch_count + 1) * sizeof *trace->switches);
        cr_assert(trace->switches != NULL);
    }
    trace->switches[trace->switch_count++] = *one;
}

/* FtraceEvent: timestamp = 1, pid = 2, and one of the events. Returns its time. */
static uint64_t read_event(struct bytes message, struct wire_trace *trace, unsigned cpu)
{
    struct field field;
    struct wire_switch one = {.cpu = cpu};
    uint64_t ns = 0;
    unsigned kind = 0;

    while (next_field(&message, &field))
        if (field.number == 1) {
            ns = field.value;
        } else if (field.number > 2) {
            cr_assert(kind == 0 && field.is_bytes && field.number < 512, "two events in one");
            kind = field.number;
            if (kind == 4)
                read_switch(field.bytes, &one);
            else if (kind == 327)
                read_generic(field.bytes, trace);
        }
    cr_assert(kind != 0, "an event without an event");
    trace->of_field[kind]++;
    trace->events++;
    one.ns = ns;
    if (kind == 4)
        add_switch(trace, &one);
    return ns;
}

/* FtraceEventBundle: cpu = 1, event = 2, lost_events = 3. */
static void read_bundle(struct bytes message, struct wire_trace *trace)
{
    struct field field;
    uint64_t last = 0;
    int64_t cpu = -1;

    while (next_field(&message, &field)) {
        if (field.number == 1) {
            cpu = (int64_t)field.value;
        } else if (field.number == 2) {
            cr_assert(cpu >= 0, "events of no CPU");
            uint64_t ns = read_event(field.bytes, trace, (unsigned)cpu);
            cr_assert(ns >= last, "time goes back in a bundle");
            last = ns;
        } else {
            cr_assert(field.number == 3);
            trace->lossy_bundles += field.value == 1;
        }
    }
}

/* ProcessTree: processes = 1 {pid = 1, ppid = 2, cmdline = 3}, threads = 2. */
static void read_tree(struct bytes message, struct wire_trace *trace)
{
    struct field field, part;

    while (next_field(&message, &field)) {
        trace->processes += field.number == 1;
        trace->threads += field.number == 2;
        if (field.number != 1)
            continue;
        trace->last_parent = 0;
        while (next_field(&field.bytes, &part))
            if (part.number == 2)
                trace->last_parent = (int64_t)part.value;
    }
}

/* FtraceStats: phase = 1 (1 start, 2 end), cpu_stats = 2 {overrun = 3}. */
static void read_statistics(struct bytes message, struct wire_trace *trace)
{
    struct field field, part;
    uint64_t phase = 0, overrun = 0;

    while (next_field(&message, &field)) {
        if (field.number == 1)
            phase = field.value;
        while (field.number == 2 && next_field(&field.bytes, &part))
            overrun += part.number == 3 ? part.value : 0;
    }
    cr_assert((phase == 1 && overrun == 0 && !trace->end) || phase == 2);
    if (phase == 1)
        trace->start = true;
    else
        trace->end = true;
    trace->overrun += overrun;
}

/* ClockSnapshot: clocks = 1 {clock_id = 1}; SystemInfo: utsname = 1 {release = 3}. */
static void read_about(struct bytes message, struct wire_trace *trace, bool clocks)
{
    struct field field, part;

    while (next_field(&message, &field))
        while (field.number == 1 && field.is_bytes && next_field(&field.bytes, &part))
            if (clocks)
                trace->boot_clock = trace->boot_clock || (part.number == 1 && part.value == 6);
            else if (part.number == 3)
                copy_text(&part, trace->release, sizeof trace->release);
}

static void read_packet(struct bytes message, struct wire_trace *trace)
{
    struct field field;

    trace->packets++;
    while (next_field(&message, &field))
        switch (field.number) {
        case 1:
            read_bundle(field.bytes, trace);
            break;
        case 2:
            read_tree(field.bytes, trace);
            break;
        case 6:
        case 45:
            read_about(field.bytes, trace, field.number == 6);
            break;
        case 34:
            read_statistics(field.bytes, trace);
            break;
        default:
            cr_assert(field.number == 8 || field.number == 10, "a packet's field %u", field.number);
        }
}

void wire_read(const unsigned char *data, size_t bytes, struct wire_trace *ret)
{
    struct bytes all = {data, data + bytes};
    struct field field;

    *ret = (struct wire_trace){0};
    while (next_field(&all, &field)) {
        cr_assert(field.number == 1 && field.is_bytes, "a trace is packets only");
        read_packet(field.bytes, ret);
    }
}

void wire_free(struct wire_trace *trace)
{
    free(trace->switches);
}
