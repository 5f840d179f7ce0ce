/*
 * kernel/security/token_copy.h - a token and all that it points to in one piece of memory, so that
 * the copy shares nothing with its source. Pure; the caller has the memory.
 */
#ifndef KERNEL_SECURITY_TOKEN_COPY_H
#define KERNEL_SECURITY_TOKEN_COPY_H

#include "kernel/security/token.h"

/* Bytes that token_copy() needs for it. */
size_t token_copy_bytes(const struct token *token);
/* Copies into `memory`, aligned to 8; the copy begins there. */
struct token *token_copy(const struct token *token, void *memory);

#endif
