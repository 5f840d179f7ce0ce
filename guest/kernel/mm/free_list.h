/*
 * kernel/mm/free_list.h - the two shared stores behind frame_allocate(): blocks that were given
 * back (a binary buddy system, Knuth, "The Art of Computer Programming" 1, 2.5) and RAM that nobody
 * touched yet. Only frame.c calls this; every function needs the lock of frame.c (RANK_FRAMES),
 * init functions excepted.
 */
#ifndef KERNEL_MM_FREE_LIST_H
#define KERNEL_MM_FREE_LIST_H

#include "kernel/mm/frame.h"
#include "kernel/sync/spinlock.h"
#include "shared/objects.h"

extern struct spinlock frames_lock; /* in frame.c */

/* Frame numbers throughout. */
void free_list_put(uint32_t frame, unsigned order); /* merges with its buddies */
uint32_t free_list_take(unsigned order);            /* 0 = none */
/* The smallest block there is, or that much of it: 2^*ret_order frames. 0 = none. */
uint32_t free_list_take_smallest(unsigned order_max, unsigned *ret_order);
extern uint64_t free_list_frames;

/* [start, end) is RAM that reads as zero. Ranges are added in ascending order, at boot. */
void untouched_add(uint32_t start, uint32_t end);
/* Up to `wanted` adjoining frames; returns how many, the first in *ret. */
uint32_t untouched_take_run(uint32_t wanted, uint32_t *ret);
/* 2^order frames, aligned; 0 = none. Frames skipped for the alignment go to the free lists. */
uint32_t untouched_take_block(unsigned order);
extern uint64_t untouched_frames;

#endif
