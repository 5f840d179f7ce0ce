/*
 * vmm/image/source_archive.c - a cpio or tar archive, compressed or not, as the guest's root.
 *
 * Nothing is unpacked: headers and data go straight from libarchive into the image, so owners,
 * modes and device nodes are those of the archive whoever runs this.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/image/source.h"

struct vt_error *source_archive_hash(const char *path, struct image_hash *hash)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0)
        return vt_error_system(errno, "cannot open the rootfs archive '%s'", path);
    image_hash_add_string(hash, "archive");
    if (status.st_size == 0)
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs archive '%s' is empty", path);
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        return vt_error_system(errno, "cannot map the rootfs archive '%s'", path);
    image_hash_add(hash, data, (size_t)status.st_size);
    munmap(data, (size_t)status.st_size);
    return NULL;
}

static struct vt_error *format_error(struct archive *archive, const char *path)
{
    const char *text = archive_error_string(archive);

    return vt_error_create(VT_ERROR_FORMAT,
                           "cannot read the rootfs archive '%s': %s; it must be cpio or tar", path,
                           text ? text : "unknown format");
}

static struct vt_error *copy_data(struct archive *archive, const char *path,
                                  struct image_writer *writer)
{
    static const char zeros[4096];
    int64_t written = 0;

    for (;;) {
        const void *data;
        size_t bytes;
        int64_t offset;
        int result = archive_read_data_block(archive, &data, &bytes, &offset);

        if (result == ARCHIVE_EOF)
            return NULL;
        if (result != ARCHIVE_OK)
            return format_error(archive, path);
        /* Sparse entries: what is left out reads as zero. */
        while (written < offset) {
            size_t gap = offset - written < 4096 ? (size_t)(offset - written) : sizeof(zeros);
            struct vt_error *error = image_writer_append(writer, zeros, gap);

            if (error)
                return error;
            written += (int64_t)gap;
        }
        struct vt_error *error = image_writer_append(writer, data, bytes);
        if (error)
            return error;
        written += (int64_t)bytes;
    }
}

static struct vt_error *add_entry(struct archive *archive, struct archive_entry *entry,
                                  const char *path, struct image_writer *writer)
{
    const char *name = archive_entry_pathname(entry);
    const char *existing = archive_entry_hardlink(entry);
    struct image_inode *inode;
    struct vt_error *error;

    if (!name)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the rootfs archive '%s' has an entry without a name", path);
    if (existing) {
        error = image_writer_link_path(writer, name, existing, &inode);
        /* cpio stores the data with the last of several names. */
        if (!error && archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0) {
            error = image_writer_reopen(writer, inode);
            if (!error)
                error = copy_data(archive, path, writer);
        }
        return error;
    }
    struct image_attributes attributes = {
        .mode = archive_entry_mode(entry),
        .uid = (uint32_t)archive_entry_uid(entry),
        .gid = (uint32_t)archive_entry_gid(entry),
        .rdev = makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry)),
        .mtime = archive_entry_mtime(entry),
        .mtime_nsec = (uint32_t)archive_entry_mtime_nsec(entry),
    };

    if ((attributes.mode & S_IFMT) == 0)
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs archive '%s' gives '%s' no file type",
                               path, name);
    error = image_writer_add(writer, name, &attributes, archive_entry_symlink(entry), &inode);
    if (!error && S_ISREG(attributes.mode))
        error = copy_data(archive, path, writer);
    return error;
}

struct vt_error *source_archive_write(const char *path, struct image_writer *writer)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    struct vt_error *error = NULL;

    if (!archive)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory while opening '%s'", path);
    archive_read_support_filter_all(archive);
    archive_read_support_format_cpio(archive);
    archive_read_support_format_tar(archive);
    if (archive_read_open_filename(archive, path, 1 << 18) != ARCHIVE_OK)
        error = format_error(archive, path);
    while (!error) {
        int result = archive_read_next_header(archive, &entry);

        if (result == ARCHIVE_EOF)
            break;
        if (result < ARCHIVE_WARN)
            error = format_error(archive, path);
        else
            error = add_entry(archive, entry, path, writer);
    }
    archive_read_free(archive);
    return error;
}
