/*
 * vmm/export/trace_cmd_format.c - the layout of events in a trace-cmd file.
 *
 * Both sides of it are made from the same table, so that what is written is what is described.
 */
#include <string.h>

#include "vmm/export/trace_cmd_format.h"

#define FIRST_ID       100 /* of our events; small numbers are those of ftrace itself */
#define COMMON_BYTES   8u  /* common_type, _flags, _preempt_count, _pid */
#define LOCATION_BYTES 4u  /* of a string: offset | length << 16 */

const char trace_cmd_header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
                                     "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
                                     "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
                                     "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";

const char trace_cmd_header_event[] = "# compressed entry header\n"
                                      "\ttype_len    :    5 bits\n"
                                      "\ttime_delta  :   27 bits\n"
                                      "\tarray       :   32 bits\n"
                                      "\n"
                                      "\tpadding     : type == 29\n"
                                      "\ttime_extend : type == 30\n"
                                      "\ttime_stamp : type == 31\n"
                                      "\tdata max type_len  == 28\n";

/* How a kind of field is stored and printed. */
struct storage {
    const char *type, *array; /* C declaration: type NAME array */
    unsigned bytes;
    bool is_signed;
    const char *conversion; /* of print fmt */
};

static const struct storage storages[] = {
    [FTRACE_INT] = {"int", "", 4, true, "%d"},
    [FTRACE_SHORT] = {"short", "", 2, true, "%hd"},
    [FTRACE_CPU] = {"int", "", 4, true, "%03d"},
    [FTRACE_LONG] = {"long", "", 8, true, "%ld"},
    [FTRACE_HEX] = {"unsigned long", "", 8, false, "%lx"},
    [FTRACE_ADDRESS] = {"unsigned long", "", 8, false, "0x%lx"},
    [FTRACE_COMM] = {"char", "[16]", FTRACE_COMM_BYTES, false, "%s"},
    [FTRACE_STRING] = {"__data_loc char[]", "", LOCATION_BYTES, false, "%s"},
    [FTRACE_STATE] = {"long", "", 8, true, "%s%s"},
    [FTRACE_SIX_WORDS] = {"unsigned long", "[6]", 8 * FTRACE_ARGUMENTS, false,
                          "(%lx, %lx, %lx, %lx, %lx, %lx)"},
};

/* Numbers lie at multiples of their size, text where the last field ends. */
static unsigned place(enum ftrace_field_kind kind, unsigned end)
{
    unsigned align = kind == FTRACE_COMM ? 1 : kind == FTRACE_SIX_WORDS ? 8 : storages[kind].bytes;

    return (end + align - 1) / align * align;
}

static void describe_field(FILE *out, const char *type, const char *name, const char *array,
                           unsigned offset, unsigned bytes, bool is_signed)
{
    fprintf(out, "\tfield:%s %s%s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", type, name, array, offset,
            bytes, is_signed);
}

static void describe_argument(FILE *out, const struct ftrace_field *field)
{
    switch (field->kind) {
    case FTRACE_STRING:
        fprintf(out, ", __get_str(%s)", field->name);
        break;
    case FTRACE_SIX_WORDS:
        for (unsigned i = 0; i < FTRACE_ARGUMENTS; i++)
            fprintf(out, ", REC->%s[%u]", field->name, i);
        break;
    case FTRACE_STATE:
        fprintf(out, ", (REC->%s & 0x%x) ? __print_flags(REC->%s & 0x%x, \"|\"", field->name,
                FTRACE_STATE_MASK, field->name, FTRACE_STATE_MASK);
        for (unsigned i = 0; i < FTRACE_STATE_BITS; i++)
            fprintf(out, ", { 0x%02x, \"%c\" }", ftrace_state_bits[i].bit,
                    ftrace_state_bits[i].letter);
        fprintf(out, ") : \"R\", REC->%s & 0x%x ? \"+\" : \"\"", field->name,
                FTRACE_STATE_PREEMPTED);
        break;
    default:
        fprintf(out, ", REC->%s", field->name);
        break;
    }
}

void trace_cmd_describe(FILE *out, enum ftrace_event_kind kind)
{
    const struct ftrace_format *format = &ftrace_formats[kind];
    const struct ftrace_field *field, *end = format->fields + FTRACE_FIELDS_MAX;
    unsigned offset = COMMON_BYTES;

    fprintf(out, "name: %s\nID: %d\nformat:\n", format->name, FIRST_ID + (int)kind);
    describe_field(out, "unsigned short", "common_type", "", 0, 2, false);
    describe_field(out, "unsigned char", "common_flags", "", 2, 1, false);
    describe_field(out, "unsigned char", "common_preempt_count", "", 3, 1, false);
    describe_field(out, "int", "common_pid", "", 4, 4, true);
    fputc('\n', out);
    for (field = format->fields; field < end && field->kind; field++) {
        const struct storage *storage = &storages[field->kind];

        offset = place(field->kind, offset);
        describe_field(out, storage->type, field->name, storage->array, offset, storage->bytes,
                       storage->is_signed);
        offset += storage->bytes;
    }
    fputs("\nprint fmt: \"", out);
    for (field = format->fields; field < end && field->kind; field++)
        fprintf(out, "%s%s", field->before, storages[field->kind].conversion);
    fputc('"', out);
    for (field = format->fields; field < end && field->kind; field++)
        describe_argument(out, field);
    fputc('\n', out);
}

/* Text of variable length lies behind all fields. Returns the new end. */
static unsigned encode_string(const char *text, unsigned location, unsigned end,
                              unsigned char *event)
{
    uint32_t bytes = (uint32_t)strlen(text) + 1;
    uint32_t word = end | bytes << 16;

    memcpy(event + location, &word, sizeof(word));
    memcpy(event + end, text, bytes);
    return end + bytes;
}

unsigned trace_cmd_encode(const struct ftrace_event *event, int32_t tid,
                          unsigned char ret[RING_EVENT_MAX])
{
    const struct ftrace_field *fields = ftrace_formats[event->kind].fields;
    unsigned offsets[FTRACE_FIELDS_MAX], end = COMMON_BYTES;
    uint16_t id = (uint16_t)(FIRST_ID + event->kind);

    memset(ret, 0, RING_EVENT_MAX);
    memcpy(ret, &id, sizeof(id));
    ret[2] = FTRACE_IRQS_OFF;
    ret[3] = FTRACE_PREEMPT_COUNT;
    memcpy(ret + 4, &tid, sizeof(tid));
    for (unsigned i = 0; i < FTRACE_FIELDS_MAX && fields[i].kind; i++) {
        const struct ftrace_value *value = &event->values[i];
        unsigned bytes = storages[fields[i].kind].bytes;

        offsets[i] = place(fields[i].kind, end);
        end = offsets[i] + bytes;
        if (fields[i].kind == FTRACE_COMM)
            memcpy(ret + offsets[i], value->text, bytes);
        else if (fields[i].kind == FTRACE_SIX_WORDS)
            memcpy(ret + offsets[i], value->words, bytes);
        else if (fields[i].kind != FTRACE_STRING)
            memcpy(ret + offsets[i], &value->number, bytes); /* little endian: the low part */
    }
    for (unsigned i = 0; i < FTRACE_FIELDS_MAX && fields[i].kind; i++)
        if (fields[i].kind == FTRACE_STRING)
            end = encode_string(event->values[i].text, offsets[i], end, ret);
    return (end + 3) / 4 * 4;
}
