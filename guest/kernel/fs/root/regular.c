/*
 * kernel/fs/root/regular.c - content of regular files of the in-memory file systems.
 *
 * Three sources per page, in this order: a private frame (page_map), the image's bytes in place (up
 * to in_place_bytes), nothing (a hole: zeros). Reading never allocates; the first write to a page
 * gives it a private frame. A frame handed out for mapping is the page itself, so mappings see
 * later writes to it. Where a page changes its frame or goes (the first write to a page in place, a
 * hole punched, the file cut), it is taken out of all mappings, and their next access looks again.
 * A first access through a mapping that may write comes as a page fault, which cannot do that: then
 * the next call that writes does (file.stale); until then private mappings may show the page in
 * place.
 *
 * Locks: writers, truncation and holes under inode.lock; reading and page faults only under the
 * page map's. Bytes of a private frame beyond the file's size are zero.
 */
#include "kernel/fs/root/regular.h"
#include "kernel/fs/mount/mount.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/fs/inode_flags.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/file_mappings.h"
#include "kernel/mm/frame.h"
#include "kernel/process/process.h"

/*
 * In-place bytes at `position`, which lies below `end` (in_place_bytes, read once); *ret_bytes: how
 * many follow each other there.
 */
static const uint8_t *in_place(const struct node *node, uint64_t position, uint64_t end,
                               uint64_t *ret_bytes)
{
    if (position < node->data.block_bytes) {
        *ret_bytes = min(end, node->data.block_bytes) - position;
        return node->data.blocks + position;
    }
    *ret_bytes = end - position;
    return node->data.tail + (position - node->data.block_bytes);
}

/* ---- private pages ---- */

phys_t page_allocate(struct node *node, bool zero)
{
    struct memory_filesystem *memory = memory_of(&node->inode);
    if (__atomic_add_fetch(&memory->pages_used, 1, __ATOMIC_RELAXED) <= memory->pages_max) {
        phys_t frame = frame_allocate(FRAME_FILE, 0, zero ? FRAME_WANT_ZERO : 0);
        if (frame)
            return frame;
    }
    __atomic_sub_fetch(&memory->pages_used, 1, __ATOMIC_RELAXED);
    return 0;
}

void page_give_back(struct node *node, phys_t frame)
{
    __atomic_sub_fetch(&memory_of(&node->inode)->pages_used, 1, __ATOMIC_RELAXED);
    frame_release(frame);
}

void pages_remove(struct node *node, uint64_t first, uint64_t end)
{
    uint64_t removed = page_map_remove(&node->file.pages, first, end);
    if (removed)
        __atomic_sub_fetch(&memory_of(&node->inode)->pages_used, removed, __ATOMIC_RELAXED);
}

/* The page from byte `filled` on: in-place content as far as there is any, zeros behind it. */
static void page_fill(struct node *node, uint64_t index, void *page, uint64_t filled)
{
    uint64_t position = index << PAGE_SHIFT, bytes;
    uint64_t end = READ_ONCE(node->file.in_place_bytes);
    while (filled < PAGE_SIZE && position + filled < end) {
        const uint8_t *source = in_place(node, position + filled, end, &bytes);
        bytes = min(bytes, PAGE_SIZE - filled);
        memcpy((uint8_t *)page + filled, source, bytes);
        filled += bytes;
    }
    memset((uint8_t *)page + filled, 0, PAGE_SIZE - filled);
}

/* The private frame of the page, made if need be, with a reference for the caller. 0, -ENOSPC or
 * -ENOMEM. */
int page_own(struct node *node, uint64_t index, phys_t *ret)
{
    for (;;) {
        *ret = page_map_get(&node->file.pages, index);
        if (*ret)
            return 0;
        bool hole = (index << PAGE_SHIFT) >= READ_ONCE(node->file.in_place_bytes);
        phys_t frame = page_allocate(node, hole);
        if (!frame)
            return -ENOSPC;
        if (!hole)
            page_fill(node, index, phys_to_virt(frame), 0);
        frame_reference(frame);
        int error = page_map_insert(&node->file.pages, index, frame);
        if (!error) {
            if (!hole)
                WRITE_ONCE(node->file.stale, true);
            *ret = frame;
            return 0;
        }
        frame_release(frame);
        page_give_back(node, frame);
        if (error != -EEXIST)
            return error;
    }
}

/* Mappings that show pages in place which have a private frame now look again; inode.lock. */
void show_replaced(struct node *node)
{
    if (likely(!READ_ONCE(node->file.stale)))
        return;
    WRITE_ONCE(node->file.stale, false);
    file_mappings_remove(&node->inode, 0, UINT64_MAX, false);
}

/* ---- reading ---- */

static ssize_t regular_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct inode *inode = file->inode;
    struct node *node = node_of(inode);
    uint64_t size = READ_ONCE(inode->bytes), start = *position, at = start;
    uint64_t in_place_end = READ_ONCE(node->file.in_place_bytes);
    unsigned pages = 0;

    if (at >= size || !buffer->remaining)
        return buffer->remaining > FILE_BYTES_MAX - at ? -EINVAL : 0;
    uint64_t end = buffer->remaining < size - at ? at + buffer->remaining : size;
    if (unlikely(buffer->remaining > FILE_BYTES_MAX - at))
        return -EINVAL;
    while (at < end) {
        uint64_t offset = at & (PAGE_SIZE - 1), wanted = min(end - at, PAGE_SIZE - offset), copied;
        phys_t frame = 0;
        if (READ_ONCE(node->file.pages.root))
            frame = page_map_get(&node->file.pages, at >> PAGE_SHIFT);
        if (frame) {
            copied = io_copy_to(buffer, (uint8_t *)phys_to_virt(frame) + offset, wanted);
            frame_release(frame);
        } else if (at < in_place_end) {
            uint64_t there;
            const uint8_t *source = in_place(node, at, in_place_end, &there);
            if (!READ_ONCE(node->file.pages.root)) /* nothing private: more than the page at once */
                wanted = min(end - at, PAGES_PER_REST * PAGE_SIZE);
            wanted = min(wanted, there);
            copied = io_copy_to(buffer, source, wanted);
        } else {
            copied = io_zero(buffer, wanted);
        }
        at += copied;
        if (copied < wanted)
            break;
        pages += (unsigned)((wanted + PAGE_SIZE - 1) >> PAGE_SHIFT);
        if (pages >= PAGES_PER_REST && at < end) {
            preemption_point();
            pages = 0;
        }
    }
    if (at == start)
        return -EFAULT;
    if (inode->access_ns <= inode->modify_ns && !(file->flags & O_NOATIME) &&
        !(inode->flags & INODE_NO_ATIME) && !mount_keeps_access_time(file->mount, inode))
        inode->access_ns = clock_realtime_ns(); /* as Linux's relatime, without its daily update */
    *position = at;
    return (ssize_t)(at - start);
}

/* ---- writing ---- */

/* How far a write at `position` may reach: RLIMIT_FSIZE and the largest file. 0, -EFBIG or -EINVAL. */
static int write_limit(uint64_t position, uint64_t *bytes)
{
    struct process *process = current->process;
    if (unlikely(*bytes > FILE_BYTES_MAX - position))
        return -EINVAL;
    uint64_t limit = process ? READ_ONCE(process->rlimits[RLIMIT_FSIZE].soft) : UINT64_MAX;
    if (unlikely(limit < FILE_BYTES_MAX) && position + *bytes > limit) {
        if (position >= limit) {
            signal_send_task(current, SIGXFSZ, NULL);
            return -EFBIG;
        }
        *bytes = limit - position;
    }
    return 0;
}

/* The filled page could not be put in: if a page fault was faster, its page gets the bytes. Gives
 * `frame` back. */
static int write_lost_race(struct node *node, uint64_t index, phys_t frame, size_t copied,
                           int error)
{
    phys_t other;
    if (error == -EEXIST) {
        error = page_own(node, index, &other);
        if (!error) {
            memcpy(phys_to_virt(other), phys_to_virt(frame), copied);
            frame_release(other);
        }
    }
    page_give_back(node, frame);
    return error;
}

/* A whole page into a place that has none yet: filled before anyone can see it, so it need not be
 * cleared. */
static int write_fresh_page(struct node *node, uint64_t index, struct io_buffer *buffer,
                            size_t *ret_copied)
{
    phys_t frame = page_allocate(node, false);
    if (!frame)
        return -ENOSPC;
    uint8_t *page = phys_to_virt(frame);
    size_t copied = io_copy_from(buffer, page, PAGE_SIZE);
    if (copied < PAGE_SIZE)
        page_fill(node, index, page, copied);
    int error = copied ? page_map_insert(&node->file.pages, index, frame) : -EFAULT;
    if (error)
        error = write_lost_race(node, index, frame, copied, error);
    else if ((index << PAGE_SHIFT) < node->file.in_place_bytes)
        WRITE_ONCE(node->file.stale, true);
    if (!error)
        *ret_copied = copied;
    return error ? error : copied < PAGE_SIZE ? -EFAULT : 0;
}

static int write_page(struct node *node, uint64_t at, size_t wanted, struct io_buffer *buffer,
                      size_t *ret_copied)
{
    phys_t frame;
    int error = page_own(node, at >> PAGE_SHIFT, &frame);
    if (error)
        return error;
    uint8_t *page = phys_to_virt(frame);
    *ret_copied = io_copy_from(buffer, page + (at & (PAGE_SIZE - 1)), wanted);
    frame_release(frame);
    return *ret_copied < wanted ? -EFAULT : 0;
}

bool page_present(struct node *node, uint64_t index)
{
    phys_t frame = page_map_get(&node->file.pages, index);
    if (frame)
        frame_release(frame);
    return frame != 0;
}

static ssize_t regular_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct inode *inode = file->inode;
    struct node *node = node_of(inode);
    uint64_t bytes = buffer->remaining;
    int error = 0;
    unsigned pages = 0;

    if (!bytes)
        return 0;
    mutex_lock(&inode->lock);
    bool at_end =
        buffer->placement == IO_AS_OPENED ? file->flags & O_APPEND : buffer->placement == IO_AT_END;
    uint64_t start = at_end ? inode->bytes : *position, at = start;
    if (unlikely(node->file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
        error = -EPERM;
    if (!error)
        error = write_limit(start, &bytes);
    if (!error && unlikely(node->file.seals & F_SEAL_GROW) && start + bytes > inode->bytes) {
        /* Page by page, as Linux: one that would grow the file is not written at all. */
        uint64_t limit = inode->bytes & PAGE_MASK;
        error = start >= limit ? -EPERM : 0;
        bytes = limit - start;
    }
    uint64_t end = start + bytes;
    while (!error && at < end) {
        size_t wanted = min(end - at, PAGE_SIZE - (at & (PAGE_SIZE - 1))), copied = 0;
        if (wanted == PAGE_SIZE && !page_present(node, at >> PAGE_SHIFT)) {
            error = write_fresh_page(node, at >> PAGE_SHIFT, buffer, &copied);
        } else {
            error = write_page(node, at, wanted, buffer, &copied);
        }
        at += copied;
        if (at > inode->bytes)
            WRITE_ONCE(inode->bytes, at);
        if (++pages == PAGES_PER_REST) {
            preemption_point();
            pages = 0;
        }
    }
    if (at > start) {
        inode->modify_ns = inode->change_ns = clock_realtime_ns();
        inode_drop_set_ids(inode);
        *position = at;
        show_replaced(node);
    }
    mutex_unlock(&inode->lock);
    return at > start ? (ssize_t)(at - start) : error;
}

/* ---- seeking and mapping ---- */

static int64_t regular_seek(struct file *file, int64_t offset, int whence)
{
    struct inode *inode = file->inode;
    struct node *node = node_of(inode);
    uint64_t size = READ_ONCE(inode->bytes), at = (uint64_t)offset;
    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return file_seek_within(file, offset, whence, size);
    if (offset < 0 || at >= size)
        return -ENXIO;
    uint64_t in_place_end = align_up(READ_ONCE(node->file.in_place_bytes), PAGE_SIZE);
    uint64_t index = at >> PAGE_SHIFT, next;
    if (whence == SEEK_DATA) {
        if (at >= in_place_end) {
            next = page_map_next(&node->file.pages, index);
            if (next >= pages_of(size))
                return -ENXIO;
            at = max(at, next << PAGE_SHIFT);
        }
    } else {
        index = max(index, in_place_end >> PAGE_SHIFT);
        while (index < pages_of(size) && page_map_next(&node->file.pages, index) == index) {
            if ((++index & 63) == 0)
                preemption_point();
        }
        at = max(at, min(index << PAGE_SHIFT, size));
    }
    file->position = at;
    return (int64_t)at;
}

static int regular_get_page(struct file *file, uint64_t index, bool write, phys_t *ret)
{
    struct inode *inode = file->inode;
    struct node *node = node_of(inode);
    *ret = 0;
    if (index >= pages_of(READ_ONCE(inode->bytes)))
        return -ENXIO;
    if (write && unlikely(node->file.seals & F_SEAL_WRITE))
        return -EPERM;
    if (!write) {
        if (READ_ONCE(node->file.pages.root))
            *ret = page_map_get(&node->file.pages, index);
        if (*ret)
            return 0;
        *ret = in_place_frame(node, index);
        if (*ret) {
            frame_reference(*ret);
            return 0;
        }
        if ((index << PAGE_SHIFT) >= READ_ONCE(node->file.in_place_bytes))
            return 0;
    }
    /* To be written, or the tail of an image file, which shares its page with other things. */
    int error = page_own(node, index, ret);
    if (!error && unlikely(index >= pages_of(READ_ONCE(inode->bytes)))) {
        /* Truncated meanwhile: it may have looked for pages before ours was there. */
        frame_release(*ret);
        pages_remove(node, index, index + 1);
        *ret = 0;
        error = -ENXIO;
    }
    return error;
}

/* For mappings, around a fault: only what is there already. */
static void regular_get_present_pages(struct file *file, uint64_t index, unsigned count,
                                      phys_t *frames)
{
    struct inode *inode = file->inode;
    struct node *node = node_of(inode);
    uint64_t end = pages_of(READ_ONCE(inode->bytes));
    struct page_map *own = &node->file.pages;
    /* Most image files own their last page at most: no lookup for each of the others. */
    uint64_t next_own = READ_ONCE(own->root) ? page_map_next(own, index) : UINT64_MAX;
    for (unsigned i = 0; i < count; i++, index++) {
        phys_t frame = 0;
        if (unlikely(index >= next_own)) {
            frame = index < end ? page_map_get(own, index) : 0;
            next_own = page_map_next(own, index + 1);
        }
        if (index < end && !frame) {
            frame = in_place_frame(node, index);
            if (frame)
                frame_reference(frame);
        }
        frames[i] = frame;
    }
}

const struct inode_operations node_regular_operations = {
    .truncate = regular_truncate,
    .allocate = regular_allocate,
    .blocks = regular_blocks,
    .attributes = node_attributes,
    .destroy = node_destroy,
};

const struct file_operations node_regular_file_operations = {
    .read = regular_read,
    .write = regular_write,
    .seek = regular_seek,
    .get_page = regular_get_page,
    .get_present_pages = regular_get_present_pages,
};
