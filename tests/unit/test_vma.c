// SOURCES: guest/kernel/mm/address_space.c guest/kernel/mm/vma.c guest/kernel/mm/page_table.c guest/kernel/mm/shared_table.c guest/kernel/mm/file_mappings.c
// guest/kernel/mm/fault.c guest/kernel/mm/fork.c guest/kernel/mm/map.c guest/kernel/mm/access.c
// guest/kernel/mm/map_calls.c guest/kernel/mm/counted.c guest/kernel/mm/remap_calls.c guest/kernel/mm/advice_calls.c
// guest/kernel/mm/lock_calls.c guest/kernel/mm/slot_table.c guest/kernel/mm/object_cache.c
// guest/kernel/mm/frame.c guest/kernel/mm/free_list.c guest/kernel/mm/untouched.c
// guest/kernel/lib/rbtree.c tests/unit/host/kernel.c tests/unit/host/machine.c
// tests/unit/host/tasks.c tests/unit/host/files.c tests/unit/host/user.c
/* Does the tree of mappings agree with a plain array of pages, for every operation on it? */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "arch/layout.h"
#include "kernel/fs/file.h"
#include "kernel/mm/vma.h"
#include "machine.h"
#include "tasks.h"

#define MIB   (1024ul * 1024)
#define PAGES 400u /* the window of the model, from BASE on */
#define BASE  0x40000000ul

static uint32_t model[PAGES]; /* flags per page, 0 = free */

static void add(struct address_space *space, unsigned first, unsigned pages, uint32_t flags)
{
    struct vma *vma = vma_create();

    *vma = (struct vma){.start = BASE + first * PAGE_SIZE,
                        .end = BASE + (first + pages) * PAGE_SIZE,
                        .flags = flags};
    vma_insert(space, vma);
    for (unsigned i = 0; i < pages; i++)
        model[first + i] = flags;
}

static bool model_free(unsigned first, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        if (model[first + i])
            return false;
    return true;
}

Test(vma, against_a_model)
{
    host_machine_start(32 * MIB);
    host_task_start();
    struct address_space *space = address_space_create();
    /* What lies around the window, so that gaps end where it does. */
    struct vma *below = vma_create(), *above = vma_create();
    *below = (struct vma){.start = USER_START, .end = BASE, .flags = VMA_READ | VMA_SHARED};
    *above = (struct vma){
        .start = BASE + PAGES * PAGE_SIZE, .end = USER_END, .flags = VMA_READ | VMA_SHARED};
    vma_insert(space, below);
    vma_insert(space, above);

    srand(5);
    for (int step = 0; step < 30000; step++) {
        unsigned first = (unsigned)rand() % PAGES, pages = 1 + (unsigned)rand() % 20;
        uint64_t start = BASE + first * PAGE_SIZE;

        if (first + pages > PAGES)
            pages = PAGES - first;
        cr_assert_eq(vma_range_free(space, start, start + pages * PAGE_SIZE, false),
                     model_free(first, pages));
        struct vma *vma = vma_find(space, start);
        cr_assert_eq(vma->start <= start, model[first] != 0);
        switch (rand() % 4) {
        case 0:
            if (model_free(first, pages)) {
                add(space, first, pages, VMA_READ << rand() % 3);
                vma_merge(space, vma_find(space, start));
            }
            break;
        case 1: /* take out the mapping here, or a part of it */
            if (model[first]) {
                uint64_t end = min(vma->end, start + pages * PAGE_SIZE);
                cr_assert_eq(vma_isolate(space, &vma, start, end), 0);
                cr_assert(vma->start == start && vma->end == end);
                vma_remove(space, vma);
                vma_destroy(vma);
                memset(&model[first], 0, (end - start) / PAGE_SIZE * sizeof(model[0]));
            }
            break;
        case 2: { /* the highest gap below some limit */
            unsigned limit = (unsigned)rand() % PAGES, at = limit + 1;
            while (at-- > 0)
                if (at + pages <= limit && model_free(at, pages))
                    break;
            uint64_t expected = at < PAGES ? BASE + at * PAGE_SIZE : 0;
            cr_assert_eq(vma_find_gap(space, pages * PAGE_SIZE, BASE + limit * PAGE_SIZE),
                         expected);
            break;
        }
        default:
            if (model[first]) {
                uint64_t end = min(vma->end, start + pages * PAGE_SIZE);
                uint32_t flags = VMA_READ << rand() % 3;
                cr_assert_eq(vma_isolate(space, &vma, start, end), 0);
                vma_set_flags(space, vma, flags);
                vma = vma_merge(space, vma);
                cr_assert(vma->start <= start && vma->end >= end && vma->flags == flags);
                for (uint64_t i = 0; i < (end - start) / PAGE_SIZE; i++)
                    model[first + i] = flags;
            }
        }
        if (step % 100 == 0)
            for (unsigned i = 0; i < PAGES; i++) {
                vma = vma_find(space, BASE + i * PAGE_SIZE);
                cr_assert_eq(vma->start <= BASE + i * PAGE_SIZE ? vma->flags : 0, model[i]);
            }
    }
    struct address_space *copy = address_space_create();
    cr_assert_eq(vma_tree_copy(copy, space), 0);
    struct vma *a = vma_first(space), *b = vma_first(copy);
    for (; a; a = vma_next(a), b = vma_next(b))
        cr_assert(b && a->start == b->start && a->end == b->end && a->flags == b->flags &&
                  a->subtree_gap == b->subtree_gap);
    cr_assert_null(b);
    cr_assert_eq(copy->vma_count, space->vma_count);
    address_space_put(copy);
    address_space_put(space);
}

Test(vma, file_offsets_survive_cuts)
{
    host_machine_start(32 * MIB);
    host_task_start();
    struct address_space *space = address_space_create();
    struct file file = {.references = 5};
    struct vma *vma = vma_create(), *upper;

    *vma = (struct vma){.start = BASE,
                        .end = BASE + 10 * PAGE_SIZE,
                        .flags = VMA_READ,
                        .file = &file,
                        .file_offset = 3 * PAGE_SIZE,
                        .file_bytes = 4 * PAGE_SIZE + 100};
    vma_insert(space, vma);
    cr_assert_eq(vma_split(space, vma, BASE + 2 * PAGE_SIZE, &upper), 0);
    cr_assert_eq(upper->file_offset, 5 * PAGE_SIZE);
    cr_assert_eq(upper->file_bytes, 2 * PAGE_SIZE + 100);
    cr_assert_eq(vma->file_bytes, 4 * PAGE_SIZE + 100);
    cr_assert_eq(vma_split(space, upper, BASE + 8 * PAGE_SIZE, &upper), 0);
    cr_assert_eq(upper->file_bytes, 0);
    cr_assert_eq(file.references, 7);
    file.references = 1000;
    address_space_put(space);
    cr_assert_eq(file.references, 997);
}

Test(vma, a_stack_keeps_its_guard)
{
    host_machine_start(32 * MIB);
    host_task_start();
    struct address_space *space = address_space_create();
    struct vma *stack = vma_create();

    *stack = (struct vma){.start = USER_END - 16 * PAGE_SIZE,
                          .end = USER_END,
                          .flags = VMA_READ | VMA_WRITE | VMA_GROWS_DOWN};
    vma_insert(space, stack);
    uint64_t place = vma_find_gap(space, PAGE_SIZE, USER_END);
    cr_assert_eq(place, stack->start - STACK_GUARD_BYTES - PAGE_SIZE);
    cr_assert(vma_range_free(space, stack->start - PAGE_SIZE, stack->start, false));
    cr_assert(!vma_range_free(space, stack->start - PAGE_SIZE, stack->start, true));
    address_space_put(space);
}
