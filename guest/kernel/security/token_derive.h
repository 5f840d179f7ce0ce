/*
 * kernel/security/token_derive.h - tokens from other tokens: duplicates, filtered ones, and at which
 * level one may act as another. Pure; the caller has checked its rights to the source.
 */
#ifndef KERNEL_SECURITY_TOKEN_DERIVE_H
#define KERNEL_SECURITY_TOKEN_DERIVE_H

#include "kernel/security/token.h"

/* What every new token has of its own. */
struct token_birth {
    uint64_t id;
    uint8_t guid[GUID_BYTES];
};

/*
 * Makes `copy`, which is as its source, a duplicate of this type and level. -EINVAL: no such type or
 * level, a primary one with a level; -EPERM: a level above that of an impersonation token, or a
 * primary token from one that could not act. Level Anonymous of an impersonation token means an
 * anonymous token (token_boot.h), not this.
 */
int token_become_duplicate(struct token *copy, enum token_type type, enum impersonation_level level,
                           const struct token_birth *birth);

struct token_filter {
    uint64_t remove_privileges;
    const uint32_t *deny_only; /* indices of groups */
    uint32_t deny_only_count;
    struct sid_list restricting; /* count 0: none are added */
    bool write_restricted;
};

/*
 * Makes `copy`, which is as its source and has groups of its own, a filtered token. `room`: for
 * filter->restricting.count entries, which become the new token's if there are any; they point to
 * the SIDs of the filter. -EINVAL, and the copy is worthless: an index twice or of no group, or no
 * restricting SID left that source and filter have both.
 *
 * A token that is restricted in everything does not become one that is restricted in writing only:
 * that would give back what had been taken.
 */
int token_become_filtered(struct token *copy, const struct token_filter *filter,
                          struct sid_attributes *room, const struct token_birth *birth);

/*
 * The level at which a process with the primary token `server` may act as `client` when `asked` is
 * what the client and its token allow: 0 and *ret, which is at most `asked`; or -EPERM, a restricted
 * token that asks for the same user without the restriction.
 */
int token_impersonation_level(const struct token *server, const struct token *client,
                              enum impersonation_level asked, enum impersonation_level *ret);

#endif
