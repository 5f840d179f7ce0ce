/*
 * vitrine/memory.h - physical, kernel and user memory, page tables, and the frame table.
 */
#ifndef VITRINE_MEMORY_H
#define VITRINE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "tasks.h"
#include "version.h"

VITRINE_BEGIN

struct vt_error *vt_guest_read_phys(struct vt_guest *guest, uint64_t phys, void *buffer,
                                    size_t bytes);
struct vt_error *vt_guest_read_kernel(struct vt_guest *guest, uint64_t address, void *buffer,
                                      size_t bytes);
/* User memory of a task, through its page tables as they are. Unmapped = VT_ERROR_NOT_FOUND. */
struct vt_error *vt_guest_read_user(struct vt_guest *guest, const struct vt_task *task,
                                    uint64_t address, void *buffer, size_t bytes);

struct vt_page {
    uint64_t address; /* virtual */
    uint64_t phys;
    uint64_t bytes; /* 4096, 2 MiB or 1 GiB */
    bool writable, executable, user, accessed, dirty, global;
};
/* Calls `visit` for each present leaf with first <= address < end, in order; a nonzero return ends
 * the walk. */
struct vt_error *vt_guest_walk_pages(struct vt_guest *guest, uint64_t page_table, uint64_t first,
                                     uint64_t end,
                                     int (*visit)(void *context, const struct vt_page *page),
                                     void *context);
enum vt_frame_state {
    VT_FRAME_UNTOUCHED = 0, /* the kernel never wrote its entry: it has its first use, or is free */
    VT_FRAME_HEAD = 1,      /* stands for itself, or for the block of 2^order frames it begins */
    VT_FRAME_INSIDE = 2,    /* of a block: kind, references and order are its head's */
    VT_FRAME_HOLE = 3,      /* no memory at all */
};
struct vt_frame {
    uint64_t phys;
    uint32_t references;
    uint32_t kind; /* see the kernel's enum frame_kind, name from vt_frame_kind_name() */
    uint16_t flags;
    uint8_t order;
    uint8_t state; /* enum vt_frame_state */
};
/* One entry of the kernel's frame table as it stands; inside a block it means nothing. */
struct vt_error *vt_guest_frame(struct vt_guest *guest, uint64_t phys, struct vt_frame *ret);
/*
 * Every frame, index = phys / 4096, read by the rules of the kernel's mm/frame.h: what was never
 * touched has the kind of the fixed range that it lies in and its owner's one reference, or is
 * free. free(). Exact in a world that stands still; while the guest runs each entry is its own
 * moment's.
 */
struct vt_error *vt_guest_frames(struct vt_guest *guest, struct vt_frame **ret_frames,
                                 size_t *ret_count);
const char *vt_frame_kind_name(uint32_t kind);

VITRINE_END

#endif
