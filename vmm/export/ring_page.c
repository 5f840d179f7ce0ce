/*
 * vmm/export/ring_page.c - filling the pages of Linux's trace ring buffer.
 */
#include <string.h>

#include "vmm/export/ring_page.h"

/* The five low bits of an event's first word: its length in words, or one of these. */
#define TYPE_TIME_EXTEND 30u /* the rest of a long time since the last event, then the event */
#define TYPE_TIME_STAMP  31u /* a whole time instead */
#define DELTA_BITS       27u
#define DELTA_MAX        ((1u << DELTA_BITS) - 1)

/* Flags beside the length of a page's data. */
#define MISSED_EVENTS (1ull << 31)
#define MISSED_STORED (1ull << 30) /* their number lies behind the data */

static void put_word(struct ring_pages *pages, uint32_t word)
{
    memcpy(pages->page + RING_PAGE_HEADER + pages->used, &word, sizeof(word));
    pages->used += sizeof(word);
}

static void write_page(struct ring_pages *pages)
{
    uint64_t length = pages->used;

    memset(pages->page + RING_PAGE_HEADER + pages->used, 0, RING_PAGE_DATA - pages->used);
    if (pages->missed) {
        length |= MISSED_EVENTS;
        if (RING_PAGE_DATA - pages->used >= sizeof(pages->missed)) {
            length |= MISSED_STORED;
            memcpy(pages->page + RING_PAGE_HEADER + pages->used, &pages->missed,
                   sizeof(pages->missed));
        }
    }
    memcpy(pages->page + 8, &length, sizeof(length));
    if (pages->spool)
        fwrite(pages->page, sizeof(pages->page), 1, pages->spool);
    pages->pages++;
    pages->used = 0;
    pages->missed = 0;
}

void ring_pages_add(struct ring_pages *pages, uint64_t ns, uint64_t lost, const void *event,
                    unsigned bytes)
{
    if (ns > RING_TIME_MAX)
        ns = RING_TIME_MAX;
    /* A long time or one that goes back takes two words more. A page that says how much is missing
     * in front of it keeps room for the number. */
    unsigned room = RING_PAGE_DATA - (pages->missed ? sizeof(pages->missed) : 0);
    if (pages->used && (lost || pages->used + 12 + bytes > room))
        write_page(pages);
    uint64_t delta = 0;
    if (pages->used == 0) {
        memcpy(pages->page, &ns, sizeof(ns));
        pages->missed = lost;
    } else if (ns < pages->last_ns) {
        put_word(pages, TYPE_TIME_STAMP | (uint32_t)(ns & DELTA_MAX) << 5);
        put_word(pages, (uint32_t)(ns >> DELTA_BITS));
    } else {
        delta = ns - pages->last_ns;
        if (delta > DELTA_MAX) {
            put_word(pages, TYPE_TIME_EXTEND | (uint32_t)(delta & DELTA_MAX) << 5);
            put_word(pages, (uint32_t)(delta >> DELTA_BITS));
            delta = 0;
        }
    }
    put_word(pages, bytes / 4 | (uint32_t)delta << 5);
    memcpy(pages->page + RING_PAGE_HEADER + pages->used, event, bytes);
    pages->used += bytes;
    if (pages->events++ == 0)
        pages->first_ns = ns;
    pages->last_ns = ns;
}

void ring_pages_finish(struct ring_pages *pages)
{
    if (pages->used)
        write_page(pages);
}
