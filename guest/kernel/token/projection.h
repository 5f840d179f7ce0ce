/*
 * kernel/token/projection.h - tokens as Linux's ids show them: what a token says of user, group and
 * supplementary groups, and which capabilities go with that.
 *
 * An installed token's ids become the process's. A thread that impersonates has credentials of its own for
 * what it does to files; nobody else sees them. Capabilities that KACS makes a privilege's business count only
 * with that privilege, of who the thread acts as.
 */
#ifndef KERNEL_TOKEN_PROJECTION_H
#define KERNEL_TOKEN_PROJECTION_H

#include "kernel/process/process.h"
#include "kernel/security/token.h"

/* Of a thread that impersonates; its own, and fixed. */
struct acting {
    struct credentials credentials;
    bool looks_only; /* a token for identification: it opens nothing */
};

/* The current process gets the ids of its new token. Takes signal_lock. */
void projection_install(const struct token *token);
/* For a thread that is to act as `token`; kfree() it. NULL: out of memory. */
struct acting *projection_of(const struct token *token);

#endif
