/*
 * kernel/security/token_boot.h - the two tokens that there are before anybody could make one: SYSTEM,
 * which everything descends from, and Anonymous, which is nobody. Pure; to be copied (token_copy.h).
 */
#ifndef KERNEL_SECURITY_TOKEN_BOOT_H
#define KERNEL_SECURITY_TOKEN_BOOT_H

#include "kernel/security/token.h"

#define TOKEN_BOOT_GROUPS 5u

/*
 * Both point to constants, SYSTEM also to the caller's `groups`; ids, GUID and time of creation are
 * the caller's to set.
 */
void token_boot_system(struct token *ret, struct sid_attributes groups[TOKEN_BOOT_GROUPS]);
void token_boot_anonymous(struct token *ret);

#endif
