/*
 * kernel/mm/object_cache.h - kernel memory in pieces: caches of equal objects with a per-CPU free
 * list, and kmalloc() on a set of such caches. Callable from tasks and, at rank, from interrupts.
 */
#ifndef KERNEL_MM_OBJECT_CACHE_H
#define KERNEL_MM_OBJECT_CACHE_H

#include "arch/cpu_limits.h"
#include "kernel/lib/types.h"
#include "kernel/sync/spinlock.h"

struct object_cache {
    const char *name;
    uint32_t object_bytes;
    uint32_t alignment;   /* power of two, at most 64 */
    struct spinlock lock; /* RANK_SLAB: the shared free list */
    void *shared_free;
    uint32_t shared_count;
    uint32_t batch; /* objects moved between shared and per-CPU list at once */
    struct {
        void *free;
        uint32_t count;
    } cpu[CPUS_MAX];
    uint64_t frames; /* frames taken, never given back */
    uint16_t
        tag; /* kmalloc only: written into struct frame.flags of its blocks, which are one frame */
};

#define OBJECT_CACHE_INIT(cache_name, type)                                                        \
    {                                                                                              \
        .name = (cache_name), .object_bytes = sizeof(type), .alignment = _Alignof(type),           \
        .lock = SPINLOCK_INIT(RANK_SLAB), .batch = 16                                              \
    }

/* Contents are undefined (not zeroed). NULL when out of memory. */
void *object_cache_allocate(struct object_cache *cache);
void object_cache_free(struct object_cache *cache, void *object);

/* Up to 64 KiB; larger = NULL. The size is remembered by the frame. kzalloc clears. */
void *kmalloc(size_t bytes);
void *kzalloc(size_t bytes);
void kfree(void *memory); /* NULL is fine */
char *kstrdup(const char *string);

#endif
