/* vmm/profile/folded.c - see folded.h. */
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/profile/folded.h"

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct folded_line *)a)->text, ((const struct folded_line *)b)->text);
}

bool folded_add(struct folded *folded, const char *text)
{
    size_t bytes = strlen(text) + 1;
    struct folded_line *line = malloc(sizeof(*line) + bytes);

    if (!line)
        return false;
    line->count = 1;
    memcpy(line->text, text, bytes);
    struct folded_line **found = tsearch(line, &folded->tree, by_text);
    if (!found || *found != line)
        free(line);
    else
        folded->lines++;
    if (found && *found != line)
        (*found)->count++;
    return found != NULL;
}

struct gathered {
    const struct folded_line **list;
    size_t count, room;
};

static void gather(const void *node, VISIT visit, void *context)
{
    struct gathered *gathered = context;

    if ((visit == postorder || visit == leaf) && gathered->count < gathered->room)
        gathered->list[gathered->count++] = *(struct folded_line *const *)node;
}

static int by_count(const void *a, const void *b)
{
    const struct folded_line *left = *(const struct folded_line *const *)a;
    const struct folded_line *right = *(const struct folded_line *const *)b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp(left->text, right->text);
}

const struct folded_line **folded_sorted(const struct folded *folded, size_t *ret_count)
{
    struct gathered gathered = {.list = calloc(folded->lines + 1, sizeof(*gathered.list)),
                                .room = folded->lines};

    if (gathered.list)
        twalk_r(folded->tree, gather, &gathered);
    if (gathered.count)
        qsort(gathered.list, gathered.count, sizeof(*gathered.list), by_count);
    *ret_count = gathered.count;
    return gathered.list;
}

void folded_deinit(struct folded *folded)
{
    tdestroy(folded->tree, free);
    folded->tree = NULL;
}

void folded_append(char *line, const char *frame, const char *ending)
{
    size_t used = strlen(line), bytes = strlen(frame), end = strlen(ending);

    if (used + 1 + bytes + end + 1 > FOLDED_LINE_MAX)
        return;
    if (used)
        line[used++] = ';';
    for (size_t i = 0; i < bytes; i++) {
        char letter = frame[i];

        if (letter == ';')
            letter = ':';
        else if (letter < ' ' || letter > '~')
            letter = '?';
        line[used++] = letter;
    }
    memcpy(line + used, ending, end + 1);
}
