/* vmm/profile/folded.h - stacks as text, each with how often it was seen. */
#ifndef VITRINE_PROFILE_FOLDED_H
#define VITRINE_PROFILE_FOLDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOLDED_LINE_MAX 16384

struct folded_line {
    uint64_t count;
    char text[]; /* "outermost;...;innermost" */
};

struct folded {
    void *tree; /* of struct folded_line, by text (tsearch) */
    size_t lines;
};

/* False: out of memory; the stack is not counted. */
bool folded_add(struct folded *folded, const char *text);
/* All lines, most frequent first, then by text; the array is free()d, the lines are not. */
const struct folded_line **folded_sorted(const struct folded *folded, size_t *ret_count);
void folded_deinit(struct folded *folded);

/* Appends a frame to a line of FOLDED_LINE_MAX bytes; what would break the format is replaced, what
 * does not fit is left out. */
void folded_append(char *line, const char *frame, const char *ending);

#endif
