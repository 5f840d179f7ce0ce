/* kernel/token/token_memory.c - see token_memory.h. */
#include "kernel/token/token_memory.h"

#include "arch/layout.h"
#include "arch/user_access.h"
#include "kernel/mm/failing.h"
#include "kernel/mm/frame.h"

#define KMALLOC_BYTES_MAX 65536u

void *token_memory(size_t bytes)
{
    if (bytes <= KMALLOC_BYTES_MAX)
        return kmalloc(bytes);
    unsigned order = 0;
    while (PAGE_SIZE << order < bytes)
        order++;
    if (order > FRAME_ORDER_MAX || allocation_fails(GLASS_FAIL_KMALLOC))
        return NULL;
    phys_t phys = frame_allocate(FRAME_KERNEL, order, FRAME_MAY_USE_RESERVE);
    return phys ? phys_to_virt(phys) : NULL;
}

int token_bytes_from_user(uint64_t address, uint64_t bytes, uint32_t most, struct byte_span *ret)
{
    *ret = (struct byte_span){0};
    if (bytes > most)
        return -EINVAL;
    if (!bytes)
        return 0;
    uint8_t *memory = token_memory(bytes);
    if (!memory)
        return -ENOMEM;
    if (copy_from_user(memory, address, bytes)) {
        kfree(memory);
        return -EFAULT;
    }
    *ret = (struct byte_span){memory, (uint32_t)bytes};
    return 0;
}
