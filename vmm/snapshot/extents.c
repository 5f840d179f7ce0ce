/*
 * vmm/snapshot/extents.c - which pages of a memory file hold something.
 *
 * The kernel knows which pages were ever touched (SEEK_DATA); of those, pages of zeros count as
 * untouched: a fresh memory reads the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/snapshot/snapshot.h"

struct extent_list {
    struct snapshot_extent *items;
    uint64_t count, room;
};

void snapshot_init(struct snapshot *snapshot)
{
    *snapshot = (struct snapshot){.fd = -1};
}

void snapshot_deinit(struct snapshot *snapshot)
{
    if (snapshot->fd >= 0)
        close(snapshot->fd);
    free(snapshot->state.bytes);
    free(snapshot->extents);
    free(snapshot->path);
    snapshot_init(snapshot);
}

static bool is_zero(const uint8_t *page)
{
    uint64_t first;

    memcpy(&first, page, sizeof(first));
    return first == 0 && memcmp(page, page + sizeof(first), SNAPSHOT_PAGE - sizeof(first)) == 0;
}

static bool add_page(struct extent_list *list, uint64_t offset)
{
    struct snapshot_extent *last = list->count ? &list->items[list->count - 1] : NULL;

    if (last && last->offset + last->bytes == offset) {
        last->bytes += SNAPSHOT_PAGE;
        return true;
    }
    if (list->count == list->room) {
        uint64_t room = list->room ? list->room * 2 : 256;
        struct snapshot_extent *items = realloc(list->items, room * sizeof(*items));

        if (!items)
            return false;
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = (struct snapshot_extent){.offset = offset, .bytes = SNAPSHOT_PAGE};
    return true;
}

struct vt_error *snapshot_find_extents(const struct machine_memory *memory,
                                       struct snapshot_extent **ret, uint64_t *ret_count)
{
    struct extent_list list = {0};
    off_t start, end = 0;

    while ((start = lseek(memory->fd, end, SEEK_DATA)) >= 0) {
        end = lseek(memory->fd, start, SEEK_HOLE);
        if (end < 0)
            break;
        /* A file system may know data by larger or smaller pieces than pages. */
        uint64_t last = (uint64_t)end < memory->bytes ? (uint64_t)end : memory->bytes;
        for (uint64_t at = (uint64_t)start / SNAPSHOT_PAGE * SNAPSHOT_PAGE; at < last;
             at += SNAPSHOT_PAGE)
            if (!is_zero(memory->base + at) && !add_page(&list, at)) {
                free(list.items);
                return vt_error_create(VT_ERROR_MEMORY,
                                       "out of memory for the list of the guest's pages");
            }
    }
    if (errno != ENXIO) { /* ENXIO: no more data */
        free(list.items);
        return vt_error_system(errno, "cannot find the used pages of the guest's memory");
    }
    *ret = list.items;
    *ret_count = list.count;
    return NULL;
}
