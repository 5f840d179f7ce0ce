/*
 * vmm/image/writer_finish.c - the end of an image: inode numbers, directories, the inode area, the
 * superblock.
 *
 * Layout of the file: superblock | data of files and links in the order they came | directories |
 * inodes. The inode area is last because its size is known last; the superblock says where it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm/image/inode.h"

static enum erofs_entry_type entry_type(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return EROFS_REGULAR;
    case S_IFDIR:
        return EROFS_DIRECTORY;
    case S_IFCHR:
        return EROFS_CHARACTER;
    case S_IFBLK:
        return EROFS_BLOCK_DEVICE;
    case S_IFIFO:
        return EROFS_FIFO;
    case S_IFSOCK:
        return EROFS_SOCKET;
    case S_IFLNK:
        return EROFS_SYMLINK;
    default:
        return EROFS_UNKNOWN;
    }
}

/* The entries of a directory in the order of their names, "." and ".." among them. */
struct entry_list {
    const char **names;
    const struct image_inode **inodes;
    size_t count;
};

static bool entry_list_init(struct entry_list *list, const struct image_inode *directory)
{
    static const char *const own[2] = {".", ".."};
    const struct image_inode *own_inodes[2] = {directory,
                                               directory->parent ? directory->parent : directory};
    size_t total = directory->child_count + 2, next_own = 0, next_child = 0;

    list->names = malloc(total * sizeof(*list->names));
    list->inodes = malloc(total * sizeof(*list->inodes));
    list->count = total;
    if (!list->names || !list->inodes)
        return false;
    for (size_t i = 0; i < total; i++) {
        const struct image_child *child =
            next_child < directory->child_count ? &directory->children[next_child] : NULL;

        if (next_own < 2 && (!child || strcmp(own[next_own], child->name) < 0)) {
            list->names[i] = own[next_own];
            list->inodes[i] = own_inodes[next_own++];
        } else {
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): one of the two lists goes on */
            list->names[i] = child->name;
            list->inodes[i] = child->inode;
            next_child++;
        }
    }
    return true;
}

static void entry_list_deinit(struct entry_list *list)
{
    free(list->names);
    free(list->inodes);
}

/* Fills one block with as many entries as fit from `first` on; returns how many, and the bytes
 * used. */
static size_t fill_block(uint8_t block[EROFS_BLOCK], const struct entry_list *list, size_t first,
                         size_t *ret_bytes)
{
    size_t count = 0, names = 0;

    while (first + count < list->count) {
        size_t length = strlen(list->names[first + count]);

        if ((count + 1) * sizeof(struct erofs_entry) + names + length > EROFS_BLOCK)
            break;
        names += length;
        count++;
    }
    memset(block, 0, EROFS_BLOCK);
    size_t offset = count * sizeof(struct erofs_entry);
    for (size_t i = 0; i < count; i++) {
        const char *name = list->names[first + i];
        struct erofs_entry entry = {
            .nid = list->inodes[first + i]->nid,
            .name_offset = (uint16_t)offset,
            .type = (uint8_t)entry_type(list->inodes[first + i]->attributes.mode),
        };
        size_t length = strlen(name);

        memcpy(block + i * sizeof(entry), &entry, sizeof(entry));
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): EROFS has no zero behind a name */
        memcpy(block + offset, name, length);
        offset += length;
    }
    *ret_bytes = offset;
    return count;
}

static struct vt_error *write_directory(struct image_writer *writer, struct image_inode *directory)
{
    struct entry_list list;
    uint8_t block[EROFS_BLOCK];
    struct vt_error *error = NULL;

    if (!entry_list_init(&list, directory)) {
        entry_list_deinit(&list);
        return image_writer_no_memory();
    }
    directory->start = writer->next_block;
    directory->size = 0;
    for (size_t first = 0; !error && first < list.count;) {
        size_t bytes;

        first += fill_block(block, &list, first, &bytes);
        error = image_writer_write(writer, block, EROFS_BLOCK,
                                   (uint64_t)writer->next_block * EROFS_BLOCK);
        writer->next_block++;
        directory->size += first < list.count ? EROFS_BLOCK : bytes;
    }
    entry_list_deinit(&list);
    return error;
}

static uint32_t device_number(uint64_t rdev)
{
    uint32_t major_number = major(rdev), minor_number = minor(rdev);

    return (minor_number & 0xff) | (major_number << 8) | ((minor_number & ~0xffu) << 12);
}

static struct erofs_inode disk_inode(const struct image_inode *inode, uint32_t number)
{
    const struct image_attributes *attributes = &inode->attributes;
    bool device = S_ISCHR(attributes->mode) || S_ISBLK(attributes->mode);

    return (struct erofs_inode){
        .format = EROFS_FORMAT_EXTENDED | EROFS_LAYOUT_PLAIN << EROFS_LAYOUT_SHIFT,
        .mode = (uint16_t)attributes->mode,
        .size = inode->size,
        .start = device        ? device_number(attributes->rdev)
                 : inode->size ? inode->start
                               : 0,
        .number = number,
        .uid = attributes->uid,
        .gid = attributes->gid,
        .mtime = (uint64_t)attributes->mtime,
        .mtime_nsec = attributes->mtime_nsec,
        .link_count = inode->links,
    };
}

struct vt_error *image_writer_finish(struct image_writer *writer)
{
    struct vt_error *error = NULL;
    uint64_t live = 0;

    image_writer_close_file(writer);
    for (size_t i = 0; i < writer->inode_count; i++)
        if (writer->inodes[i]->links) /* replaced ones have no name any more */
            writer->inodes[i]->nid = live++ * (sizeof(struct erofs_inode) / EROFS_NID_UNIT);
    for (size_t i = 0; i < writer->inode_count && !error; i++)
        if (writer->inodes[i]->links && S_ISDIR(writer->inodes[i]->attributes.mode))
            error = write_directory(writer, writer->inodes[i]);
    if (error)
        return error;

    uint32_t meta_block = writer->next_block;
    /* NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): the root directory lives */
    struct erofs_inode *table = calloc(live, sizeof(*table));
    if (!table)
        return image_writer_no_memory();
    for (size_t i = 0, next = 0; i < writer->inode_count; i++)
        if (writer->inodes[i]->links) {
            table[next] = disk_inode(writer->inodes[i], (uint32_t)next + 1);
            next++;
        }
    error = image_writer_write(writer, table, live * sizeof(*table),
                               (uint64_t)meta_block * EROFS_BLOCK);
    free(table);
    if (error)
        return error;
    uint32_t blocks = meta_block + image_blocks_of(live * sizeof(struct erofs_inode));
    if (ftruncate(writer->fd, (off_t)blocks * EROFS_BLOCK) != 0)
        return vt_error_system(errno, "cannot set the size of the root image");

    struct erofs_super super = {
        .magic = EROFS_MAGIC,
        .block_bits = EROFS_BLOCK_BITS,
        .root_nid = 0,
        .inode_count = live,
        .blocks = blocks,
        .meta_block = meta_block,
        .volume_name = "vitrine",
    };
    /* Last, so that a file without it was never finished. */
    return image_writer_write(writer, &super, sizeof(super), EROFS_SUPER_OFFSET);
}
