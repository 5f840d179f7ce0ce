/*
 * vitrine/tokens.h - the tokens of the guest: who its processes are, and who its threads act as.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_TOKENS_H
#define VITRINE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "version.h"

VITRINE_BEGIN

struct vt_token {
    uint64_t id;             /* its number, never given out twice */
    uint64_t address;        /* of the kernel's struct token_object */
    uint8_t guid[16];        /* never given out twice */
    uint32_t references;     /* as the kernel counts them */
    bool impersonation;      /* for threads to act as; else for processes to be */
    uint32_t level;          /* of impersonation: 0 anonymous to 3 delegation */
    uint32_t integrity;      /* 0 untrusted, 4096 low, 8192 medium, 12288 high, 16384 system */
    uint32_t elevation;      /* 1 none, 2 the full one of a pair, 3 the limited one */
    bool user_deny_only;     /* its user gives it nothing, and only takes away */
    bool write_restricted;   /* `restricting` counts for writing only */
    const char *user;        /* the user's SID, as text */
    const char *groups;      /* SIDs, a space between two */
    const char *restricting; /* likewise; "": not restricted */
    const uint32_t
        *attributes; /* of each group: mandatory 1, enabled 4, owner 8, deny-only 16 ... */
    size_t group_count;
    uint64_t privileges_present, privileges_enabled, privileges_default;
    uint64_t privileges_used;
    uint64_t modified;   /* adjustments so far */
    uint64_t session;    /* its logon session ... */
    uint32_t logon_type; /* ... and how that came about: 2 interactive, 3 network, 5 service ... */
    const int32_t *pids; /* processes that it is of, ascending */
    size_t pid_count;
    const int32_t *tids; /* threads that impersonate it, ascending */
    size_t tid_count;
};
/* Every token, in the order of the kernel's table. */
struct vt_error *vt_guest_tokens(struct vt_guest *guest, struct vt_token **ret_tokens,
                                 size_t *ret_count);

/* "SeDebugPrivilege" for bit 20; NULL: there is no such privilege. */
const char *vt_privilege_name(unsigned bit);
/* "medium" for 8192; "?" for what is none of the five levels. */
const char *vt_integrity_name(uint32_t level);

VITRINE_END

#endif
