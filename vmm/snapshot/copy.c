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
#include "vmm/snapshot/snapshot.h"

struct vt_error *snapshot_put(const struct machine_memory *memory, uint64_t offset,
                              const void *data, uint64_t bytes)
{
    const uint8_t *at = data;

    while (bytes > 0) {
        ssize_t done = pwrite(memory->fd, at, bytes, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return vt_error_system(done < 0 ? errno : EIO, "cannot fill the guest's memory");
        at += done;
        offset += (uint64_t)done;
        bytes -= (uint64_t)done;
    }
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
