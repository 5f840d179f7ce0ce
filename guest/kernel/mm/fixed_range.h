/*
 * kernel/mm/fixed_range.h - the parts of RAM that are never free (frame.h, rule 1), for frame.c and
 * for whoever describes them to the host. Written at boot only.
 */
#ifndef KERNEL_MM_FIXED_RANGE_H
#define KERNEL_MM_FIXED_RANGE_H

#include "kernel/mm/frame.h"
#include "shared/boot.h"

struct fixed_range {
    uint32_t start, end; /* frame numbers */
    enum frame_kind kind;
};
#define FIXED_RANGES_MAX (3 + 1 + BOOT_FILES_MAX)

extern struct fixed_range fixed_ranges[FIXED_RANGES_MAX]; /* ascending; the rest is all zero */

#endif
