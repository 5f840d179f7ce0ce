/*
 * kernel/security/token.h - who a thread acts as: the data of a token, and the rules by which it may
 * be made, changed and derived.
 *
 * Data and pure functions: no task, no reference count, no lock, no allocation. Whoever keeps a
 * token guards it: these functions read and write it as it stands. Only groups' enabled state,
 * privileges, defaults and the interactive session ever change; a privilege once removed and a group
 * once for denying only stay so.
 */
#ifndef KERNEL_SECURITY_TOKEN_H
#define KERNEL_SECURITY_TOKEN_H

#include "kernel/security/access_types.h"
#include "kernel/security/privilege.h"

#define TOKEN_GROUPS_MAX 1024u /* with the logon SID */
#define TOKEN_GIDS_MAX   1024u

/* Rights to a token. */
#define TOKEN_ASSIGN_PRIMARY    0x0001u
#define TOKEN_DUPLICATE         0x0002u
#define TOKEN_IMPERSONATE       0x0004u
#define TOKEN_QUERY             0x0008u
#define TOKEN_QUERY_SOURCE      0x0010u /* has no meaning of its own */
#define TOKEN_ADJUST_PRIVILEGES 0x0020u
#define TOKEN_ADJUST_GROUPS     0x0040u
#define TOKEN_ADJUST_DEFAULT    0x0080u
#define TOKEN_ADJUST_SESSION    0x0100u
#define TOKEN_ALL_ACCESS        0x000f01ffu
extern const struct generic_mapping token_mapping;

enum token_elevation {
    ELEVATION_DEFAULT = 1,
    ELEVATION_FULL,
    ELEVATION_LIMITED,
};

/* Sessions that there are from the beginning; others begin at 1000. */
#define SESSION_ANONYMOUS 998u
#define SESSION_SYSTEM    999u
#define SESSION_FIRST     1000u

struct token {
    struct access_subject subject; /* its privileges are the enabled ones */
    struct sid_attributes *groups; /* subject.groups.entries, to write */
    uint64_t privileges_present;
    uint64_t privileges_default;
    uint64_t privileges_used; /* only grows */
    enum token_elevation elevation;
    uint32_t owner_index; /* 0: the user, N: group N-1, for new objects */
    uint32_t primary_group_index;
    struct byte_span default_dacl; /* of new objects; length 0: none */
    struct byte_span descriptor;   /* the token's own */
    uint64_t id;
    uint8_t guid[GUID_BYTES];
    uint64_t session;             /* the logon session */
    uint64_t modified;            /* grows with every adjustment, not with the use of privileges */
    uint64_t created, expiration; /* the latter is kept, not enforced */
    uint64_t origin;
    char source_name[8];
    uint64_t source_id;
    uint32_t interactive_session;
    uint32_t projected_uid, projected_gid;
    const uint32_t *projected_gids;
    uint32_t projected_gid_count;
    bool isolation_boundary; /* kept, not enforced */
};

/*
 * Whether a token may be as it stands: 0 or -EINVAL. Looks at everything that its maker chose,
 * claims and default DACL included; SIDs are well-formed, or they would not be pointed to.
 */
int token_check(const struct token *token);

static inline bool token_is_restricted(const struct token *token)
{
    return token->subject.restricting.count != 0;
}

/* Whether the privilege is present and enabled; if so it counts as used from now on. */
bool token_use_privilege(struct token *token, enum privilege privilege);

/* The SIDs of new objects. */
const struct sid *token_owner(const struct token *token);
const struct sid *token_primary_group(const struct token *token);

#endif
