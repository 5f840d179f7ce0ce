/*
 * vmm/image/lookup.c - finding a path in a finished image, symbolic links followed.
 *
 * Used before the machine starts, to say "no such program" at once and to know whether a path means
 * the rootfs or the host. The image may come from a damaged cache: every offset is checked against
 * its size.
 */
#include <string.h>
#include <sys/stat.h>

#include "vmm/image/erofs_format.h"
#include "vmm/image/image.h"

#define LINKS_MAX  40 /* as Linux's limit of symbolic links in one path */
#define PATH_BYTES 4096

static const void *bytes_at(const struct image *image, uint64_t offset, uint64_t bytes)
{
    if (offset > image->bytes || bytes > image->bytes - offset)
        return NULL;
    return image->base + offset;
}

static bool read_inode(const struct image *image, uint64_t nid, struct erofs_inode *ret)
{
    const struct erofs_super *super = bytes_at(image, EROFS_SUPER_OFFSET, sizeof(*super));

    if (!super || nid > UINT32_MAX)
        return false;
    const void *at = bytes_at(
        image, (uint64_t)super->meta_block * EROFS_BLOCK + nid * EROFS_NID_UNIT, sizeof(*ret));
    if (!at)
        return false;
    memcpy(ret, at, sizeof(*ret));
    return ret->format == (EROFS_FORMAT_EXTENDED | EROFS_LAYOUT_PLAIN << EROFS_LAYOUT_SHIFT);
}

static bool find_entry(const struct image *image, const struct erofs_inode *directory,
                       const char *name, size_t length, uint64_t *ret_nid)
{
    for (uint64_t done = 0; done < directory->size; done += EROFS_BLOCK) {
        size_t bytes = directory->size - done < EROFS_BLOCK ? directory->size - done : EROFS_BLOCK;
        const uint8_t *block =
            bytes_at(image, (uint64_t)directory->start * EROFS_BLOCK + done, bytes);
        struct erofs_entry entry, following;

        if (!block || bytes < sizeof(entry))
            return false;
        memcpy(&entry, block, sizeof(entry));
        size_t count = entry.name_offset / sizeof(entry);
        if (count * sizeof(entry) > bytes)
            return false;
        for (size_t i = 0; i < count; i++) {
            memcpy(&entry, block + i * sizeof(entry), sizeof(entry));
            size_t end = bytes;
            if (i + 1 < count) {
                memcpy(&following, block + (i + 1) * sizeof(entry), sizeof(entry));
                end = following.name_offset;
            }
            if (entry.name_offset > end || end > bytes)
                return false;
            size_t entry_length =
                strnlen((const char *)block + entry.name_offset, end - entry.name_offset);
            if (entry_length == length && memcmp(block + entry.name_offset, name, length) == 0) {
                *ret_nid = entry.nid;
                return true;
            }
        }
    }
    return false;
}

/* Puts the link's text in front of what is left of the path. */
static bool follow(const struct image *image, const struct erofs_inode *link, const char *rest,
                   char path[PATH_BYTES])
{
    const char *text = bytes_at(image, (uint64_t)link->start * EROFS_BLOCK, link->size);
    size_t rest_length = strlen(rest);
    char following[PATH_BYTES];

    if (!text || link->size == 0 || link->size + 1 + rest_length + 1 > PATH_BYTES)
        return false;
    memcpy(following, text, link->size);
    following[link->size] = '/';
    memcpy(following + link->size + 1, rest, rest_length + 1);
    memcpy(path, following, link->size + 1 + rest_length + 1);
    return true;
}

bool image_lookup(const struct image *image, const char *path, struct image_stat *ret)
{
    char buffer[PATH_BYTES];
    const struct erofs_super *super = bytes_at(image, EROFS_SUPER_OFFSET, sizeof(*super));
    struct erofs_inode inode, child;
    unsigned links = 0;
    size_t length = strlen(path);

    if (!super || length >= sizeof(buffer) || !read_inode(image, super->root_nid, &inode))
        return false;
    memcpy(buffer, path, length + 1);
    const char *rest = buffer;
    for (;;) {
        while (*rest == '/')
            rest++;
        size_t length = strcspn(rest, "/");
        uint64_t nid;

        if (length == 0)
            break;
        if (!S_ISDIR(inode.mode) || !find_entry(image, &inode, rest, length, &nid) ||
            !read_inode(image, nid, &child))
            return false;
        rest += length;
        if (!S_ISLNK(child.mode)) {
            inode = child;
            continue;
        }
        if (++links > LINKS_MAX || !follow(image, &child, rest, buffer))
            return false;
        rest = buffer;
        /* A relative text goes on from the directory that the link is in: `inode` is still that
         * one. */
        if (buffer[0] == '/' && !read_inode(image, super->root_nid, &inode))
            return false;
    }
    *ret = (struct image_stat){
        .mode = inode.mode,
        .bytes = inode.size,
        .offset = (uint64_t)inode.start * EROFS_BLOCK,
    };
    return !S_ISREG(inode.mode) || bytes_at(image, ret->offset, ret->bytes) != NULL;
}
