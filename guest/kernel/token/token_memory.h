/*
 * kernel/token/token_memory.h - memory for what may be larger than kmalloc() gives: a token of a thousand
 * groups, or its list of them. To be freed by kfree().
 */
#ifndef KERNEL_TOKEN_TOKEN_MEMORY_H
#define KERNEL_TOKEN_TOKEN_MEMORY_H

#include "kernel/mm/object_cache.h"
#include "kernel/security/access_types.h"

/* At most 4 MiB; NULL when out of memory. */
void *token_memory(size_t bytes);
/* Bytes that a program gives, copied: 0, -EINVAL (more than `most`), -ENOMEM or -EFAULT. *ret is empty for 0
 * bytes; else kfree() its data. */
int token_bytes_from_user(uint64_t address, uint64_t bytes, uint32_t most, struct byte_span *ret);

#endif
