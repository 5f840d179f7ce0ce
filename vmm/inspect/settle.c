/*
 * vmm/inspect/settle.c - repeating a walk until two agree, and packing what it found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/inspect/settle.h"

#define FAST_TRIES 20
#define TEXT_MAX   (64u << 20)

void *guest_list_add(struct guest_list *list)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 32;
        uint8_t *larger = realloc(list->items, room * list->item_bytes);

        if (!larger) {
            list->out_of_memory = true;
            return NULL;
        }
        list->items = larger;
        list->room = room;
    }
    void *item = list->items + list->count++ * list->item_bytes;
    memset(item, 0, list->item_bytes);
    return item;
}

void guest_list_prove(struct guest_list *list, uint64_t value)
{
    /* A guest that makes two different pictures collide deceives only its own reader. */
    list->proof = (list->proof ^ value) * 0x9e3779b97f4a7c15ull;
    list->proof ^= list->proof >> 29;
}

/* Room for so many bytes more, from *ret_at on. */
static char *make_room(struct guest_list *list, size_t length, size_t alignment, size_t *ret_at)
{
    size_t at = (list->text_bytes + alignment - 1) & ~(alignment - 1);

    if (at + length > TEXT_MAX) {
        list->too_large = true;
        return NULL;
    }
    if (at + length > list->text_room) {
        size_t room = (at + length) * 2;
        char *larger = realloc(list->text, room);

        if (!larger) {
            list->out_of_memory = true;
            return NULL;
        }
        list->text = larger;
        list->text_room = room;
    }
    memset(list->text + list->text_bytes, 0, at - list->text_bytes);
    list->text_bytes = at + length;
    *ret_at = at;
    return list->text + at;
}

static void prove_bytes(struct guest_list *list, const char *bytes, size_t length)
{
    uint64_t word;

    if (list->silent)
        return;
    guest_list_prove(list, length);
    for (size_t i = 0; i < length; i += sizeof(word)) {
        word = 0;
        memcpy(&word, bytes + i, length - i < sizeof(word) ? length - i : sizeof(word));
        guest_list_prove(list, word);
    }
}

/* An offset that becomes a pointer in pack(); NULL stays "nothing". */
static const char *reference(size_t at)
{
    return (const char *)(uintptr_t)(at + 1);
}

const char *guest_list_text(struct guest_list *list, const char *text, size_t length)
{
    size_t at;
    char *room = make_room(list, length + 1, 1, &at);

    if (!room)
        return NULL;
    memcpy(room, text, length);
    room[length] = '\0';
    prove_bytes(list, text, length);
    return reference(at);
}

const void *guest_list_bytes(struct guest_list *list, const void *bytes, size_t length)
{
    size_t at;
    char *room = length ? make_room(list, length, 8, &at) : NULL;

    if (!room)
        return NULL;
    memcpy(room, bytes, length);
    prove_bytes(list, bytes, length);
    return reference(at);
}

static void clear(struct guest_list *list)
{
    list->count = 0;
    list->text_bytes = 0;
    list->proof = 0;
    list->out_of_memory = list->too_large = false;
}

static struct vt_error *pack(const struct guest_list *list, const struct guest_listing *listing,
                             void **ret_items, size_t *ret_count)
{
    size_t bytes = list->count * list->item_bytes;
    uint8_t *block = NULL;

    if (list->count) {
        block = malloc(bytes + list->text_bytes);
        if (!block)
            return vt_error_create(VT_ERROR_MEMORY, "out of memory for %s", listing->what);
        memcpy(block, list->items, bytes);
        if (list->text_bytes)
            memcpy(block + bytes, list->text, list->text_bytes);
        for (size_t i = 0; i < list->count * listing->text_count; i++) {
            size_t member = listing->text_at[i % listing->text_count];
            const char **text =
                (const char **)(block + i / listing->text_count * list->item_bytes + member);

            if (*text)
                *text = (const char *)block + bytes + ((uintptr_t)*text - 1);
        }
    }
    *ret_items = block;
    *ret_count = list->count;
    return NULL;
}

/* May the error be the fault of the moment? */
static bool worth_repeating(const struct vt_error *error)
{
    return vt_error_code(error) == VT_ERROR_CORRUPT || vt_error_code(error) == VT_ERROR_BUSY;
}

static struct vt_error *never_still(const struct guest_listing *listing)
{
    return vt_error_create(VT_ERROR_BUSY,
                           "%s never held still long enough to be read: stop the guest for an "
                           "exact picture",
                           listing->what);
}

/* Remembers what a try ended with; was it something else than the one before? */
static bool differs(const struct vt_error *error, char last[256])
{
    char now[256] = "";

    if (error)
        snprintf(now, sizeof(now), "%s", vt_error_message(error));
    bool different = strcmp(now, last) != 0;
    memcpy(last, now, sizeof(now));
    return different;
}

struct vt_error *guest_settle(struct vt_guest *guest, const struct guest_listing *listing,
                              void *context, void **ret_items, size_t *ret_count)
{
    struct guest_list list = {.item_bytes = listing->item_bytes};
    uint64_t last_proof = 0;
    bool have_last = false, changing = false;
    char last_error[256] = "";
    int64_t deadline = 0;
    struct vt_error *error;

    for (unsigned tries = 0;; tries++) {
        bool still = guest_stands_still(guest);

        clear(&list);
        error = listing->walk(guest, context, &list);
        if (!error && list.out_of_memory)
            error = vt_error_create(VT_ERROR_MEMORY, "out of memory for %s", listing->what);
        if (!error && list.too_large)
            error =
                vt_error_create(VT_ERROR_CORRUPT, "%s has more names than can be", listing->what);
        if (error && !worth_repeating(error))
            break;
        still = still && guest_stands_still(guest);
        if (still ||
            (!error && (listing->each_by_itself || (have_last && list.proof == last_proof))))
            break;
        have_last = !error;
        last_proof = list.proof;
        if (differs(error, last_error) && tries > 0)
            changing = true;
        if (!deadline)
            deadline = guest_clock_us() + guest->patience_limit_us;
        if (tries >= FAST_TRIES) {
            if (guest_clock_us() > deadline) {
                /* What makes no sense in a new way each time is a change under way, not a lie. */
                if (!error || changing) {
                    vt_error_destroy(error);
                    error = never_still(listing);
                }
                break;
            }
            usleep(50);
        }
        vt_error_destroy(error);
        error = NULL;
    }
    if (!error)
        error = pack(&list, listing, ret_items, ret_count);
    free(list.items);
    free(list.text);
    return error;
}
