/*
 * vitrine/token_spec.h - what a new token is to be, as the bytes that token_create() takes (the public KACS
 * specification's token format). Pure: for the host as well.
 */
#ifndef VITRINE_TOKEN_SPEC_H
#define VITRINE_TOKEN_SPEC_H

#include <stddef.h>
#include <stdint.h>

/* A binary SID, and GROUP_* attributes: mandatory 1, by default 2, enabled 4, owner 8, deny-only 16 ... */
struct token_spec_sid {
    const uint8_t *sid;
    uint32_t attributes;
};

struct token_spec {
    uint8_t type;       /* 1 primary, 2 impersonation */
    uint8_t level;      /* of impersonation: 0 to 3 */
    uint32_t integrity; /* 0, 4096, 8192, 12288, 16384 */
    uint32_t mandatory_policy;
    uint64_t privileges_present, privileges_enabled;
    uint32_t uid, gid; /* that Linux's calls show */
    uint64_t session;
    uint32_t owner_index, primary_group_index; /* 0: the user, N: group N */
    const uint8_t *user;
    const struct token_spec_sid *groups, *restricting;
    uint32_t group_count, restricting_count;
    uint8_t write_restricted, user_deny_only;
    const uint8_t *default_dacl;
    uint32_t default_dacl_bytes;
};

/* The length, or -ENOSPC: no room. */
int token_spec_bytes(const struct token_spec *spec, uint8_t *bytes, size_t room);

#endif
