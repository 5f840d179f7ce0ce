// SOURCES: guest/kernel/mm/address_space.c guest/kernel/mm/vma.c guest/kernel/mm/page_table.c
// guest/kernel/mm/shared_table.c guest/kernel/mm/file_mappings.c guest/kernel/mm/fault.c guest/kernel/mm/fork.c
// guest/kernel/mm/map.c guest/kernel/mm/access.c guest/kernel/mm/map_calls.c guest/kernel/mm/counted.c
// guest/kernel/mm/remap_calls.c guest/kernel/mm/advice_calls.c guest/kernel/mm/lock_calls.c
// guest/kernel/mm/slot_table.c guest/kernel/mm/object_cache.c guest/kernel/mm/frame.c
// guest/kernel/mm/free_list.c guest/kernel/mm/untouched.c guest/kernel/lib/rbtree.c
// tests/unit/host/kernel.c tests/unit/host/machine.c tests/unit/host/tasks.c
// tests/unit/host/files.c tests/unit/host/user.c
/*
 * Any operations on mappings in any order, against a model of what each program's words should be:
 * are they, with little memory too, and are all counts exact all the time?
 */
#include "tests/unit/address_space_fixture.h"

#define SPACES      4
#define WINDOW      1200u /* pages, over three leaf tables */
#define WINDOW_BASE 0x7f0000100000ul

struct model {
    struct address_space *space;
    struct {
        bool mapped, readable, writable;
        uint64_t word;
    } pages[WINDOW];
};
static struct model models[SPACES];
static struct host_file *image;
static bool
    scarce; /* memory runs out now and then: operations may fail, but must not half-happen */
static unsigned refusals;

/* After a refused operation: what is mapped is what the mappings say; the words are as they were.
 */
static void refused(struct model *model)
{
    cr_assert(scarce, "out of memory");
    refusals++;
    for (unsigned i = 0; i < WINDOW; i++) {
        uint64_t address = WINDOW_BASE + i * PAGE_SIZE;
        const struct vma *vma = vma_find(model->space, address);
        bool mapped = vma && vma->start <= address;

        model->pages[i].mapped = mapped;
        model->pages[i].readable = mapped && vma->flags & VMA_READ;
        model->pages[i].writable = mapped && vma->flags & VMA_WRITE;
    }
}

static void random_step(struct model *model)
{
    struct address_space *space = model->space;
    unsigned first = (unsigned)rand() % WINDOW,
             pages = 1 + (unsigned)rand() % (rand() % 10 ? 30 : 600);
    uint64_t address = WINDOW_BASE + first * PAGE_SIZE, word = 0;

    if (first + pages > WINDOW)
        pages = WINDOW - first;
    uint64_t bytes = pages * PAGE_SIZE;
    host_task.address_space = space;
    switch (rand() % 12) {
    case 0:
    case 1: {
        struct map_request request = {.address = address,
                                      .fixed = true,
                                      .bytes = bytes,
                                      .flags = VMA_READ | VMA_WRITE,
                                      .populate = rand() % 8 == 0};
        bool from_file = rand() % 3 == 0 && pages <= 40;
        if (from_file) {
            request.file = &image->file;
            request.file_bytes = UINT64_MAX;
        }
        int64_t place = address_space_map(space, &request);
        if (place < 0) {
            refused(model);
            break;
        }
        cr_assert_eq((uint64_t)place, address);
        for (unsigned i = 0; i < pages; i++) {
            model->pages[first + i].mapped = model->pages[first + i].readable = true;
            model->pages[first + i].writable = true;
            model->pages[first + i].word = from_file ? i + 1 : 0;
        }
        break;
    }
    case 2:
        if (user_call(munmap, address, bytes))
            refused(model);
        else
            memset(&model->pages[first], 0, pages * sizeof(model->pages[0]));
        break;
    case 3: {
        unsigned protection = rand() % 3 ? PROT_READ | (rand() % 2 ? PROT_WRITE : 0) : PROT_NONE;
        unsigned i = first;
        int64_t result = user_call(mprotect, address, bytes, protection);
        for (; i < first + pages && model->pages[i].mapped; i++) {
            model->pages[i].readable = protection != PROT_NONE;
            model->pages[i].writable = protection & PROT_WRITE;
        }
        if (result != (i == first + pages ? 0 : -ENOMEM))
            refused(model);
        else if (result && scarce)
            refused(model); /* for the hole, or for memory before it was reached */
        break;
    }
    case 4: { /* move somewhere else in the window */
        unsigned target = (unsigned)rand() % WINDOW;
        bool movable =
            target + pages <= WINDOW && (target + pages <= first || target >= first + pages);
        const struct vma *vma = vma_find(space, address);
        if (!movable || !vma || vma->start > address || vma->end < address + bytes)
            break;
        int64_t place = user_call(mremap, address, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                                  WINDOW_BASE + target * PAGE_SIZE);
        if (place == -ENOMEM) {
            refused(model); /* the target may be gone already, as in Linux */
            break;
        }
        cr_assert_eq((uint64_t)place, WINDOW_BASE + target * PAGE_SIZE);
        memcpy(&model->pages[target], &model->pages[first], pages * sizeof(model->pages[0]));
        memset(&model->pages[first], 0, pages * sizeof(model->pages[0]));
        break;
    }
    case 5: { /* fork over another one */
        struct model *child = &models[rand() % SPACES];
        struct address_space *copy;
        if (child == model)
            break;
        if (address_space_duplicate(space, &copy)) {
            refused(model);
            break;
        }
        if (child->space)
            address_space_put(child->space);
        memcpy(child, model, sizeof(*child));
        child->space = copy;
        break;
    }
    default: /* touch some pages */
        for (unsigned i = first; i < first + min(pages, 20u); i++) {
            uint64_t page = WINDOW_BASE + i * PAGE_SIZE;
            if (rand() % 2) {
                uint64_t value = (uint64_t)rand() << 20 | i;
                int signal = user_store(space, page, value);
                if (signal == SIGKILL) {
                    refused(model);
                    continue;
                }
                cr_assert_eq(signal, model->pages[i].writable ? 0 : SIGSEGV);
                if (!signal)
                    model->pages[i].word = value;
            } else {
                int signal = user_load(space, page, &word);
                if (signal == SIGKILL) {
                    refused(model);
                    continue;
                }
                cr_assert_eq(signal, model->pages[i].readable ? 0 : SIGSEGV);
                if (!signal)
                    cr_assert_eq(word, model->pages[i].word);
            }
        }
    }
}

static void run_any_order(void)
{
    struct address_space *spaces[SPACES];

    image = host_image_file(9 * MIB, 40);
    srand(6);
    for (int step = 0; step < 12000; step++) {
        struct model *model = &models[rand() % SPACES];
        if (!model->space)
            continue;
        random_step(model);
        if (step % 100)
            continue;
        for (unsigned i = 0; i < SPACES; i++)
            spaces[i] = models[i].space;
        user_audit(spaces, SPACES);
        host_count_free_frames();
    }
    for (unsigned i = 0; i < SPACES; i++)
        if (models[i].space)
            address_space_put(models[i].space);
    host_file_put(image);
    cr_assert_eq(host_files_alive, 0);
    cr_assert_eq(address_space_slots.glass.live, 0);
    uint64_t leaked = 0;
    for (uint64_t n = 0; n < frame_table_count; n++)
        leaked += frame_table[n].kind == FRAME_ANONYMOUS || frame_table[n].kind == FRAME_PAGE_TABLE;
    cr_assert_eq(leaked, 0);
}

Test(address_space_model, any_order)
{
    models[0].space = start();
    run_any_order();
}

Test(address_space_model, any_order_with_little_memory)
{
    models[0].space = start();
    scarce = true;
    while (frames_free_count() > 700)
        cr_assert_neq(frame_allocate(FRAME_KERNEL, 0, FRAME_MAY_USE_RESERVE), 0);
    run_any_order();
    cr_assert_gt(refusals, 100);
}
