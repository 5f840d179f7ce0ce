/*
 * tests/integration/trace_lines.c - events from the lines of ftrace text and of `trace-cmd report`.
 */
#include "tests/integration/trace_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * "   comm-12   [001] d...1   0.123456: sched_switch: prev_comm=..." of ours and, with nine digits
 * of time and without the flags, of trace-cmd's. A name may have blanks, '-' and '['.
 */
static bool parse_line(const char *text, struct trace_line *ret)
{
    const char *bracket = text, *dash, *colon;
    char digits[16];
    unsigned long seconds;
    int used = 0;

    while ((bracket = strstr(bracket, " [")) != NULL &&
           (strspn(bracket + 2, "0123456789") != 3 || bracket[5] != ']'))
        bracket++;
    if (bracket == NULL)
        return false;
    for (dash = bracket; dash > text && *dash != '-'; dash--)
        ;
    ret->tid = strtol(dash + 1, NULL, 10);
    ret->cpu = (unsigned)strtoul(bracket + 2, NULL, 10);
    const char *time = bracket + 6;
    time += strspn(time, " ");
    if (*time == 'd' || *time == '.')
        time += strcspn(time, " ");
    if (sscanf(time, " %lu.%15[0-9]:%n", &seconds, digits, &used) != 2 || used == 0)
        return false;
    digits[6] = '\0';
    ret->us = seconds * 1000000u + strtoul(digits, NULL, 10);
    ret->event = time + used + strspn(time + used, " ");
    colon = strchr(ret->event, ':');
    ret->name_bytes = colon != NULL ? (size_t)(colon - ret->event) : 0;
    return colon != NULL;
}

struct trace_lines trace_lines_parse(char *text, const char *skip)
{
    struct trace_lines lines = {.text = text,
                                .list = calloc(strlen(text) / 20 + 1, sizeof(struct trace_line))};
    char *rest;

    for (char *one = strtok_r(text, "\n", &rest); one != NULL; one = strtok_r(NULL, "\n", &rest))
        if (*one != '#' && strncmp(one, skip, strlen(skip)) != 0) {
            cr_assert(parse_line(one, &lines.list[lines.count]), "no event: %s", one);
            lines.count++;
        }
    return lines;
}

void trace_lines_free(struct trace_lines *lines)
{
    free(lines->text);
    free(lines->list);
}

bool trace_line_is(const struct trace_line *line, const char *name)
{
    return line->name_bytes == strlen(name) && strncmp(line->event, name, line->name_bytes) == 0;
}

size_t trace_lines_count(const struct trace_lines *lines, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < lines->count; i++)
        count += trace_line_is(&lines->list[i], name);
    return count;
}

const char *trace_line_body(const struct trace_line *line)
{
    const char *body = line->event + line->name_bytes + 1;

    return body + strspn(body, " ");
}
