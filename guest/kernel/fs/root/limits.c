/*
 * kernel/fs/root/limits.c - how much an in-memory file system may hold, and the options of tmpfs(5)
 * that say so.
 *
 * By default the private pages of one file system may take half of the machine's memory, its inodes
 * as many as half the machine's frames (plus those of the image). Counters are compared without a
 * lock: a limit that is lowered meanwhile holds for what comes after.
 */
#include "kernel/fs/mount/options.h"
#include "kernel/fs/proc/text.h"
#include "kernel/fs/root/node.h"
#include "kernel/mm/frame.h"

#define NO_LIMIT UINT64_MAX

static struct memory_filesystem *memory_from(struct filesystem *filesystem)
{
    return container_of(filesystem, struct memory_filesystem, filesystem);
}

static void usage(struct filesystem *filesystem, struct filesystem_usage *ret)
{
    struct memory_filesystem *memory = memory_from(filesystem);
    uint64_t pages = READ_ONCE(memory->pages_max), inodes = READ_ONCE(memory->inodes_max);
    uint64_t used = READ_ONCE(memory->pages_used), inodes_used = READ_ONCE(memory->inodes_used);
    if (pages != NO_LIMIT) {
        ret->blocks = pages;
        ret->blocks_free = used < pages ? min(pages - used, frames_free_count()) : 0;
    }
    if (inodes != NO_LIMIT) {
        ret->inodes = inodes;
        ret->inodes_free = inodes_used < inodes ? inodes - inodes_used : 0;
    }
}

/* A limit becomes another; what is in use must fit, and what has no limit gets none. */
static bool may_become(uint64_t before, uint64_t used, uint64_t wanted, bool fresh)
{
    if (!wanted)
        return true;
    return used <= wanted && (fresh || before != NO_LIMIT);
}

/* Owner and mode are those of the root directory, and only a new file system takes them. */
static int reconfigure(struct filesystem *filesystem, const struct mount_options *options)
{
    struct memory_filesystem *memory = memory_from(filesystem);
    struct inode *root = filesystem->root->inode;
    bool fresh = list_empty(&filesystem->mounts);
    if (options->given & OPTION_SIZE &&
        !may_become(memory->pages_max, memory->pages_used, options->pages, fresh))
        return -EINVAL;
    if (options->given & OPTION_INODES &&
        !may_become(memory->inodes_max, memory->inodes_used, options->inodes, fresh))
        return -EINVAL;
    if (options->given & OPTION_SIZE) {
        WRITE_ONCE(memory->pages_max, options->pages ? options->pages : NO_LIMIT);
        memory->shown |= OPTION_SIZE;
    }
    if (options->given & OPTION_INODES) {
        WRITE_ONCE(memory->inodes_max, options->inodes ? options->inodes : NO_LIMIT);
        memory->shown |= OPTION_INODES;
    }
    if (!fresh)
        return 0;
    if (options->given & OPTION_MODE) {
        root->mode = S_IFDIR | options->mode;
        memory->mode = options->mode;
        memory->shown |= options->mode != (S_ISVTX | 0777) ? OPTION_MODE : 0;
    }
    if (options->given & OPTION_UID) {
        memory->uid = root->uid = options->uid;
        memory->shown |= options->uid ? OPTION_UID : 0;
    }
    if (options->given & OPTION_GID) {
        memory->gid = root->gid = options->gid;
        memory->shown |= options->gid ? OPTION_GID : 0;
    }
    return 0;
}

static void show_options(struct filesystem *filesystem, struct proc_text *text)
{
    struct memory_filesystem *memory = memory_from(filesystem);
    if (memory->shown & OPTION_SIZE && memory->pages_max != NO_LIMIT)
        text_print(text, ",size=%luk", memory->pages_max << (PAGE_SHIFT - 10));
    else if (memory->shown & OPTION_SIZE)
        text_print(text, ",size=0k");
    if (memory->shown & OPTION_INODES)
        text_print(text, ",nr_inodes=%lu", memory->inodes_max != NO_LIMIT ? memory->inodes_max : 0);
    if (memory->shown & OPTION_MODE)
        text_print(text, ",mode=%03o", memory->mode);
    if (memory->shown & OPTION_UID)
        text_print(text, ",uid=%u", memory->uid);
    if (memory->shown & OPTION_GID)
        text_print(text, ",gid=%u", memory->gid);
}

void memory_limits_init(struct memory_filesystem *memory)
{
    memory->pages_max = frame_table_count / 2;
    memory->inodes_max = frame_table_count / 2;
    memory->filesystem.usage = usage;
    memory->filesystem.reconfigure = reconfigure;
    memory->filesystem.show_options = show_options;
}
