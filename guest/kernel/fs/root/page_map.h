/*
 * kernel/fs/root/page_map.h - which frame holds which page of a file: a radix tree of 64-way nodes,
 * as high as the largest index needs. A file of one page needs no node at all.
 *
 * The map holds one reference on each frame in it. Lock: `lock` (a spinlock) guards the tree;
 * callers that must not see pages come and go between two calls hold the inode's mutex.
 */
#ifndef KERNEL_FS_ROOT_PAGE_MAP_H
#define KERNEL_FS_ROOT_PAGE_MAP_H

#include "kernel/lib/types.h"
#include "kernel/sync/spinlock.h"

struct page_map {
    struct spinlock lock;
    uint32_t height; /* levels of nodes; 0: `root` is the frame of page 0 */
    uint64_t root;   /* a frame's physical address, or a node; 0 = empty */
    uint64_t pages;  /* frames in the map */
};

void page_map_init(struct page_map *map);
/* The frame of a page with a reference for the caller; 0 = none. */
phys_t page_map_get(struct page_map *map, uint64_t index);
/* Takes over the caller's reference. 0, -EEXIST (another one is there) or -ENOMEM; then nothing was
 * taken. */
int page_map_insert(struct page_map *map, uint64_t index, phys_t frame);
/* Drops the pages [first, end), freeing frames nobody else holds. Returns how many there were. May
 * yield. */
uint64_t page_map_remove(struct page_map *map, uint64_t first, uint64_t end);
/* The smallest index >= first that has a frame, or UINT64_MAX. */
uint64_t page_map_next(struct page_map *map, uint64_t first);
/* All pages go, the nodes too. No other user may be left. Returns how many pages there were. */
uint64_t page_map_clear(struct page_map *map);

#endif
