/*
 * kernel/mm/frame.h - physical memory in frames of 4 KiB, each with an exact count of who refers to
 * it.
 *
 * Every frame of RAM, the rootfs image's included, has one struct frame; the array is published in
 * the glass. References are: each page-table leaf that maps it (a leaf that PROT_NONE made not
 * present, PTE_HELD, counts too; the leaf of a table that several spaces share counts once), each
 * file page cache slot that holds it, and one for its owner if it is kernel memory, a root table,
 * or part of the image; for any other page table, each entry that leads to it: one, or as many as
 * there are spaces that share a leaf table. Zero references = free.
 *
 * Nothing is initialised at boot, so a walker of the table (in a stopped world) goes by these
 * rules, frame number n from 0 upwards:
 *   1. An entry whose 16 bytes are all zero was never touched. If n lies in a fixed range it has
 * that range's kind and one reference, its owner's: below BOOT_KERNEL_PHYS FRAME_RESERVED; the
 * kernel image and the frame table itself FRAME_KERNEL; the rootfs image and boot files
 * FRAME_IMAGE; outside the RAM ranges nothing at all. In every other place it is free, and reads as
 * zero.
 *   2. An entry with references in a fixed range: `references` includes the owner's one (so an
 * image frame that k leaves map has k + 1), and it stays touched for ever: k may be 0 again.
 *   3. Any other entry heads a block of 2^order frames: go on at n + 2^order. kind FRAME_FREE: the
 * block is free. The entries inside a block (order > 0) mean nothing. So frames_free_count() equals
 * the free frames by rules 1 and 3.
 *
 * All functions may be called on any CPU in any context with interrupts off, spinlocks below
 * RANK_FRAMES held.
 */
#ifndef KERNEL_MM_FRAME_H
#define KERNEL_MM_FRAME_H

#include "kernel/lib/types.h"

enum frame_kind {
    FRAME_FREE = 0,   /* free, or never used */
    FRAME_KERNEL = 1, /* kernel image, slabs, rings, kernel stacks */
    FRAME_PAGE_TABLE = 2,
    FRAME_ANONYMOUS = 3, /* user memory */
    FRAME_FILE = 4,      /* page of a tmpfs file */
    FRAME_IMAGE = 5,     /* read-only rootfs image or host-provided file, mapped in place */
    FRAME_RESERVED = 6,  /* not ours: below 1 MiB, boot page ... */
    FRAME_KINDS
};

struct frame {
    uint32_t references; /* atomic */
    uint8_t kind;        /* enum frame_kind */
    uint8_t order;       /* of the block that it heads, for kernel blocks and free blocks */
    uint16_t flags;      /* free: FRAME_LISTED or 0; kernel: kmalloc's size class + 1 */
    uint32_t next;       /* free list links: frame numbers, 0 = none; page tables: entries in use */
    uint32_t previous;
};

#define FRAME_ORDER_MAX 10 /* blocks of up to 4 MiB */

enum frame_flags {
    FRAME_WANT_ZERO = 1u << 0,       /* the caller needs it cleared */
    FRAME_MAY_USE_RESERVE = 1u << 1, /* the kernel's own last frames may be used */
};

extern struct frame *frame_table; /* index: physical address / PAGE_SIZE */
extern uint64_t frame_table_count;

/*
 * Called once, by the first CPU, before any allocation. [kernel_end, ...) of the RAM ranges is
 * available, except the image, the boot files, and what frame_init() itself takes for the table.
 */
struct boot_info;
void frame_init(const struct boot_info *boot, phys_t kernel_end);

static inline struct frame *frame_of(phys_t phys)
{
    return &frame_table[phys >> PAGE_SHIFT];
}

/* 2^order frames, naturally aligned, one reference; 0 when there is no memory. */
phys_t frame_allocate(enum frame_kind kind, unsigned order, unsigned flags);

void frame_reference_first(
    phys_t phys); /* slow path: a frame of a fixed range is touched for the first time */
static inline void frame_reference(phys_t phys)
{
    if (unlikely(__atomic_fetch_add(&frame_of(phys)->references, 1, __ATOMIC_RELAXED) == 0))
        frame_reference_first(phys);
}

/* Drops a reference and frees the frame (or the block that it heads) when it was the last. */
void frame_release(phys_t phys);
void frame_release_last(phys_t phys); /* slow path: the count has just become 0 */
/* The same, for a frame that probably has other holders (it belongs to a file or to the image). */
static inline void frame_release_shared(phys_t phys)
{
    if (unlikely(__atomic_sub_fetch(&frame_of(phys)->references, 1, __ATOMIC_ACQ_REL) == 0))
        frame_release_last(phys);
}
/* Another reference to a frame that surely has one. */
static inline void frame_reference_more(struct frame *frame)
{
    __atomic_fetch_add(&frame->references, 1, __ATOMIC_RELAXED);
}
/* For a single frame with one reference that the caller knows to read as zero. */
void frame_release_clean(phys_t phys);

/* Right also for frames that were never touched. */
enum frame_kind frame_kind_of(phys_t phys);

uint64_t frames_free_count(void);  /* walks the CPUs' caches: for reports, not for hot paths */
uint64_t frames_image_count(void); /* frames of image and boot files */
uint64_t frames_total_count(void); /* frames that were available after boot: what MemTotal says */

/* arch/x86_64/page_copy.c: whole pages, in the direct map. */
void page_clear(void *page);
void page_copy(void *destination, const void *source);

#endif
