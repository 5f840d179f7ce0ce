/*
 * kernel/security/token_query.h - what a token says of itself, in the bytes that programs are
 * given. Pure; the caller guards the token and has checked its right to ask.
 */
#ifndef KERNEL_SECURITY_TOKEN_QUERY_H
#define KERNEL_SECURITY_TOKEN_QUERY_H

#include "kernel/security/token.h"

enum token_class {
    TOKEN_CLASS_USER = 1,
    TOKEN_CLASS_GROUPS,
    TOKEN_CLASS_PRIVILEGES,
    TOKEN_CLASS_TYPE,
    TOKEN_CLASS_INTEGRITY,
    TOKEN_CLASS_OWNER,
    TOKEN_CLASS_PRIMARY_GROUP,
    TOKEN_CLASS_INTERACTIVE_SESSION,
    TOKEN_CLASS_RESTRICTING,
    TOKEN_CLASS_SOURCE,
    TOKEN_CLASS_STATISTICS,
    TOKEN_CLASS_ORIGIN,
    TOKEN_CLASS_ELEVATION,
    TOKEN_CLASS_DEVICE_GROUPS,
    TOKEN_CLASS_CONFINEMENT,
    TOKEN_CLASS_CAPABILITIES,
    TOKEN_CLASS_MANDATORY_POLICY,
    TOKEN_CLASS_LOGON_TYPE, /* the session's to say */
    TOKEN_CLASS_LOGON_SID,
    TOKEN_CLASS_DEFAULT_DACL,
    TOKEN_CLASS_LEVEL,
    TOKEN_CLASS_USER_CLAIMS,
    TOKEN_CLASS_DEVICE_CLAIMS,
    TOKEN_CLASS_PROJECTED_GIDS,
};

/*
 * The size of the answer in bytes, of which as many as there is `room` for are written: with less
 * room than that the answer is not complete. -EINVAL: no such class. `logon_type` is that of the
 * token's session.
 */
int token_query(const struct token *token, uint32_t class, uint32_t logon_type, uint8_t *bytes,
                size_t room);

#endif
