/*
 * tests/integration/trace_lines.h - events from the lines of ftrace text and of `trace-cmd report`,
 * in one form, so that they can be compared.
 */
#ifndef TESTS_INTEGRATION_TRACE_LINES_H
#define TESTS_INTEGRATION_TRACE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_line {
    unsigned cpu;
    long tid;
    uint64_t us;       /* further digits of the time are cut off */
    const char *event; /* "name: what happened", in the text it was taken from */
    size_t name_bytes;
};

struct trace_lines {
    char *text;
    struct trace_line *list;
    size_t count;
};

/* Lines that begin with `skip` or '#' are passed over; any other must be an event. Takes the text
 * over; free with trace_lines_free(). */
struct trace_lines trace_lines_parse(char *text, const char *skip);
void trace_lines_free(struct trace_lines *lines);

bool trace_line_is(const struct trace_line *line, const char *name);
size_t trace_lines_count(const struct trace_lines *lines, const char *name);
/* What stands behind the name; trace-cmd fills with blanks there. */
const char *trace_line_body(const struct trace_line *line);

#endif
