/*
 * kernel/fs/root/space.c - how much a regular file of the in-memory file systems holds: truncating,
 * allocating, holes, and what it takes. See regular.c for where its bytes are, and the locks.
 */
#include "kernel/fs/permission.h"
#include "kernel/fs/root/regular.h"

#include "arch/cpu.h"
#include "kernel/lib/string.h"
#include "kernel/mm/file_mappings.h"
#include "kernel/mm/frame.h"
#include "kernel/sched/task.h"

#define FALLOC_FL_KEEP_SIZE  0x1
#define FALLOC_FL_PUNCH_HOLE 0x2

/* Zeros [from, to) of one page; a hole stays a hole. */
static int zero_in_page(struct node *node, uint64_t from, uint64_t to)
{
    uint64_t index = from >> PAGE_SHIFT;
    phys_t frame;
    if (from == to ||
        (!page_present(node, index) && (index << PAGE_SHIFT) >= node->file.in_place_bytes))
        return 0;
    int error = page_own(node, index, &frame);
    if (error)
        return error;
    memset((uint8_t *)phys_to_virt(frame) + (from & (PAGE_SIZE - 1)), 0, to - from);
    frame_release(frame);
    return 0;
}

int regular_truncate(struct inode *inode, uint64_t bytes)
{
    struct node *node = node_of(inode);
    if (bytes > FILE_BYTES_MAX)
        return -EFBIG;
    if ((bytes < inode->bytes && (node->file.seals & F_SEAL_SHRINK)) ||
        (bytes > inode->bytes && (node->file.seals & F_SEAL_GROW)))
        return -EPERM;
    if (bytes < inode->bytes) {
        int error = zero_in_page(node, bytes, align_up(bytes, PAGE_SIZE));
        if (error)
            return error;
        WRITE_ONCE(inode->bytes, bytes);
        if (node->file.in_place_bytes > bytes)
            WRITE_ONCE(node->file.in_place_bytes, align_down(bytes, PAGE_SIZE));
        if (node->file.pages.root)
            pages_remove(node, pages_of(bytes), UINT64_MAX);
        file_mappings_remove(inode, pages_of(bytes), UINT64_MAX, true);
        show_replaced(node);
    } else {
        WRITE_ONCE(inode->bytes, bytes);
    }
    inode->modify_ns = inode->change_ns = clock_realtime_ns();
    inode_drop_set_ids(inode);
    return 0;
}

/* Whole pages become holes; where the image would shine through, zeroed pages. */
static int punch_pages(struct node *node, uint64_t first, uint64_t end)
{
    unsigned pages = 0;
    if (first >= end)
        return 0;
    pages_remove(node, first, end);
    for (uint64_t index = first; index < min(end, pages_of(node->file.in_place_bytes)); index++) {
        phys_t frame = page_allocate(node, true);
        if (!frame)
            return -ENOSPC;
        int error = page_map_insert(&node->file.pages, index, frame);
        if (error)
            page_give_back(node, frame);
        if (error && error != -EEXIST)
            return error;
        if (++pages % PAGES_PER_REST == 0)
            preemption_point();
    }
    return 0;
}

static int zero_range(struct node *node, uint64_t from, uint64_t to)
{
    uint64_t first = align_up(from, PAGE_SIZE), last = align_down(to, PAGE_SIZE);
    if (first > last)
        return zero_in_page(node, from, to);
    int error = zero_in_page(node, from, first);
    if (!error)
        error = punch_pages(node, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
    return error ? error : zero_in_page(node, last, to);
}

static int zero_and_unmap(struct node *node, uint64_t from, uint64_t to)
{
    int error = zero_range(node, from, to);

    /* After an error, too: some of it may have been done. */
    file_mappings_remove(&node->inode, from >> PAGE_SHIFT, pages_of(to), false);
    show_replaced(node);
    return error;
}

int regular_allocate(struct inode *inode, int mode, uint64_t offset, uint64_t bytes)
{
    struct node *node = node_of(inode);
    uint64_t end = offset + bytes;
    int error = 0;
    if (end > FILE_BYTES_MAX)
        return -EFBIG;
    if (mode & FALLOC_FL_PUNCH_HOLE && (node->file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
        return -EPERM;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && end > inode->bytes && (node->file.seals & F_SEAL_GROW))
        return -EPERM;
    if (mode & FALLOC_FL_PUNCH_HOLE)
        error = zero_and_unmap(node, offset, end);
    if (!(mode & FALLOC_FL_PUNCH_HOLE)) {
        struct memory_filesystem *memory = memory_of(inode);
        if (pages_of(end) - (offset >> PAGE_SHIFT) > memory->pages_max)
            return -ENOSPC;
        for (uint64_t index = offset >> PAGE_SHIFT; !error && index < pages_of(end); index++) {
            phys_t frame;
            if (in_place_frame(node, index))
                continue;
            error = page_own(node, index, &frame);
            if (!error)
                frame_release(frame);
            if (index % PAGES_PER_REST == 0) {
                preemption_point();
                if (!error && task_interrupted(current))
                    error = -EINTR;
            }
        }
        if (!error && !(mode & FALLOC_FL_KEEP_SIZE) && end > inode->bytes)
            WRITE_ONCE(inode->bytes, end);
    }
    if (!error)
        inode->modify_ns = inode->change_ns = clock_realtime_ns();
    return error;
}

uint64_t regular_blocks(const struct inode *inode)
{
    const struct node *node = node_of(inode);
    uint64_t image = pages_of(READ_ONCE(node->file.in_place_bytes));
    return max(image, READ_ONCE(node->file.pages.pages)) * (PAGE_SIZE / 512);
}
