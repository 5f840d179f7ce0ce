/*
 * kernel/mm/usage.h - which pages of a mapping are there, and who else has them: what
 * /proc/PID/smaps and pagemap say (proc(5)).
 */
#ifndef KERNEL_MM_USAGE_H
#define KERNEL_MM_USAGE_H

#include "kernel/mm/address_space.h"

/* Of one mapping or many; pages, and for `proportional` 1/4096 of a page. */
struct memory_usage {
    uint64_t size, resident, anonymous, locked;
    uint64_t proportional; /* each page divided by how many mappings show it */
    uint64_t shared_clean, shared_dirty, private_clean, private_dirty, referenced;
};

/* Adds what the mapping has. The space's lock is held (address_space_for_each()'s visit). */
void memory_usage_add(struct address_space *space, const struct vma *vma,
                      struct memory_usage *usage);

#define PAGEMAP_PRESENT    (1ull << 63)
#define PAGEMAP_FILE       (1ull << 61)
#define PAGEMAP_EXCLUSIVE  (1ull << 56)
#define PAGEMAP_SOFT_DIRTY (1ull << 55)
/* Entries of /proc/PID/pagemap from page `first` on, frame numbers in the lowest bits. Takes the
 * lock. */
void address_space_pagemap(struct address_space *space, uint64_t first, uint64_t *entries,
                           size_t count);

#endif
