/*
 * kernel/token/security_event.h - what happens to tokens, and what they were not enough for, as records
 * (shared/trace.h: TRACE_SECURITY). Any context, any lock held; nothing where nobody looks but a test.
 */
#ifndef KERNEL_TOKEN_SECURITY_EVENT_H
#define KERNEL_TOKEN_SECURITY_EVENT_H

#include "kernel/observe/trace.h"
#include "kernel/security/privilege.h"
#include "shared/objects.h"

struct token_object;
struct token_state;

static inline void security_event(enum security_event event, uint32_t detail, uint64_t a1,
                                  uint64_t a2, uint64_t a3)
{
    trace_event(TRACE_SECURITY, (uint64_t)event | (uint64_t)detail << 32, a1, a2, a3);
}

void security_token_made(const struct token_object *token, enum security_origin how);
void security_token_adjusted(const struct token_object *token, const struct token_state *says);
/* The current thread was refused `asked` (rights, or a privilege's bit) of something. */
void security_denied(enum security_object object, uint64_t target, uint32_t asked,
                     uint32_t granted);

#endif
