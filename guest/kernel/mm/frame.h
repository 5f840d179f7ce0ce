/*
 * kernel/mm/frame.h - physical memory in frames of 4 KiB, each with an exact count of who refers to it.
 *
 * Every frame of RAM, the rootfs image's included, has one struct frame; the array is published in the glass.
 * References are: each page-table leaf that maps it, each file page cache slot that holds it, and one for its
 * owner if it is kernel memory, a page table, or part of the image. Zero references = free.
 *
 * Nothing is initialised at boot: an all-zero entry beyond the untouched mark is a frame that was never used,
 * and such a frame reads as zero (shared/boot.h).
 */
#ifndef KERNEL_MM_FRAME_H
#define KERNEL_MM_FRAME_H

#include "kernel/lib/types.h"

enum frame_kind {
    FRAME_FREE = 0,       /* free, or never used */
    FRAME_KERNEL = 1,     /* kernel image, slabs, rings, kernel stacks */
    FRAME_PAGE_TABLE = 2,
    FRAME_ANONYMOUS = 3,  /* user memory */
    FRAME_FILE = 4,       /* page of a tmpfs file */
    FRAME_IMAGE = 5,      /* read-only rootfs image or host-provided file, mapped in place */
    FRAME_RESERVED = 6,   /* not ours: below 1 MiB, boot page ... */
    FRAME_KINDS
};

struct frame {
    uint32_t references; /* atomic */
    uint8_t kind;        /* enum frame_kind */
    uint8_t order;       /* of the block that it heads, for kernel blocks and free blocks */
    uint16_t flags;
    uint32_t next;       /* free list links: frame numbers, 0 = none */
    uint32_t previous;
};

enum frame_flags {
    FRAME_WANT_ZERO = 1u << 0, /* the caller needs it cleared */
    FRAME_MAY_USE_RESERVE = 1u << 1, /* the kernel's own last frames may be used */
};

extern struct frame *frame_table; /* index: physical address / PAGE_SIZE */
extern uint64_t frame_table_count;

/*
 * Called once, by the first CPU, before any allocation. [kernel_end, ...) of the RAM ranges is available,
 * except the image, the boot files, and what frame_init() itself takes for the table.
 */
struct boot_info;
void frame_init(const struct boot_info *boot, phys_t kernel_end);

/* 2^order frames, naturally aligned, one reference; 0 when there is no memory. */
phys_t frame_allocate(enum frame_kind kind, unsigned order, unsigned flags);
void frame_reference(phys_t phys);
/* Drops a reference and frees the frame (or the block that it heads) when it was the last. */
void frame_release(phys_t phys);
uint64_t frames_free_count(void);

static inline struct frame *frame_of(phys_t phys)
{
    return &frame_table[phys >> PAGE_SHIFT];
}

/* arch/x86_64/page_copy.c: whole pages, in the direct map. */
void page_clear(void *page);
void page_copy(void *destination, const void *source);

#endif
