/*
 * kernel/mm/free_list.c - free blocks of 2^order frames, one doubly linked list per order, linked
 * by frame numbers inside the frame table. A block's head carries FRAME_LISTED and its order; no
 * other entry carries the flag, so a look at the buddy's entry tells whether the two can merge.
 */
#include "kernel/mm/free_list.h"

#include "kernel/lib/panic.h"

static uint32_t heads[FRAME_ORDER_MAX + 1];
uint64_t free_list_frames;

static void list_push(uint32_t frame, unsigned order)
{
    struct frame *entry = &frame_table[frame];

    *entry = (struct frame){
        .kind = FRAME_FREE, .order = (uint8_t)order, .flags = FRAME_LISTED, .next = heads[order]};
    if (heads[order])
        frame_table[heads[order]].previous = frame;
    heads[order] = frame;
}

static void list_unlink(uint32_t frame, unsigned order)
{
    struct frame *entry = &frame_table[frame];

    if (entry->next)
        frame_table[entry->next].previous = entry->previous;
    if (entry->previous)
        frame_table[entry->previous].next = entry->next;
    else
        heads[order] = entry->next;
    entry->flags = 0;
}

void free_list_put(uint32_t frame, unsigned order)
{
    free_list_frames += 1ul << order;
    while (order < FRAME_ORDER_MAX) {
        uint32_t buddy = frame ^ (1u << order);

        if (buddy >= frame_table_count)
            break;
        struct frame *entry = &frame_table[buddy];
        if (!(entry->flags & FRAME_LISTED) || entry->kind != FRAME_FREE || entry->order != order)
            break;
        list_unlink(buddy, order);
        frame &= ~(1u << order);
        order++;
    }
    list_push(frame, order);
}

/* The lowest order from `order` on that there is a block of; above FRAME_ORDER_MAX: none. */
static unsigned lowest_order(unsigned order)
{
    while (order <= FRAME_ORDER_MAX && !heads[order])
        order++;
    return order;
}

static uint32_t take_from(unsigned found, unsigned order)
{
    uint32_t frame = heads[found];
    list_unlink(frame, found);
    while (found > order) { /* the upper half stays free */
        found--;
        list_push(frame + (1u << found), found);
    }
    free_list_frames -= 1ul << order;
    return frame;
}

uint32_t free_list_take(unsigned order)
{
    unsigned found = lowest_order(order);
    return found <= FRAME_ORDER_MAX ? take_from(found, order) : 0;
}

uint32_t free_list_take_smallest(unsigned order_max, unsigned *ret_order)
{
    unsigned found = lowest_order(0);
    if (found > FRAME_ORDER_MAX)
        return 0;
    *ret_order = min(found, order_max);
    return take_from(found, *ret_order);
}
