/*
 * kernel/mm/object_cache.c - equal objects cut from frames. Each CPU has a list of free ones, used
 * with no lock; `batch` objects at a time move between it and the shared list. Frames are never
 * given back: a cache is as large as the most objects that were alive at once.
 */
#include "kernel/mm/object_cache.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/mm/failing.h"
#include "kernel/mm/frame.h"

/* A free object's first word. */
static inline void **link_of(void *object)
{
    return object;
}

static uint32_t stride_of(const struct object_cache *cache)
{
    uint32_t alignment = max(cache->alignment, (uint32_t)sizeof(void *));

    return align_up(max(cache->object_bytes, (uint32_t)sizeof(void *)), alignment);
}

/* Cuts a new block into the CPU's list. False when out of memory. */
static bool grow(struct object_cache *cache, unsigned cpu)
{
    uint32_t stride = stride_of(cache);
    unsigned order = 0;

    while (order < 3 && PAGE_SIZE << order < 4ul * stride)
        order++;
    uint64_t bytes = PAGE_SIZE << order;
    phys_t phys = frame_allocate(FRAME_KERNEL, order, FRAME_MAY_USE_RESERVE);
    if (!phys)
        return false;
    __atomic_fetch_add(&cache->frames, 1ul << order, __ATOMIC_RELAXED);
    frame_of(phys)->flags = cache->tag;
    char *block = phys_to_virt(phys);
    for (uint64_t offset = 0; offset + stride <= bytes; offset += stride) {
        *link_of(block + offset) = cache->cpu[cpu].free;
        cache->cpu[cpu].free = block + offset;
        cache->cpu[cpu].count++;
    }
    return true;
}

static COLD bool refill(struct object_cache *cache, unsigned cpu)
{
    if (READ_ONCE(cache->shared_count)) {
        spin_lock(&cache->lock);
        for (uint32_t i = 0; i < cache->batch && cache->shared_free; i++) {
            void *object = cache->shared_free;
            cache->shared_free = *link_of(object);
            cache->shared_count--;
            *link_of(object) = cache->cpu[cpu].free;
            cache->cpu[cpu].free = object;
            cache->cpu[cpu].count++;
        }
        spin_unlock(&cache->lock);
        if (cache->cpu[cpu].free)
            return true;
    }
    return grow(cache, cpu);
}

static COLD void spill(struct object_cache *cache, unsigned cpu)
{
    spin_lock(&cache->lock);
    for (uint32_t i = 0; i < cache->batch; i++) {
        void *object = cache->cpu[cpu].free;
        cache->cpu[cpu].free = *link_of(object);
        cache->cpu[cpu].count--;
        *link_of(object) = cache->shared_free;
        cache->shared_free = object;
        cache->shared_count++;
    }
    spin_unlock(&cache->lock);
}

void *object_cache_allocate(struct object_cache *cache)
{
    unsigned cpu = this_cpu()->index;

    if (unlikely(READ_ONCE(failing_kinds)) &&
        allocation_fails(cache->tag ? GLASS_FAIL_KMALLOC : GLASS_FAIL_OBJECTS))
        return NULL;
    if (unlikely(!cache->cpu[cpu].free) && !refill(cache, cpu))
        return NULL;
    void *object = cache->cpu[cpu].free;
    cache->cpu[cpu].free = *link_of(object);
    cache->cpu[cpu].count--;
    return object;
}

void object_cache_free(struct object_cache *cache, void *object)
{
    unsigned cpu = this_cpu()->index;

    *link_of(object) = cache->cpu[cpu].free;
    cache->cpu[cpu].free = object;
    if (unlikely(++cache->cpu[cpu].count > 4 * cache->batch))
        spill(cache, cpu);
}
