/* kernel/token/token_make.h - new tokens made for the current process. */
#ifndef KERNEL_TOKEN_TOKEN_MAKE_H
#define KERNEL_TOKEN_TOKEN_MAKE_H

#include "kernel/token/token_object.h"
#include "shared/trace.h"

/*
 * A new token as in `token`, of that logon session, with the descriptor that the current process's tokens
 * get; token->descriptor is empty afterwards. Counted; NULL: *ret_error is -ENOMEM or -EINVAL (no such
 * session), else 0.
 */
struct token_object *token_make(struct token *token, uint64_t session, enum security_origin how,
                                int *ret_error);

/* `fd` (or -errno) goes to the program, to that address: 0 or -errno; who cannot be told does not get it. */
int64_t token_tell_descriptor(int fd, uint64_t address);

#endif
