/*
 * kernel/mm/untouched.c - RAM that nobody has used since the machine started, given out from the
 * bottom up. It reads as zero (shared/boot.h), and its entries in the frame table are still all
 * zero.
 */
#include "kernel/lib/panic.h"
#include "kernel/mm/free_list.h"
#include "shared/boot.h"

/* Each RAM range may be cut by the image and by every boot file. */
#define PIECES_MAX (BOOT_RAM_RANGES_MAX + 1 + BOOT_FILES_MAX + 1)

static struct {
    uint32_t next, end;
} pieces[PIECES_MAX];
static unsigned piece_count;
static unsigned piece_current;
uint64_t untouched_frames;

void untouched_add(uint32_t start, uint32_t end)
{
    if (start >= end || piece_count == PIECES_MAX)
        return;
    pieces[piece_count].next = start;
    pieces[piece_count].end = end;
    piece_count++;
    untouched_frames += end - start;
}

uint32_t untouched_take_run(uint32_t wanted, uint32_t *ret)
{
    while (piece_current < piece_count) {
        uint32_t left = pieces[piece_current].end - pieces[piece_current].next;

        if (left) {
            uint32_t taken = min(left, wanted);
            *ret = pieces[piece_current].next;
            pieces[piece_current].next += taken;
            untouched_frames -= taken;
            return taken;
        }
        piece_current++;
    }
    return 0;
}

uint32_t untouched_take_block(unsigned order)
{
    uint32_t frames = 1u << order;

    for (unsigned i = piece_current; i < piece_count; i++) {
        uint32_t first = align_up(pieces[i].next, frames);

        if (first < pieces[i].next || first > pieces[i].end || pieces[i].end - first < frames)
            continue;
        uint32_t skipped = pieces[i].next;
        pieces[i].next = first + frames;
        untouched_frames -= first + frames - skipped;
        for (; skipped < first; skipped++)
            free_list_put(skipped, 0);
        return first;
    }
    return 0;
}
