/*
 * vmm/export/ring_page.h - events packed into pages as Linux's trace ring buffer packs them.
 *
 * A page is: time of its first event in ns (8 bytes), length of its data and flags (8 bytes), data.
 * An event is a 32-bit word with its length and the time since the event before it, then its data.
 * Source: include/linux/ring_buffer.h and what events/header_page and events/header_event say; all
 * numbers are little endian.
 */
#ifndef VITRINE_EXPORT_RING_PAGE_H
#define VITRINE_EXPORT_RING_PAGE_H

#include <stdio.h>

#include "vmm/include/vitrine.h"

#define RING_PAGE_BYTES  4096u
#define RING_PAGE_HEADER 16u
#define RING_PAGE_DATA   (RING_PAGE_BYTES - RING_PAGE_HEADER)
#define RING_EVENT_MAX   112u /* data of one event here: what fits the short form of a length */
#define RING_TIME_MAX    ((1ull << 59) - 1) /* ns; later times are shown as this one */

/* One CPU's pages: the one that is being filled, and a file of the full ones. */
struct ring_pages {
    FILE *spool;    /* borrowed; NULL until the first full page needs one */
    uint64_t pages; /* in the spool */
    uint64_t events, first_ns, last_ns;
    unsigned used;   /* bytes of data in `page` */
    uint64_t missed; /* events lost in front of `page` */
    unsigned char page[RING_PAGE_BYTES];
};

/*
 * Adds an event of `bytes` bytes (a multiple of 4, 4 to RING_EVENT_MAX); `lost` events of this CPU
 * were lost in front of it. Times may go backwards. The spool's own error flag tells of failures.
 */
void ring_pages_add(struct ring_pages *pages, uint64_t ns, uint64_t lost, const void *event,
                    unsigned bytes);

/* Writes the last, partly filled page to the spool. */
void ring_pages_finish(struct ring_pages *pages);

#endif
