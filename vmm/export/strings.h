/*
 * vmm/export/strings.h - texts by number: each different text is kept once.
 *
 * Memory is bounded: beyond STRINGS_MAX different texts, or without memory, new ones all become
 * number 0, which is "?". One thread.
 */
#ifndef VITRINE_EXPORT_STRINGS_H
#define VITRINE_EXPORT_STRINGS_H

#include <stdint.h>

#define STRINGS_MAX (1u << 20)

struct string_list {
    char **texts; /* owned; number 0 is "?" once anything was asked for */
    uint32_t count, room;
    uint32_t *slots; /* open addressing: number + 1, 0 = free; slot_room is a power of two */
    uint32_t slot_room;
};

/* The number of a text (copied), the same for the same text. A zeroed list is an empty one. */
uint32_t string_number(struct string_list *list, const char *text);
void string_list_deinit(struct string_list *list);

#endif
