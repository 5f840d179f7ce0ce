/*
 * kernel/fs/mount/options.c - see options.h. The options are those of tmpfs(5), proc(5) and
 * Documentation/filesystems/devpts.
 */
#include "kernel/fs/mount/options.h"

#include "kernel/fs/mount/mount.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"

static const struct filesystem_kind kinds[] = {
    {.name = "tmpfs",
     .ignored = ",huge,inode32,inode64,mpol,noswap,",
     .known = OPTION_SIZE | OPTION_INODES | OPTION_MODE | OPTION_UID | OPTION_GID,
     .create = tmpfs_create},
    {.name = "ramfs", .known = OPTION_MODE, .lenient = true, .create = ramfs_create},
    {.name = "proc", .ignored = ",hidepid,gid,subset,", .create = proc_filesystem_create},
    {.name = "devtmpfs",
     .ignored = ",size,nr_inodes,nr_blocks,mode,huge,",
     .single = true,
     .create = device_filesystem_get},
    {.name = "devpts",
     .ignored = ",newinstance,ptmxmode,mode,uid,gid,max,",
     .single = true,
     .create = devpts_get},
};

const struct filesystem_kind *filesystem_kind_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}

const struct filesystem_kind *filesystem_kind_at(unsigned index)
{
    return index < ARRAY_COUNT(kinds) ? &kinds[index] : NULL;
}

/* ---- numbers ---- */

/* Digits of a base; *ret_rest is what follows. False: no digit, or too large. */
static bool parse_digits(const char *text, unsigned base, uint64_t *ret, const char **ret_rest)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at < '0' + (char)base; at++) {
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    }
    *ret = value;
    *ret_rest = at;
    return at != text;
}

/* With one of the suffixes k, m, g, t, p, e; *ret_rest is what follows. */
static bool parse_amount(const char *text, uint64_t *ret, const char **ret_rest)
{
    static const char suffixes[] = "kmgtpe";
    if (!parse_digits(text, 10, ret, ret_rest))
        return false;
    for (unsigned i = 0; **ret_rest && suffixes[i]; i++) {
        if ((**ret_rest | 0x20) != suffixes[i])
            continue;
        (*ret_rest)++;
        return !__builtin_mul_overflow(*ret, 1ull << 10 * (i + 1), ret);
    }
    return true;
}

static int parse_size(const char *value, uint64_t *ret_pages)
{
    uint64_t bytes;
    const char *rest;
    if (!parse_amount(value, &bytes, &rest))
        return -EINVAL;
    if (*rest == '%') {
        rest++;
        if (bytes > UINT32_MAX)
            return -EINVAL;
        bytes = frame_table_count * bytes / 100 * PAGE_SIZE;
    }
    *ret_pages = bytes / PAGE_SIZE + !!(bytes % PAGE_SIZE);
    return *rest ? -EINVAL : 0;
}

static int parse_count(const char *value, uint64_t *ret)
{
    const char *rest;
    return parse_amount(value, ret, &rest) && !*rest ? 0 : -EINVAL;
}

static int parse_number(const char *value, unsigned base, uint32_t *ret)
{
    const char *rest;
    uint64_t number;
    if (!parse_digits(value, base, &number, &rest) || *rest || number >= UINT32_MAX)
        return -EINVAL;
    *ret = (uint32_t)number;
    return 0;
}

/* ---- options ---- */

static bool is_ignored(const struct filesystem_kind *kind, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = kind->ignored; at && *at; at++) {
        if (*at == ',' && !strncmp(at + 1, name, length) && at[1 + length] == ',')
            return length > 0;
    }
    return false;
}

/* Known to every kind; they are flags of mount(2), too. */
static bool set_common(const char *name, struct mount_options *options)
{
    static const char *const harmless[] = {"sync",   "async",    "dirsync",   "mand",
                                           "nomand", "lazytime", "nolazytime"};
    if (!strcmp(name, "ro") || !strcmp(name, "rw")) {
        options->given &= ~(uint32_t)(OPTION_READ_ONLY | OPTION_READ_WRITE);
        options->given |= name[1] == 'o' ? OPTION_READ_ONLY : OPTION_READ_WRITE;
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(harmless); i++) {
        if (!strcmp(name, harmless[i]))
            return true;
    }
    return false;
}

bool mount_option_is_common(const char *name)
{
    struct mount_options none = {0};
    return set_common(name, &none);
}

int mount_option_set(const struct filesystem_kind *kind, const char *name, const char *value,
                     struct mount_options *options)
{
    static const struct {
        const char *name;
        enum mount_option option;
    } names[] = {{"size", OPTION_SIZE}, {"nr_blocks", OPTION_SIZE}, {"nr_inodes", OPTION_INODES},
                 {"mode", OPTION_MODE}, {"uid", OPTION_UID},        {"gid", OPTION_GID}};
    uint32_t option = 0;
    if (!value && set_common(name, options))
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (!strcmp(name, names[i].name))
            option = names[i].option & kind->known;
    }
    if (!option)
        return kind->lenient || is_ignored(kind, name) ? 0 : -EINVAL;
    if (!value)
        return -EINVAL;
    options->given |= option;
    switch ((enum mount_option)option) {
    case OPTION_SIZE:
        return name[0] == 's' ? parse_size(value, &options->pages)
                              : parse_count(value, &options->pages);
    case OPTION_INODES:
        return parse_count(value, &options->inodes);
    case OPTION_MODE:
        if (parse_number(value, 8, &options->mode))
            return -EINVAL;
        options->mode &= 07777;
        return 0;
    case OPTION_UID:
        return parse_number(value, 10, &options->uid);
    default:
        return parse_number(value, 10, &options->gid);
    }
}

int mount_options_parse(const struct filesystem_kind *kind, char *text, struct mount_options *ret)
{
    *ret = (struct mount_options){0};
    while (*text) {
        char *end = text, *value = NULL;
        for (; *end && *end != ','; end++) {
            if (*end == '=' && !value) {
                *end = 0;
                value = end + 1;
            }
        }
        bool last = !*end;
        *end = 0;
        int error = *text ? mount_option_set(kind, text, value, ret) : 0;
        if (error)
            return error;
        text = last ? end : end + 1;
    }
    return 0;
}

int filesystem_make(const struct filesystem_kind *kind, const struct mount_options *options,
                    struct filesystem **ret)
{
    struct filesystem *filesystem = kind->create();
    if (!filesystem)
        return -ENOMEM;
    int error =
        kind->single || !filesystem->reconfigure ? 0 : filesystem->reconfigure(filesystem, options);
    if (error) {
        filesystem_mounts_put(filesystem);
        return error;
    }
    if (!kind->single && options->given & OPTION_READ_ONLY)
        filesystem->flags |= FILESYSTEM_READ_ONLY;
    *ret = filesystem;
    return 0;
}
