/*
 * vmm/snapshot/reader.c - opens a snapshot's file. It may be anything: cut short, of another
 * version, or made to harm. No number in it is used before it was checked against the file's size
 * and the memory's; what the guest's memory holds is as little trusted as that of any guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/glass.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/file.h"
#include "vmm/image/hash.h"
#include "vmm/snapshot/snapshot.h"

#define BLOCK_BYTES (256u << 10) /* stays in the processor's cache between read and write */

static struct vt_error *damaged(const char *path, const char *what)
{
    return vt_error_create(VT_ERROR_FORMAT, "the snapshot '%s' is damaged: %s", path, what);
}

static bool has_end(const char *text, size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

/* What kind of file it is: errors here name the user's mistake, not damage. */
static struct vt_error *check_kind(const char *path, const struct snapshot_header *header,
                                   size_t got)
{
    if (got < sizeof(header->magic) ||
        memcmp(header->magic, SNAPSHOT_MAGIC, sizeof(header->magic)) != 0)
        return vt_error_create(VT_ERROR_FORMAT,
                               "'%s' is no snapshot of a machine ('vitrine snapshot' writes one)",
                               path);
    if (got < sizeof(*header))
        return damaged(path, "it was cut short");
    if (header->version != SNAPSHOT_VERSION)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the snapshot '%s' has version %u; this Vitrine reads version %u",
                               path, header->version, SNAPSHOT_VERSION);
    if (header->header_bytes != sizeof(*header))
        return damaged(path, "its header has the wrong size");
    return NULL;
}

static const char *machine_problem(const struct snapshot_header *header)
{
    uint64_t total = 0;

    if (header->accel != VT_ACCEL_KVM && header->accel != VT_ACCEL_QEMU)
        return "it names no backend";
    if (header->cpus < 1 || header->cpus > BOOT_CPUS_MAX)
        return "its number of CPUs cannot be";
    if (header->icount > 1 || (header->icount && header->cpus != 1))
        return "it counts instructions on several CPUs";
    if (header->memory_bytes % SNAPSHOT_PAGE)
        return "its memory is no number of pages";
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        if (header->ram[i].bytes > header->memory_bytes - total)
            return "its memory ranges are larger than its memory";
        total += header->ram[i].bytes;
    }
    if (total != header->memory_bytes)
        return "its memory ranges are smaller than its memory";
    if (!has_end(header->program, sizeof(header->program)) ||
        !has_end(header->kernel_path, sizeof(header->kernel_path)) ||
        !has_end(header->cpu_model, sizeof(header->cpu_model)) ||
        !has_end(header->qemu_version, sizeof(header->qemu_version)) ||
        !has_end(header->description_hash, SNAPSHOT_HASH) ||
        !has_end(header->data_hash, SNAPSHOT_HASH))
        return "a text in it has no end";
    return NULL;
}

/* Sums that cannot overflow: each part is compared with what is left of the file. */
static const char *layout_problem(const struct snapshot_header *header, uint64_t file_bytes)
{
    uint64_t left = file_bytes;

    if (left < SNAPSHOT_PAGE)
        return "it was cut short";
    left -= SNAPSHOT_PAGE;
    if (header->state_bytes > MACHINE_STATE_MOST || header->state_bytes > left)
        return "the state of its CPUs does not fit into it: it was cut short";
    left -= header->state_bytes;
    if (header->extent_count > header->memory_bytes / SNAPSHOT_PAGE ||
        header->extent_count > left / sizeof(struct snapshot_extent))
        return "its list of pages does not fit into it: it was cut short";
    left -= header->extent_count * sizeof(struct snapshot_extent);
    if (header->data_offset % SNAPSHOT_PAGE || header->data_offset > file_bytes ||
        header->data_offset < file_bytes - left ||
        header->data_offset - (file_bytes - left) >= SNAPSHOT_PAGE)
        return "its pages lie in the wrong place";
    if (header->data_bytes != file_bytes - header->data_offset)
        return "it has fewer or more pages than it should: it was cut short, or something was "
               "added";
    return NULL;
}

static const char *extents_problem(const struct snapshot *snapshot)
{
    const struct snapshot_header *header = &snapshot->header;
    uint64_t end = 0, total = 0;

    for (uint64_t i = 0; i < header->extent_count; i++) {
        const struct snapshot_extent *extent = &snapshot->extents[i];

        if (extent->offset % SNAPSHOT_PAGE || extent->bytes % SNAPSHOT_PAGE || extent->bytes == 0)
            return "its list of pages has parts of pages";
        if (extent->offset < end || extent->offset > header->memory_bytes ||
            extent->bytes > header->memory_bytes - extent->offset)
            return "its list of pages is out of order, or goes beyond the memory";
        end = extent->offset + extent->bytes;
        total += extent->bytes;
    }
    return total == header->data_bytes ? NULL : "its list of pages does not match its pages";
}

static bool hash_is_right(const struct snapshot *snapshot)
{
    struct snapshot_header header = snapshot->header;
    struct image_hash hash;
    char text[SNAPSHOT_HASH];

    memset(header.description_hash, 0, sizeof(header.description_hash));
    image_hash_init(&hash);
    image_hash_add(&hash, &header, sizeof(header));
    image_hash_add(&hash, snapshot->state.bytes, snapshot->state.size);
    image_hash_add(&hash, snapshot->extents, header.extent_count * sizeof(struct snapshot_extent));
    image_hash_text(&hash, text);
    return strcmp(text, snapshot->header.description_hash) == 0;
}

static struct vt_error *read_parts(struct snapshot *snapshot, const char *path, uint64_t bytes)
{
    struct snapshot_header *header = &snapshot->header;
    const char *problem = machine_problem(header);

    if (!problem)
        problem = layout_problem(header, bytes);
    if (problem)
        return damaged(path, problem);
    /* One byte more: an empty part is no error of malloc's. */
    const uint64_t table_bytes = header->extent_count * sizeof(struct snapshot_extent);
    snapshot->state.bytes = malloc(header->state_bytes + 1);
    snapshot->state.size = header->state_bytes;
    snapshot->extents = malloc(table_bytes + 1);
    if (!snapshot->state.bytes || !snapshot->extents)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the snapshot '%s'", path);
    if (lseek(snapshot->fd, SNAPSHOT_PAGE, SEEK_SET) < 0 ||
        file_read_all(snapshot->fd, snapshot->state.bytes, header->state_bytes) !=
            (ssize_t)header->state_bytes ||
        file_read_all(snapshot->fd, snapshot->extents, table_bytes) != (ssize_t)table_bytes)
        return damaged(path, "it cannot be read to its end");
    if (!hash_is_right(snapshot))
        return damaged(path, "its description does not have the hash that was written with it");
    problem = extents_problem(snapshot);
    return problem ? damaged(path, problem) : NULL;
}

struct vt_error *snapshot_open(const char *path, struct snapshot *ret)
{
    struct stat status;

    ret->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (ret->fd < 0 && errno == ENOENT)
        return vt_error_create(VT_ERROR_NOT_FOUND, "there is no snapshot '%s'", path);
    if (ret->fd < 0 || fstat(ret->fd, &status) != 0)
        return vt_error_system(errno, "cannot read the snapshot '%s'", path);
    if (!S_ISREG(status.st_mode))
        return vt_error_create(VT_ERROR_FORMAT, "'%s' is no file, so it is no snapshot", path);
    ret->path = strdup(path);
    if (!ret->path)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a path");
    ssize_t got = file_read_all(ret->fd, &ret->header, sizeof(ret->header));
    if (got < 0)
        return vt_error_system(errno, "cannot read the snapshot '%s'", path);
    struct vt_error *error = check_kind(path, &ret->header, (size_t)got);
    return error ? error : read_parts(ret, path, (uint64_t)status.st_size);
}

struct vt_error *snapshot_read_memory(const struct snapshot *snapshot,
                                      struct machine_memory *memory)
{
    CLEANUP_FREE uint8_t *block = malloc(BLOCK_BYTES);
    off_t at = (off_t)snapshot->header.data_offset;
    struct image_hash hash;
    char text[SNAPSHOT_HASH];

    if (!block)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the snapshot '%s'",
                               snapshot->path);
    image_hash_init(&hash);
    for (uint64_t i = 0; i < snapshot->header.extent_count; i++) {
        const struct snapshot_extent *extent = &snapshot->extents[i];

        for (uint64_t done = 0; done < extent->bytes;) {
            uint64_t part = extent->bytes - done < BLOCK_BYTES ? extent->bytes - done : BLOCK_BYTES;
            ssize_t got = pread(snapshot->fd, block, part, at);

            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return vt_error_system(errno, "cannot read the snapshot '%s'", snapshot->path);
            if (got == 0)
                return damaged(snapshot->path, "it was cut short while it was read");
            image_hash_add(&hash, block, (size_t)got);
            struct vt_error *error =
                snapshot_put(memory, extent->offset + done, block, (uint64_t)got);
            if (error)
                return error;
            done += (uint64_t)got;
            at += got;
        }
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): block is CLEANUP_FREE */
    image_hash_text(&hash, text);
    if (strcmp(text, snapshot->header.data_hash) != 0)
        return damaged(snapshot->path, "its pages do not have the hash that was written with them");
    return NULL;
}
