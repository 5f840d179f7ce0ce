/*
 * kernel/fs/root/image.c - see image.h. Structures are read where they lie (little endian, aligned
 * to 4 bytes by the format; x86 reads them anyway).
 */
#include "kernel/fs/root/image.h"

#include "kernel/fs/inode.h"
#include "kernel/lib/string.h"

#define EROFS_SUPERBLOCK_OFFSET 1024u
#define EROFS_MAGIC             0xe0f5e1e2u
#define EROFS_INODE_SLOT        32u
#define EROFS_LAYOUT_PLAIN      0u
#define EROFS_LAYOUT_INLINE     2u
/* Incompatible features that do not change how the layouts above are read. */
#define EROFS_INCOMPAT_ZERO_PADDING 0x1u
#define EROFS_INCOMPAT_CHUNKED_FILE 0x4u

struct erofs_superblock {
    uint32_t magic, checksum, feature_compat;
    uint8_t block_bits, extra_slots;
    uint16_t root_nid;
    uint64_t inodes, build_time;
    uint32_t build_time_nsec, blocks, meta_block, xattr_block;
    uint8_t uuid[16], volume_name[16];
    uint32_t feature_incompat;
    uint8_t reserved[44];
};
_Static_assert(sizeof(struct erofs_superblock) == 128, "on-disk format");

/* Both forms share the first 16 bytes, except where the second half begins. */
struct erofs_inode_compact {
    uint16_t format, xattr_count, mode, links;
    uint32_t bytes, reserved, data, number;
    uint16_t uid, gid;
    uint32_t reserved2;
};
struct erofs_inode_extended {
    uint16_t format, xattr_count, mode, reserved;
    uint64_t bytes;
    uint32_t data, number, uid, gid;
    uint64_t modify_time;
    uint32_t modify_nsec, links;
    uint8_t reserved2[16];
};
_Static_assert(sizeof(struct erofs_inode_compact) == 32, "on-disk format");
_Static_assert(sizeof(struct erofs_inode_extended) == 64, "on-disk format");

struct erofs_entry {
    uint64_t nid;
    uint16_t name_offset;
    uint8_t type, reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_entry) == 12, "on-disk format");

#define POSITIONS_PER_BLOCK 512u /* more than IMAGE_BLOCK / sizeof(struct erofs_entry) */

static const void *image_range(const struct image *image, uint64_t offset, uint64_t bytes)
{
    if (offset > image->bytes || bytes > image->bytes - offset)
        return NULL;
    return image->base + offset;
}

int image_open(struct image *image, const void *base, uint64_t bytes)
{
    image->base = base;
    image->bytes = bytes;
    const struct erofs_superblock *super =
        image_range(image, EROFS_SUPERBLOCK_OFFSET, sizeof(struct erofs_superblock));
    if (!super || super->magic != EROFS_MAGIC || super->block_bits != 12)
        return -EIO;
    if (super->feature_incompat & ~(EROFS_INCOMPAT_ZERO_PADDING | EROFS_INCOMPAT_CHUNKED_FILE))
        return -EIO;
    image->inodes_start = (uint64_t)super->meta_block * IMAGE_BLOCK;
    image->root = super->root_nid;
    image->build_ns = super->build_time * 1000000000ull + super->build_time_nsec;
    return 0;
}

static bool mode_known(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        return true;
    default:
        return false;
    }
}

/* Finds the bytes of a file; `after` is the offset of what follows the inode and its attributes. */
static int image_data(const struct image *image, uint32_t layout, uint32_t block, uint64_t after,
                      struct image_inode *ret)
{
    struct image_data *data = &ret->data;
    data->block_bytes = ret->bytes;
    data->tail_bytes = 0;
    data->tail = NULL;
    if (layout == EROFS_LAYOUT_INLINE) {
        data->tail_bytes = (uint32_t)(ret->bytes % IMAGE_BLOCK);
        data->block_bytes -= data->tail_bytes;
        data->tail = image_range(image, after, data->tail_bytes);
        if (!data->tail)
            return -EIO;
    } else if (layout != EROFS_LAYOUT_PLAIN) {
        return -EIO; /* compressed or chunked: not made by our tools */
    }
    data->blocks = image_range(image, (uint64_t)block * IMAGE_BLOCK, 0);
    if (!data->block_bytes)
        data->blocks = image->base;
    else if (!data->blocks || !image_range(image, (uint64_t)block * IMAGE_BLOCK,
                                           align_up(data->block_bytes, IMAGE_BLOCK)))
        return -EIO;
    return 0;
}

int image_inode(const struct image *image, uint64_t nid, struct image_inode *ret)
{
    /* The widest nid that can lie inside, so that the multiplication cannot wrap. */
    if (nid > image->bytes / EROFS_INODE_SLOT || image->inodes_start > image->bytes)
        return -EIO;
    uint64_t offset = image->inodes_start + nid * EROFS_INODE_SLOT, after;
    const struct erofs_inode_compact *compact = image_range(image, offset, sizeof(*compact));
    if (!compact)
        return -EIO;
    uint32_t data, attributes = compact->xattr_count;
    ret->nid = nid;
    ret->mode = compact->mode;
    if (compact->format & 1) {
        const struct erofs_inode_extended *extended = image_range(image, offset, sizeof(*extended));
        if (!extended)
            return -EIO;
        after = offset + sizeof(*extended);
        ret->bytes = extended->bytes;
        ret->uid = extended->uid;
        ret->gid = extended->gid;
        ret->links = extended->links;
        ret->modify_ns = extended->modify_time * 1000000000ull + extended->modify_nsec;
        data = extended->data;
    } else {
        after = offset + sizeof(*compact);
        ret->bytes = compact->bytes;
        ret->uid = compact->uid;
        ret->gid = compact->gid;
        ret->links = compact->links;
        ret->modify_ns = image->build_ns;
        data = compact->data;
    }
    if (!mode_known(ret->mode) || ret->bytes > image->bytes)
        return -EIO;
    if (!ret->links)
        ret->links = 1;
    if (attributes)
        after += 12 + (attributes - 1) * 4; /* extended attributes are not shown */

    uint32_t type = ret->mode & S_IFMT;
    ret->device = 0;
    memset(&ret->data, 0, sizeof(ret->data));
    if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK)
        return image_data(image, (compact->format >> 1) & 7, data, after, ret);
    ret->bytes = 0;
    if (type == S_IFCHR || type == S_IFBLK)
        ret->device = data;
    return 0;
}

/* ---- directories ---- */

/* One block of a directory: entries at its start, their names behind them. */
struct block {
    const struct erofs_entry *entries;
    uint32_t count; /* of entries */
    uint32_t bytes; /* of the block that belong to the directory */
};

static uint64_t directory_blocks(const struct image_data *directory)
{
    return (directory->block_bytes + directory->tail_bytes + IMAGE_BLOCK - 1) / IMAGE_BLOCK;
}

/* False if the block is damaged. */
static bool directory_block(const struct image_data *directory, uint64_t index, struct block *ret)
{
    uint64_t start = index * IMAGE_BLOCK;
    const uint8_t *base;
    if (start < directory->block_bytes) {
        base = directory->blocks + start;
        ret->bytes = (uint32_t)min(directory->block_bytes - start, (uint64_t)IMAGE_BLOCK);
    } else {
        base = directory->tail;
        ret->bytes = directory->tail_bytes;
    }
    ret->entries = (const struct erofs_entry *)base;
    if (ret->bytes < sizeof(struct erofs_entry))
        return false;
    uint32_t first_name = ret->entries[0].name_offset;
    ret->count = first_name / sizeof(struct erofs_entry);
    return first_name >= sizeof(struct erofs_entry) &&
           first_name % sizeof(struct erofs_entry) == 0 && first_name <= ret->bytes;
}

static bool block_entry(const struct block *block, uint32_t index, struct image_entry *ret)
{
    static const uint32_t types[] = {0,       S_IFREG, S_IFDIR,  S_IFCHR,
                                     S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK};
    const char *base = (const char *)block->entries;
    const struct erofs_entry *entry = &block->entries[index];
    uint32_t start = entry->name_offset, end;
    if (start < block->count * sizeof(struct erofs_entry) || start >= block->bytes)
        return false;
    if (index + 1 < block->count)
        end = block->entries[index + 1].name_offset;
    else
        end = start + (uint32_t)strnlen(base + start, block->bytes - start);
    if (end <= start || end > block->bytes || end - start > NAME_MAX)
        return false;
    ret->name = base + start;
    ret->length = end - start;
    ret->nid = entry->nid;
    ret->mode = entry->type < ARRAY_COUNT(types) ? types[entry->type] : 0;
    return true;
}

static int name_compare(const char *name, size_t length, const struct image_entry *entry)
{
    int order = memcmp(name, entry->name, min(length, (size_t)entry->length));
    if (order)
        return order;
    return length < entry->length ? -1 : length > entry->length;
}

int image_find(const struct image_data *directory, const char *name, size_t length,
               struct image_entry *ret)
{
    struct block block;
    uint64_t low = 0, high = directory_blocks(directory);
    /* The last block whose first name is not behind the wanted one: names are sorted over all
     * blocks. */
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (!directory_block(directory, middle, &block) || !block_entry(&block, 0, ret))
            return -EIO;
        if (name_compare(name, length, ret) < 0)
            high = middle;
        else
            low = middle;
    }
    if (low == high)
        return -ENOENT;
    if (!directory_block(directory, low, &block))
        return -EIO;
    uint32_t first = 0, end = block.count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (!block_entry(&block, middle, ret))
            return -EIO;
        int order = name_compare(name, length, ret);
        if (!order) {
            ret->position = low * POSITIONS_PER_BLOCK + middle;
            return 0;
        }
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return -ENOENT;
}

/* A name that no path can mean, or that the caller adds itself. */
static bool name_hidden(const struct image_entry *entry)
{
    if (entry->name[0] == '.' &&
        (entry->length == 1 || (entry->length == 2 && entry->name[1] == '.')))
        return true;
    for (uint32_t i = 0; i < entry->length; i++) {
        if (!entry->name[i] || entry->name[i] == '/')
            return true;
    }
    return false;
}

bool image_next(const struct image_data *directory, uint64_t *position, struct image_entry *ret)
{
    uint64_t blocks = directory_blocks(directory);
    uint64_t index = *position / POSITIONS_PER_BLOCK, entry = *position % POSITIONS_PER_BLOCK;
    for (; index < blocks; index++, entry = 0) {
        struct block block;
        if (!directory_block(directory, index, &block))
            continue;
        for (; entry < block.count; entry++) {
            if (!block_entry(&block, (uint32_t)entry, ret) || name_hidden(ret))
                continue;
            ret->position = index * POSITIONS_PER_BLOCK + entry;
            *position = ret->position + 1;
            return true;
        }
    }
    *position = index * POSITIONS_PER_BLOCK;
    return false;
}
