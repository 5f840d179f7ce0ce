/*
 * kernel/fs/mount/options.h - kinds of file systems by name, and the text of options that mount(2)
 * passes to them.
 */
#ifndef KERNEL_FS_MOUNT_OPTIONS_H
#define KERNEL_FS_MOUNT_OPTIONS_H

#include "kernel/fs/inode.h"

enum mount_option {
    OPTION_SIZE = 1u << 0,
    OPTION_INODES = 1u << 1,
    OPTION_MODE = 1u << 2,
    OPTION_UID = 1u << 3,
    OPTION_GID = 1u << 4,
    OPTION_READ_ONLY = 1u << 5,
    OPTION_READ_WRITE = 1u << 6,
};

struct mount_options {
    uint32_t given;  /* enum mount_option */
    uint64_t pages;  /* size=, nr_blocks=; 0: no limit */
    uint64_t inodes; /* nr_inodes=; 0: no limit */
    uint32_t mode, uid, gid;
};

struct filesystem_kind {
    const char *name;
    const char *ignored; /* names of options that are taken and do nothing, each between commas */
    uint32_t known;      /* enum mount_option */
    bool lenient;        /* unknown options are ignored */
    bool single;         /* there is one instance, which every mount shows */
    /* One hold of its mounts for the caller; NULL when out of memory. */
    struct filesystem *(*create)(void);
};

/* The kind of that name; NULL: there is none. */
const struct filesystem_kind *filesystem_kind_find(const char *name);
/* The n-th kind, for /proc/filesystems; NULL behind the last one. */
const struct filesystem_kind *filesystem_kind_at(unsigned index);
/* Takes the text apart (it is changed). 0 or -EINVAL. */
int mount_options_parse(const struct filesystem_kind *kind, char *text, struct mount_options *ret);
/* One option by name, value NULL where there is none. 0 or -EINVAL. */
int mount_option_set(const struct filesystem_kind *kind, const char *name, const char *value,
                     struct mount_options *options);
/* Is it an option that every kind knows ("ro")? */
bool mount_option_is_common(const char *name);
/* An instance with these options; one hold of its mounts. 0, -EINVAL, -ENOMEM. */
int filesystem_make(const struct filesystem_kind *kind, const struct mount_options *options,
                    struct filesystem **ret);
/* devpts and devtmpfs: the one instance, counted. */
struct filesystem *device_filesystem_get(void);
struct filesystem *devpts_get(void);

#endif
