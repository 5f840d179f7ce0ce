/*
 * vmm/snapshot/writer.c - writes a snapshot's file.
 *
 * It grows beside its name and takes it when it is complete, so that a failure leaves an older
 * snapshot of that name alone. The guest's memory may hold secrets: the file is its owner's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/file.h"
#include "vmm/image/hash.h"
#include "vmm/snapshot/snapshot.h"

static const uint8_t zeros[SNAPSHOT_PAGE];

/* Where the parts lie, and the hashes of what they will hold. */
static void describe(struct snapshot *snapshot, const struct machine_memory *memory)
{
    struct snapshot_header *header = &snapshot->header;
    const uint64_t table_bytes = header->extent_count * sizeof(struct snapshot_extent);
    const uint64_t used = SNAPSHOT_PAGE + snapshot->state.size + table_bytes;
    struct image_hash data, description;

    memcpy(header->magic, SNAPSHOT_MAGIC, sizeof(header->magic));
    header->version = SNAPSHOT_VERSION;
    header->header_bytes = sizeof(*header);
    header->state_bytes = snapshot->state.size;
    header->data_offset = (used + SNAPSHOT_PAGE - 1) / SNAPSHOT_PAGE * SNAPSHOT_PAGE;
    header->data_bytes = 0;
    image_hash_init(&data);
    for (uint64_t i = 0; i < header->extent_count; i++) {
        const struct snapshot_extent *extent = &snapshot->extents[i];

        header->data_bytes += extent->bytes;
        image_hash_add(&data, memory->base + extent->offset, extent->bytes);
    }
    image_hash_text(&data, header->data_hash);

    memset(header->description_hash, 0, sizeof(header->description_hash));
    image_hash_init(&description);
    image_hash_add(&description, header, sizeof(*header));
    image_hash_add(&description, snapshot->state.bytes, snapshot->state.size);
    image_hash_add(&description, snapshot->extents, table_bytes);
    image_hash_text(&description, header->description_hash);
}

static bool write_parts(const struct snapshot *snapshot, const struct machine_memory *memory,
                        int fd)
{
    const struct snapshot_header *header = &snapshot->header;
    const uint64_t table_bytes = header->extent_count * sizeof(struct snapshot_extent);
    const uint64_t padding =
        header->data_offset - SNAPSHOT_PAGE - snapshot->state.size - table_bytes;

    if (!file_write_all(fd, header, sizeof(*header)) ||
        !file_write_all(fd, zeros, SNAPSHOT_PAGE - sizeof(*header)) ||
        !file_write_all(fd, snapshot->state.bytes, snapshot->state.size) ||
        !file_write_all(fd, snapshot->extents, table_bytes) || !file_write_all(fd, zeros, padding))
        return false;
    for (uint64_t i = 0; i < header->extent_count; i++)
        if (!file_write_all(fd, memory->base + snapshot->extents[i].offset,
                            snapshot->extents[i].bytes))
            return false;
    return true;
}

struct vt_error *snapshot_write(struct snapshot *snapshot, const struct machine_memory *memory,
                                const char *path)
{
    CLEANUP_FREE char *growing = NULL;
    struct vt_error *error =
        snapshot_find_extents(memory, &snapshot->extents, &snapshot->header.extent_count);

    if (error)
        return error;
    describe(snapshot, memory);
    if (asprintf(&growing, "%s.XXXXXX", path) < 0) {
        growing = NULL;
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a path");
    }
    CLEANUP_CLOSE int fd = mkostemp(growing, O_CLOEXEC);
    if (fd < 0)
        return vt_error_system(errno, "cannot write the snapshot '%s'", path);
    if (!write_parts(snapshot, memory, fd) || rename(growing, path) != 0) {
        error = vt_error_system(errno, "cannot write the snapshot '%s'", path);
        unlink(growing);
    }
    return error;
}
