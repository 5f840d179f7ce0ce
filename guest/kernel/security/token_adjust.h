/*
 * kernel/security/token_adjust.h - how a living token may change: all of a request, or nothing of
 * it. Pure; the caller has checked its rights to the token and guards it meanwhile.
 */
#ifndef KERNEL_SECURITY_TOKEN_ADJUST_H
#define KERNEL_SECURITY_TOKEN_ADJUST_H

#include "kernel/security/token.h"

#define PRIVILEGE_ENABLE        0x00000002u
#define PRIVILEGE_REMOVE        0x00000004u
#define PRIVILEGE_RESET         0x80000000u
#define ADJUST_PRIVILEGES_MAX   64u
#define ADJUST_GROUPS_RESET     0xffffffffu
#define ADJUST_INDEX_UNCHANGED  0xffffu
#define TOKEN_GROUP_STATE_WORDS (TOKEN_GROUPS_MAX / 64)

/* As programs give them (little-endian, 8 bytes). */
struct privilege_adjustment {
    uint32_t privilege;
    uint32_t attributes; /* 0: disable; one of PRIVILEGE_* */
};
struct group_adjustment {
    uint32_t index;
    uint32_t enable;
};

/*
 * Enables, disables, removes privileges, or (one entry, privilege 0, PRIVILEGE_RESET) enables those
 * that were in the beginning and are still there. *previous: what was enabled. -EINVAL: no entry or
 * more than 64, a privilege twice, unknown attributes, enabling what is not present.
 */
int token_adjust_privileges(struct token *token, const struct privilege_adjustment *entries,
                            uint32_t count, uint64_t *previous);

/*
 * Enables and disables groups, or (one entry, ADJUST_GROUPS_RESET, 0) puts them back as in the
 * beginning. previous: a bit for each group that was enabled. -EINVAL: no entry or more than 1024, a
 * group twice or none, disabling one that is mandatory, the logon SID or the user, enabling one for
 * denying only.
 */
int token_adjust_groups(struct token *token, const struct group_adjustment *entries, uint32_t count,
                        uint64_t previous[TOKEN_GROUP_STATE_WORDS]);

/*
 * Owner and primary group of new objects; ADJUST_INDEX_UNCHANGED leaves one. -EINVAL: no such group,
 * or one that cannot own.
 */
int token_adjust_default(struct token *token, uint32_t owner_index, uint32_t primary_group_index);

#endif
