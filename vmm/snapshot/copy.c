/*
 * vmm/snapshot/copy.c - memory from one machine into another.
 *
 * The copy is complete: machines share no page afterwards, so whoever maps either memory file (the
 * backend, other processes that look) sees only that machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/file.h"
#include "vmm/snapshot/snapshot.h"

struct vt_error *snapshot_put(const struct machine_memory *memory, uint64_t offset,
                              const void *data, uint64_t bytes)
{
    if (!file_write_all_at(memory->fd, data, bytes, offset))
        return vt_error_system(errno, "cannot fill the guest's memory");
    return NULL;
}

struct vt_error *snapshot_copy_memory(const struct machine_memory *from, struct machine_memory *to)
{
    struct snapshot_extent *extents = NULL;
    uint64_t count = 0;
    struct vt_error *error = snapshot_find_extents(from, &extents, &count);

    for (uint64_t i = 0; i < count && !error; i++)
        error =
            snapshot_put(to, extents[i].offset, from->base + extents[i].offset, extents[i].bytes);
    free(extents);
    return error;
}
