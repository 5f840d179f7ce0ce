/*
 * kernel/security/token_spec.h - the bytes that say what a new token is to be: a header of 192 bytes
 * and the parts that it points to. Hostile like everything that a program gives; the holder of
 * SeCreateToken is trusted with what it says, not with how it says it. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_TOKEN_SPEC_H
#define KERNEL_SECURITY_TOKEN_SPEC_H

#include "kernel/security/sid.h"
#include "kernel/security/token.h"

#define TOKEN_SPEC_VERSION   2u
#define TOKEN_SPEC_BYTES_MIN 192u
#define TOKEN_SPEC_BYTES_MAX 65536u

/*
 * How many list entries token_spec_read() needs room for, the logon SID included; at most 4096. -EINVAL: not
 * a specification.
 */
int token_spec_entries(struct byte_span spec);

/*
 * Reads it. `entries`: room for token_spec_entries(); `logon`: for the session's SID, which becomes
 * the last group. The token points into all three and has neither id, GUID, time of creation nor a
 * descriptor yet. 0, or -EINVAL: malformed, or not a token that may be (token_check()). Whether the
 * session exists is the caller's question.
 */
int token_spec_read(struct byte_span spec, struct sid_attributes *entries, struct sid_buffer *logon,
                    struct token *ret);

#endif
