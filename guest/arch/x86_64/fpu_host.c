/* fpu_host.c - see fpu_host.h. */
#include "fpu_host.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "arch/layout.h"
#include "arch/user_access.h"
#include "fpu.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"

#define LEGACY_BYTES      512 /* then the header: components, form, zeros */
#define LEGACY_COMPONENTS 3ull

static bool exchange(enum hypercall_code code, const void *area)
{
    struct glass_cpu *glass = this_cpu()->glass;
    WRITE_ONCE(glass->fpu_area, virt_to_phys(area));
    doorbell(code);
    return READ_ONCE(glass->fpu_result) == 0;
}

void fpu_host_save(void *area)
{
    exchange(HYPERCALL_FPU_SAVE, area);
}

bool fpu_host_load(const void *area)
{
    return exchange(HYPERCALL_FPU_LOAD, area);
}

/*
 * The way to and from user memory is through an area of its own: the task may sleep on a fault, and
 * its own area is then overwritten with what is in the registers.
 */
int fpu_host_save_to_user(uint64_t address, size_t bytes)
{
    uint64_t *area = fpu_area_allocate();
    if (!area)
        return -EFAULT;
    fpu_host_save(area);
    /* As Linux: a handler that changes x87 or SSE registers in the frame need not know of this. */
    area[LEGACY_BYTES / 8] |= LEGACY_COMPONENTS;
    int error = copy_to_user(address, area, bytes);
    fpu_area_free(area);
    return error;
}

int fpu_host_load_from_user(uint64_t address, size_t bytes, uint64_t components)
{
    uint64_t *area = fpu_area_allocate();
    if (!area)
        return -EFAULT;
    int error = copy_from_user(area, address, bytes);
    uint64_t *present = &area[LEGACY_BYTES / 8];
    if (bytes <= LEGACY_BYTES)
        *present = LEGACY_COMPONENTS; /* the rest of the header is zero */
    else if (*present & ~fpu_frame_format.components)
        error = -EFAULT; /* as xrstor: a component that does not exist */
    else
        *present &= components;
    if (!error && !fpu_host_load(area))
        error = -EFAULT;
    fpu_area_free(area);
    return error;
}
