/*
 * kernel/fs/root/page_map.c - see page_map.h. Nodes that have become empty are freed when a range
 * is removed, as far as the removal empties them.
 */
#include "kernel/fs/root/page_map.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

#define NODE_BITS  6
#define NODE_SLOTS (1u << NODE_BITS)
#define HEIGHT_MAX 9 /* 54 bits: every page of a 2^63-byte file */

struct map_node {
    uint64_t slots[NODE_SLOTS];
    uint32_t used;
};

static struct object_cache node_cache = OBJECT_CACHE_INIT("page_map_node", struct map_node);

void page_map_init(struct page_map *map)
{
    spin_init(&map->lock, RANK_PAGE_MAP);
    map->height = 0;
    map->root = 0;
    map->pages = 0;
}

static struct map_node *node_create(void)
{
    struct map_node *node = object_cache_allocate(&node_cache);
    if (node)
        memset(node, 0, sizeof(*node));
    return node;
}

static bool index_fits(uint64_t index, uint32_t height)
{
    return index >> (NODE_BITS * height) == 0;
}

static unsigned slot_of(uint64_t index, uint32_t level)
{
    return (unsigned)(index >> (NODE_BITS * level)) & (NODE_SLOTS - 1);
}

phys_t page_map_get(struct page_map *map, uint64_t index)
{
    phys_t frame = 0;
    spin_lock(&map->lock);
    if (index_fits(index, map->height)) {
        uint64_t at = map->root;
        for (uint32_t level = map->height; level && at; level--)
            at = ((struct map_node *)at)->slots[slot_of(index, level - 1)];
        frame = at;
    }
    if (frame)
        frame_reference(frame);
    spin_unlock(&map->lock);
    return frame;
}

/* Makes the tree high enough; lock held. */
static int grow(struct page_map *map, uint64_t index)
{
    while (!index_fits(index, map->height)) {
        if (map->root) {
            struct map_node *node = node_create();
            if (!node)
                return -ENOMEM;
            node->slots[0] = map->root;
            node->used = 1;
            map->root = (uint64_t)node;
        }
        map->height++;
    }
    return 0;
}

/* path[level] is the place that leads to the node of that level: frees empty nodes from `level`
 * upwards. */
static void free_empty(struct page_map *map, uint64_t **path, uint32_t level)
{
    for (; level <= map->height; level++) {
        struct map_node *node = (struct map_node *)*path[level];
        if (node->used)
            return;
        *path[level] = 0;
        object_cache_free(&node_cache, node);
        if (level < map->height)
            ((struct map_node *)*path[level + 1])->used--;
    }
}

int page_map_insert(struct page_map *map, uint64_t index, phys_t frame)
{
    uint64_t *path[HEIGHT_MAX + 1];
    struct map_node *parent = NULL;
    int error = index_fits(index, HEIGHT_MAX) ? 0 : -ENOMEM;
    spin_lock(&map->lock);
    if (!error)
        error = grow(map, index);
    if (error) {
        spin_unlock(&map->lock);
        return error;
    }
    uint64_t *place = &map->root;
    for (uint32_t level = map->height; level; level--) {
        path[level] = place;
        if (!*place) {
            struct map_node *node = node_create();
            if (!node) {
                free_empty(map, path, level + 1);
                spin_unlock(&map->lock);
                return -ENOMEM;
            }
            *place = (uint64_t)node;
            if (parent)
                parent->used++;
        }
        parent = (struct map_node *)*place;
        place = &parent->slots[slot_of(index, level - 1)];
    }
    if (*place) {
        error = -EEXIST;
    } else {
        *place = frame;
        if (parent)
            parent->used++;
        map->pages++;
    }
    spin_unlock(&map->lock);
    return error;
}

/* The smallest used index >= first; lock held. */
static uint64_t next_locked(const struct page_map *map, uint64_t first)
{
    if (!map->root || !index_fits(first, map->height))
        return UINT64_MAX;
    if (!map->height)
        return 0;
    uint64_t index = first;
    for (;;) {
        /* Down as far as there are nodes; at an empty slot, on to the next slot of that level. */
        uint64_t at = map->root;
        uint32_t level = map->height;
        while (level && at) {
            level--;
            at = ((struct map_node *)at)->slots[slot_of(index, level)];
        }
        if (at)
            return index;
        uint64_t step = 1ull << (NODE_BITS * level);
        index = (index & ~(step - 1)) + step;
        if (!index_fits(index, map->height))
            return UINT64_MAX;
    }
}

uint64_t page_map_next(struct page_map *map, uint64_t first)
{
    spin_lock(&map->lock);
    uint64_t found = next_locked(map, first);
    spin_unlock(&map->lock);
    return found;
}

/* Takes the frame of `index` out, and the nodes that this empties; lock held, the frame is there.
 */
static phys_t take_out(struct page_map *map, uint64_t index)
{
    uint64_t *path[HEIGHT_MAX + 1];
    uint64_t *place = &map->root;
    uint32_t level = map->height;
    path[level] = place;
    while (level) {
        level--;
        place = &((struct map_node *)*place)->slots[slot_of(index, level)];
        path[level] = place;
    }
    phys_t frame = *place;
    *place = 0;
    map->pages--;
    if (map->height) {
        ((struct map_node *)*path[1])->used--;
        free_empty(map, path, 1);
    }
    return frame;
}

uint64_t page_map_remove(struct page_map *map, uint64_t first, uint64_t end)
{
    uint64_t removed = 0;
    for (;;) {
        spin_lock(&map->lock);
        uint64_t index = next_locked(map, first);
        phys_t frame = index < end ? take_out(map, index) : 0;
        if (!map->root)
            map->height = 0;
        spin_unlock(&map->lock);
        if (!frame)
            return removed;
        frame_release(frame);
        first = index + 1;
        if ((++removed & 63) == 0)
            preemption_point();
    }
}

uint64_t page_map_clear(struct page_map *map)
{
    return page_map_remove(map, 0, UINT64_MAX);
}
