/*
 * kernel/fs/proc/smaps.c - /proc/PID/{smaps,smaps_rollup,pagemap}: what of a process's mappings is
 * in memory. Pages that are mapped but were never touched are not counted, as on Linux.
 */
#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/mm/usage.h"
#include "kernel/process/process.h"

#define KIB_PER_PAGE     (PAGE_SIZE / 1024)
#define PARTS_PER_KIB    (4096 / KIB_PER_PAGE)
#define PAGEMAP_ENTRY    8u
#define PAGEMAP_FRAME    ((1ull << 55) - 1)
#define ENTRIES_PER_STEP 64u

static void show_usage(struct proc_text *text, const struct memory_usage *usage)
{
    const struct {
        const char *name;
        uint64_t kib;
    } lines[] = {
        {"Rss", usage->resident * KIB_PER_PAGE},
        {"Pss", usage->proportional / PARTS_PER_KIB},
        {"Pss_Dirty", (usage->shared_dirty + usage->private_dirty) * KIB_PER_PAGE},
        {"Shared_Clean", usage->shared_clean * KIB_PER_PAGE},
        {"Shared_Dirty", usage->shared_dirty * KIB_PER_PAGE},
        {"Private_Clean", usage->private_clean * KIB_PER_PAGE},
        {"Private_Dirty", usage->private_dirty * KIB_PER_PAGE},
        {"Referenced", usage->referenced * KIB_PER_PAGE},
        {"Anonymous", usage->anonymous * KIB_PER_PAGE},
        {"LazyFree", 0},
        {"AnonHugePages", 0},
        {"ShmemPmdMapped", 0},
        {"FilePmdMapped", 0},
        {"Shared_Hugetlb", 0},
        {"Private_Hugetlb", 0},
        {"Swap", 0},
        {"SwapPss", 0},
        {"Locked", usage->locked * KIB_PER_PAGE},
    };
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        text_print(text, "%s:%*s%8lu kB\n", lines[i].name,
                   15 - (int)__builtin_strlen(lines[i].name), "", lines[i].kib);
}

static void show_flags(struct proc_text *text, const struct vma *vma)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{VMA_READ, " rd"},      {VMA_WRITE, " wr"},        {VMA_EXECUTE, " ex"},
                 {VMA_SHARED, " sh"},    {VMA_GROWS_DOWN, " gd"},   {VMA_LOCKED, " lo"},
                 {VMA_DONT_FORK, " dc"}, {VMA_WIPE_ON_FORK, " wf"}, {VMA_NORESERVE, " nr"}};
    text_print(text, "VmFlags:");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (vma->flags & names[i].flag)
            text_print(text, "%s", names[i].name);
    }
    text_print(text, "\n");
}

struct smaps_walk {
    struct maps_walk maps;
    struct memory_usage sum; /* of the rollup */
    uint64_t first, end;
};

static int visit_smaps(void *context, const struct vma *vma)
{
    struct smaps_walk *walk = context;
    struct memory_usage usage = {0};
    proc_show_mapping(&walk->maps, vma);
    memory_usage_add(walk->maps.space, vma, &usage);
    text_print(walk->maps.text,
               "Size:           %8lu kB\nKernelPageSize: %8lu kB\nMMUPageSize:    %8lu kB\n",
               usage.size * KIB_PER_PAGE, (uint64_t)KIB_PER_PAGE, (uint64_t)KIB_PER_PAGE);
    show_usage(walk->maps.text, &usage);
    text_print(walk->maps.text, "THPeligible:           0\n");
    show_flags(walk->maps.text, vma);
    return 0;
}

static int visit_rollup(void *context, const struct vma *vma)
{
    struct smaps_walk *walk = context;
    if (!walk->end)
        walk->first = vma->start;
    walk->end = vma->end;
    memory_usage_add(walk->maps.space, vma, &walk->sum);
    return 0;
}

static int walk_mappings(struct smaps_walk *walk, const struct proc_target *target,
                         int (*visit)(void *, const struct vma *))
{
    int error = -ENOMEM;
    walk->maps.space = task_address_space_get(target->task);
    if (!walk->maps.space)
        return 0;
    walk->maps.path = kmalloc(PATH_MAX);
    if (walk->maps.path)
        error = address_space_for_each(walk->maps.space, visit, walk);
    kfree(walk->maps.path);
    address_space_put(walk->maps.space);
    return error;
}

int proc_show_smaps(struct proc_text *text, const struct proc_target *target)
{
    struct smaps_walk walk = {.maps = {.text = text}};
    return walk_mappings(&walk, target, visit_smaps);
}

int proc_show_smaps_rollup(struct proc_text *text, const struct proc_target *target)
{
    struct smaps_walk walk = {.maps = {.text = text}};
    int error = walk_mappings(&walk, target, visit_rollup);
    if (error || !walk.end)
        return error ? error : -ESRCH;
    text_print(text, "%08lx-%08lx ---p 00000000 00:00 0%*s[rollup]\n", walk.first, walk.end, 34,
               "");
    show_usage(text, &walk.sum);
    return 0;
}

ssize_t proc_read_pagemap(const struct proc_target *target, struct io_buffer *buffer,
                          uint64_t position)
{
    uint64_t entries[ENTRIES_PER_STEP], mask = UINT64_MAX;
    ssize_t done = 0;
    if (position % PAGEMAP_ENTRY || buffer->remaining % PAGEMAP_ENTRY)
        return -EINVAL;
    struct address_space *space = task_address_space_get(target->task);
    if (!space)
        return 0;
    if (!process_has_capability(current->process, CAP_SYS_ADMIN))
        mask = ~PAGEMAP_FRAME; /* where memory lies is no user's business */
    uint64_t page = position / PAGEMAP_ENTRY, end = USER_END >> PAGE_SHIFT;
    while (buffer->remaining && page < end) {
        size_t count = min(min((size_t)ENTRIES_PER_STEP, buffer->remaining / PAGEMAP_ENTRY),
                           (size_t)(end - page));
        address_space_pagemap(space, page, entries, count);
        for (size_t i = 0; i < count; i++)
            entries[i] &= mask;
        size_t copied = io_copy_to(buffer, entries, count * PAGEMAP_ENTRY);
        done += (ssize_t)copied;
        page += count;
        if (copied < count * PAGEMAP_ENTRY) {
            done = done ? done : -EFAULT;
            break;
        }
        preemption_point();
    }
    address_space_put(space);
    return done;
}
