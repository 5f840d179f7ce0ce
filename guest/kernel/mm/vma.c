/*
 * kernel/mm/vma.c - the tree of mappings, ordered by start. Each carries the free room below it
 * (`gap`, less the guard room that a stack needs) and the largest such gap of its subtree, so that
 * a place for a new mapping is found in a time logarithmic in the number of mappings.
 */
#include "kernel/mm/vma.h"

#include "arch/layout.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"

static struct object_cache vma_cache = OBJECT_CACHE_INIT("vma", struct vma);

static inline struct vma *vma_of(const struct rb_node *node)
{
    return node ? rb_entry(node, struct vma, node) : NULL;
}

struct vma *vma_create(void)
{
    return object_cache_allocate(&vma_cache);
}

void vma_destroy(struct vma *vma)
{
    if (vma->file)
        file_put(vma->file);
    object_cache_free(&vma_cache, vma);
}

/* ---- order ---- */

static void update_subtree_gap(struct rb_node *node)
{
    struct vma *vma = vma_of(node);
    uint64_t largest = vma->gap;

    if (node->left && vma_of(node->left)->subtree_gap > largest)
        largest = vma_of(node->left)->subtree_gap;
    if (node->right && vma_of(node->right)->subtree_gap > largest)
        largest = vma_of(node->right)->subtree_gap;
    vma->subtree_gap = largest;
}

static inline uint64_t guard_below(const struct vma *vma)
{
    return vma->flags & VMA_GROWS_DOWN ? STACK_GUARD_BYTES : 0;
}

static uint64_t gap_of(const struct vma *vma, const struct vma *previous)
{
    uint64_t bottom = previous ? previous->end : USER_START;
    uint64_t top = vma->start - guard_below(vma);

    return vma->start >= guard_below(vma) && top > bottom ? top - bottom : 0;
}

static void gap_changed(struct address_space *space, struct vma *vma)
{
    if (!vma)
        return;
    uint64_t gap = gap_of(vma, vma_previous(vma));
    if (gap != vma->gap) {
        vma->gap = gap;
        rb_updated(&space->vmas, &vma->node);
    }
}

void vma_tree_init(struct address_space *space)
{
    space->vmas.root = NULL;
    space->vmas.update = update_subtree_gap;
    space->last_found = NULL;
}

struct vma *vma_find(struct address_space *space, uint64_t address)
{
    struct vma *vma = space->last_found;

    if (vma && address - vma->start < vma->end - vma->start)
        return vma;
    struct vma *found = NULL;
    struct rb_node *node = space->vmas.root;
    while (node) {
        vma = vma_of(node);
        if (address < vma->end) {
            found = vma;
            if (address >= vma->start)
                break;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    if (found)
        space->last_found = found;
    return found;
}

struct vma *vma_find_below(struct address_space *space, uint64_t address)
{
    struct vma *found = NULL;
    struct rb_node *node = space->vmas.root;

    while (node) {
        struct vma *vma = vma_of(node);
        if (vma->start < address) {
            found = vma;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return found;
}

struct vma *vma_next(const struct vma *vma)
{
    return vma_of(rb_next(&vma->node));
}

struct vma *vma_previous(const struct vma *vma)
{
    return vma_of(rb_previous(&vma->node));
}

struct vma *vma_first(const struct address_space *space)
{
    return vma_of(rb_first(&space->vmas));
}

/* ---- changes ---- */

/* The counters for `vma` as it stands; sign +1 or -1 (as unsigned). */
static void account(struct address_space *space, const struct vma *vma, uint64_t sign)
{
    uint64_t pages = vma_pages(vma);

    space->mapped_pages += sign * pages;
    if (vma_flags_are_data(vma->flags))
        space->data_pages += sign * pages;
    if (vma->flags & VMA_LOCKED)
        space->locked_pages += sign * pages;
}

void vma_insert(struct address_space *space, struct vma *vma)
{
    struct rb_node **link = &space->vmas.root, *parent = NULL;
    struct vma *previous = NULL, *next = NULL;

    while (*link) {
        struct vma *here = vma_of(*link);

        parent = *link;
        if (vma->start < here->start) {
            kernel_assert(vma->end <= here->start);
            next = here;
            link = &parent->left;
        } else {
            kernel_assert(vma->start >= here->end);
            previous = here;
            link = &parent->right;
        }
    }
    vma->gap = gap_of(vma, previous);
    rb_insert(&space->vmas, &vma->node, parent, link);
    gap_changed(space, next);
    space->vma_count++;
    account(space, vma, 1);
}

void vma_remove(struct address_space *space, struct vma *vma)
{
    struct vma *next = vma_next(vma);

    rb_remove(&space->vmas, &vma->node);
    gap_changed(space, next);
    if (space->last_found == vma)
        space->last_found = NULL;
    space->vma_count--;
    account(space, vma, -1ul);
}

void vma_set_bounds(struct address_space *space, struct vma *vma, uint64_t start, uint64_t end)
{
    account(space, vma, -1ul);
    if (vma->file) {
        vma->file_offset += start - vma->start;
        if (vma->file_bytes != UINT64_MAX) {
            uint64_t file_end = vma->start + vma->file_bytes;
            vma->file_bytes = file_end > start ? file_end - start : 0;
        }
    }
    vma->start = start;
    vma->end = end;
    account(space, vma, 1);
    gap_changed(space, vma);
    gap_changed(space, vma_next(vma));
}

void vma_set_flags(struct address_space *space, struct vma *vma, uint32_t flags)
{
    account(space, vma, -1ul);
    vma->flags = flags;
    account(space, vma, 1);
}

int vma_split(struct address_space *space, struct vma *vma, uint64_t address, struct vma **ret)
{
    kernel_assert(address > vma->start && address < vma->end);
    if (space->vma_count >= VMAS_MAX)
        return -ENOMEM;
    struct vma *upper = vma_create();
    if (!upper)
        return -ENOMEM;
    *upper = *vma;
    if (upper->file) {
        uint64_t cut = address - vma->start;

        file_get(upper->file);
        upper->file_offset += cut;
        if (upper->file_bytes != UINT64_MAX)
            upper->file_bytes = upper->file_bytes > cut ? upper->file_bytes - cut : 0;
    }
    upper->start = address;
    vma_set_bounds(space, vma, vma->start, address);
    vma_insert(space, upper);
    if (unlikely(upper->flags & VMA_COUNTED))
        upper->file->operations->mapping_added(upper->file);
    *ret = upper;
    return 0;
}

int vma_isolate(struct address_space *space, struct vma **vma, uint64_t start, uint64_t end)
{
    struct vma *part = *vma, *upper;
    int error = 0;

    if (start > part->start)
        error = vma_split(space, part, start, &part);
    if (!error && end < part->end)
        error = vma_split(space, part, end, &upper);
    if (!error)
        *vma = part;
    return error;
}

static bool can_join(const struct vma *lower, const struct vma *upper)
{
    if (lower->end == upper->start && !lower->file && !upper->file &&
        !(upper->flags & VMA_GROWS_DOWN) && MUTANT_EVERY(VMA_MERGE_WRONG, 20))
        return true;
    if (lower->end != upper->start || lower->flags != upper->flags || lower->file != upper->file ||
        lower->max_protection != upper->max_protection ||
        lower->flags & (VMA_GROWS_DOWN | VMA_COUNTED))
        return false;
    if (!lower->file)
        return true;
    return lower->file_offset + (lower->end - lower->start) == upper->file_offset &&
           lower->file_bytes == UINT64_MAX && upper->file_bytes == UINT64_MAX;
}

struct vma *vma_merge(struct address_space *space, struct vma *vma)
{
    struct vma *previous = vma_previous(vma), *next = vma_next(vma);

    /* Dropping the file of the one that goes is harmless here: the one that stays holds it too. */
    if (next && can_join(vma, next)) {
        uint64_t end = next->end;
        vma_remove(space, next);
        vma_destroy(next);
        vma_set_bounds(space, vma, vma->start, end);
    }
    if (previous && can_join(previous, vma)) {
        uint64_t end = vma->end;
        vma_remove(space, vma);
        vma_destroy(vma);
        vma_set_bounds(space, previous, previous->start, end);
        vma = previous;
    }
    return vma;
}

/* ---- free room ---- */

/* The highest place in a gap below a mapping of this subtree. At most one gap straddles the limit.
 */
static uint64_t search_gap(const struct rb_node *node, uint64_t bytes, uint64_t limit)
{
    while (node) {
        const struct vma *vma = vma_of(node);

        if (vma->subtree_gap < bytes)
            return 0;
        if (vma->end <= limit && limit - vma->end >= bytes) {
            uint64_t found = search_gap(node->right, bytes, limit);
            if (found)
                return found;
        }
        if (vma->gap >= bytes) {
            uint64_t top = vma->start - guard_below(vma), bottom = top - vma->gap;

            top = min(top, limit);
            if (top > bottom && top - bottom >= bytes)
                return top - bytes;
        }
        node = node->left;
    }
    return 0;
}

uint64_t vma_find_gap(struct address_space *space, uint64_t bytes, uint64_t limit)
{
    const struct vma *last = vma_of(rb_last(&space->vmas));
    uint64_t bottom = last ? last->end : USER_START;

    limit = min(limit, USER_END);
    if (limit > bottom && limit - bottom >= bytes)
        return limit - bytes;
    return search_gap(space->vmas.root, bytes, limit);
}

bool vma_range_free(struct address_space *space, uint64_t start, uint64_t end, bool with_guard)
{
    const struct vma *vma = vma_find(space, start);

    return !vma || end <= vma->start - (with_guard ? min(guard_below(vma), vma->start) : 0);
}

/* ---- fork ---- */

int vma_tree_copy(struct address_space *target, const struct address_space *source)
{
    const struct rb_node *from = source->vmas.root;
    struct rb_node **link = &target->vmas.root, *parent = NULL;

    /*
     * Down the left side first, copying on the way; up again where a right child is missing. The
     * copy's `parent` pointers lead back in step with the original's.
     */
    while (from) {
        struct vma *copy = vma_create();
        if (!copy)
            return -ENOMEM;
        *copy = *vma_of(from);
        copy->node.parent = parent;
        copy->node.left = copy->node.right = NULL;
        *link = &copy->node;
        if (copy->file)
            file_get(copy->file);
        target->vma_count++;

        struct rb_node *made = &copy->node;
        /* NOLINTBEGIN(clang-analyzer-core.NullDereference): `made` is as deep as `from` */
        for (;;) {
            if (from->left && !made->left) {
                from = from->left;
                link = &made->left;
                break;
            }
            if (from->right && !made->right) {
                from = from->right;
                link = &made->right;
                break;
            }
            from = from->parent;
            made = made->parent;
            if (!from)
                break;
        }
        /* NOLINTEND(clang-analyzer-core.NullDereference) */
        parent = made;
    }
    target->mapped_pages = source->mapped_pages;
    target->data_pages = source->data_pages;
    target->locked_pages = source->locked_pages;
    return 0;
}
