/*
 * vmm/inspect/settle.h - readings of structures that carry no version of their own, from a guest
 * that runs.
 *
 * A reader walks the structure and notes, besides what it will return, everything that its result
 * rests on (addresses, counts, versions) in a running sum, the proof. It is sent twice, or as often
 * as it takes until two walks in a row have the same proof: then nothing of it moved between the
 * end of the first and the start of the second, so both saw that moment's state. A walk that met
 * something half done ("corrupt") is repeated as well. In a world that stands still one walk is
 * enough and exact. After half a second without rest: the walk's own error, or VT_ERROR_BUSY.
 */
#ifndef VITRINE_INSPECT_SETTLE_H
#define VITRINE_INSPECT_SETTLE_H

#include "vmm/inspect/guest.h"

/* What a walk has found so far: equal items, and texts that they refer to. */
struct guest_list {
    uint8_t *items;
    size_t item_bytes, count, room;
    char *text;
    size_t text_bytes, text_room;
    uint64_t proof;
    bool out_of_memory;
    bool silent;    /* texts and bytes are not part of the proof */
    bool too_large; /* more text than any guest has: it is garbage */
};

/* A new item, all zero, valid until the next one; NULL when out of memory (then the walk should
 * end). */
void *guest_list_add(struct guest_list *list);
/* The result rests on this value. */
void guest_list_prove(struct guest_list *list, uint64_t value);
/* Keeps a text (NUL-terminated here) and proves it. What is returned goes into the item's text
 * member; it becomes a pointer when the listing is complete. */
const char *guest_list_text(struct guest_list *list, const char *text, size_t length);
/* The same for any bytes, aligned to 8, for an inner array. */
const void *guest_list_bytes(struct guest_list *list, const void *bytes, size_t length);

struct guest_listing {
    const char *what; /* for errors: "the mappings of task 3" */
    size_t item_bytes;
    size_t text_at[6];   /* offsets of the item's members that guest_list_text() filled ... */
    unsigned text_count; /* ... and how many there are */
    bool each_by_itself; /* items are no common picture: one walk without an error will do */
    struct vt_error *(*walk)(struct vt_guest *guest, void *context, struct guest_list *list);
};

/* *ret_items: one block, texts included; free(). NULL when there are none. */
struct vt_error *guest_settle(struct vt_guest *guest, const struct guest_listing *listing,
                              void *context, void **ret_items, size_t *ret_count);

#endif
