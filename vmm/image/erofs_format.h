/*
 * vmm/image/erofs_format.h - the part of the EROFS on-disk format that we write and read.
 *
 * Source: the format description in the Linux kernel's documentation (filesystems/erofs). All
 * numbers are little endian; blocks are 4 KiB. Only extended inodes and flat-plain data are
 * written: data start on a block, are contiguous, and the rest of the last block is zero. An
 * inode's number (nid) is its offset from the metadata area in units of 32 bytes.
 */
#ifndef VITRINE_IMAGE_EROFS_FORMAT_H
#define VITRINE_IMAGE_EROFS_FORMAT_H

#include <stdint.h>

#define EROFS_MAGIC        0xe0f5e1e2u
#define EROFS_SUPER_OFFSET 1024u
#define EROFS_BLOCK        4096u
#define EROFS_BLOCK_BITS   12u
#define EROFS_NAME_MAX     255u
#define EROFS_NID_UNIT     32u

struct erofs_super {
    uint32_t magic;
    uint32_t checksum;
    uint32_t feature_compat;
    uint8_t block_bits;
    uint8_t extension_slots;
    uint16_t root_nid;
    uint64_t inode_count;
    uint64_t build_time;
    uint32_t build_time_nsec;
    uint32_t blocks;
    uint32_t meta_block;
    uint32_t xattr_block;
    uint8_t uuid[16];
    uint8_t volume_name[16];
    uint32_t feature_incompat;
    uint8_t reserved[44];
};

#define EROFS_FORMAT_EXTENDED 1u /* bit 0 of the format: 64-byte inode */
#define EROFS_LAYOUT_SHIFT    1u
#define EROFS_LAYOUT_PLAIN    0u

struct erofs_inode {
    uint16_t format;
    uint16_t xattr_count;
    uint16_t mode;
    uint16_t reserved;
    uint64_t size;
    uint32_t start; /* first data block, or the device number */
    uint32_t number;
    uint32_t uid;
    uint32_t gid;
    uint64_t mtime;
    uint32_t mtime_nsec;
    uint32_t link_count;
    uint8_t reserved2[16];
};

struct erofs_entry {
    uint64_t nid;
    uint16_t name_offset; /* from the start of the block; the first one also gives the number of
                             entries */
    uint8_t type;
    uint8_t reserved;
} __attribute__((packed));

enum erofs_entry_type {
    EROFS_UNKNOWN = 0,
    EROFS_REGULAR = 1,
    EROFS_DIRECTORY = 2,
    EROFS_CHARACTER = 3,
    EROFS_BLOCK_DEVICE = 4,
    EROFS_FIFO = 5,
    EROFS_SOCKET = 6,
    EROFS_SYMLINK = 7
};

_Static_assert(sizeof(struct erofs_super) == 128, "the superblock is 128 bytes");
_Static_assert(sizeof(struct erofs_inode) == 64, "an extended inode is 64 bytes");
_Static_assert(sizeof(struct erofs_entry) == 12, "a directory entry is 12 bytes");

#endif
