/* vmm/profile/unwind.h - the frames of one stack, from registers inwards out. */
#ifndef VITRINE_PROFILE_UNWIND_H
#define VITRINE_PROFILE_UNWIND_H

#include "vmm/profile/modules.h"

#define UNWIND_FRAMES_MAX 128u

struct unwound {
    unsigned count;
    bool cut; /* the stack goes on, but it is not known where */
    /* innermost first; each lies inside the instruction that runs or calls */
    uint64_t addresses[UNWIND_FRAMES_MAX];
};

/* While the world stands still: appends to `ret`, whose `cut` then tells of the new part.
 * `page_table`: of the task, for its memory. At least the registers' own address is found. */
void unwind(struct vt_guest *guest, struct space *space, uint64_t page_table,
            const struct guest_registers *registers, struct unwound *ret);

#endif
