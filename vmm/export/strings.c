/*
 * vmm/export/strings.c - see strings.h.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/export/strings.h"

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static uint32_t *slot_of(const struct string_list *list, const char *text)
{
    uint32_t mask = list->slot_room - 1;

    for (uint32_t i = hash_of(text) & mask;; i = (i + 1) & mask)
        if (!list->slots[i] || strcmp(list->texts[list->slots[i] - 1], text) == 0)
            return &list->slots[i];
}

/* Room for one more; at most half of the slots are in use. */
static bool grow(struct string_list *list)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 64;
        char **larger = room > STRINGS_MAX ? NULL : realloc(list->texts, room * sizeof(*larger));

        if (!larger)
            return false;
        list->texts = larger;
        list->room = room;
    }
    if (list->room * 2 > list->slot_room) {
        uint32_t *larger = calloc((size_t)list->room * 2, sizeof(*larger));

        if (!larger)
            return false;
        free(list->slots);
        list->slots = larger;
        list->slot_room = list->room * 2;
        for (uint32_t i = 0; i < list->count; i++)
            *slot_of(list, list->texts[i]) = i + 1;
    }
    return true;
}

static uint32_t add(struct string_list *list, const char *text)
{
    char *copy = grow(list) ? strdup(text) : NULL;

    if (!copy)
        return 0;
    list->texts[list->count] = copy;
    *slot_of(list, copy) = ++list->count;
    return list->count - 1;
}

uint32_t string_number(struct string_list *list, const char *text)
{
    if (!list->count)
        add(list, "?");
    if (!list->count)
        return 0;
    uint32_t found = *slot_of(list, text);
    return found ? found - 1 : add(list, text);
}

void string_list_deinit(struct string_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->texts[i]);
    free(list->texts);
    free(list->slots);
    *list = (struct string_list){0};
}
