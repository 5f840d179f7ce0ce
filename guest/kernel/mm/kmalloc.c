/*
 * kernel/mm/kmalloc.c - memory of any size up to 64 KiB. Small sizes come from object caches, one
 * per size class, each block of which is one frame: the frame's flags hold class + 1, so that
 * kfree() needs no header in front of the memory. Larger ones are whole blocks of frames (flags 0;
 * the frame knows its order).
 */
#include "arch/layout.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/mm/failing.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"

#define KMALLOC_MAX 65536ul
#define SMALL_MAX   1024ul

#define SIZE_CLASS(index, bytes)                                                                   \
    [index] = {.name = "kmalloc-" #bytes,                                                          \
               .object_bytes = (bytes),                                                            \
               .alignment = (bytes)&63 ? 16 : 64,                                                  \
               .lock = SPINLOCK_INIT(RANK_SLAB),                                                   \
               .batch = 16,                                                                        \
               .tag = (index) + 1}

/* Classes above 1 KiB would need blocks of several frames, where kfree() finds no class (see
 * above). */
static struct object_cache classes[] = {
    SIZE_CLASS(0, 16),  SIZE_CLASS(1, 32),  SIZE_CLASS(2, 48),   SIZE_CLASS(3, 64),
    SIZE_CLASS(4, 96),  SIZE_CLASS(5, 128), SIZE_CLASS(6, 192),  SIZE_CLASS(7, 256),
    SIZE_CLASS(8, 320), SIZE_CLASS(9, 512), SIZE_CLASS(10, 640), SIZE_CLASS(11, 1024),
};

/* For each multiple of 16 up to SMALL_MAX, rounded up: the class. */
static inline unsigned class_of(size_t bytes)
{
    static const uint8_t class_by_16[SMALL_MAX / 16 + 1] = {
        0,  0,  1,  2,  3,  4,  4,  5,  5,  6,  6,  6,  6,  7,  7,  7,  7,  8,  8,  8,  8, /* .. 320
                                                                                            */
        9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9, /* .. 512 */
        10, 10, 10, 10, 10, 10, 10, 10,                /* .. 640 */
        11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11,
        11, 11,
    };

    return class_by_16[(bytes + 15) / 16];
}

void *kmalloc(size_t bytes)
{
    if (likely(bytes <= SMALL_MAX))
        return object_cache_allocate(&classes[class_of(bytes)]);
    if (bytes > KMALLOC_MAX || allocation_fails(GLASS_FAIL_KMALLOC))
        return NULL;
    unsigned order = 0;
    while (PAGE_SIZE << order < bytes)
        order++;
    phys_t phys = frame_allocate(FRAME_KERNEL, order, FRAME_MAY_USE_RESERVE);
    return phys ? phys_to_virt(phys) : NULL;
}

void *kzalloc(size_t bytes)
{
    void *memory = kmalloc(bytes);

    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

void kfree(void *memory)
{
    if (!memory)
        return;
    phys_t phys = virt_to_phys(memory);
    unsigned tag = frame_of(phys)->flags;

    if (tag) {
        kernel_assert(tag <= ARRAY_COUNT(classes));
        object_cache_free(&classes[tag - 1], memory);
    } else {
        kernel_assert((phys & ~PAGE_MASK) == 0 && frame_of(phys)->kind == FRAME_KERNEL);
        frame_release(phys);
    }
}

char *kstrdup(const char *string)
{
    size_t bytes = strlen(string) + 1;
    char *copy = kmalloc(bytes);

    if (copy)
        memcpy(copy, string, bytes);
    return copy;
}
