/*
 * vitrine/token.h - tokens: who this process is and whom its threads act as, for programs inside the
 * guest (docs/access.md). Link with guest/user/lib.
 *
 * Each function is one call of the kernel: a descriptor or 0, or -1 with errno. What may be done through a
 * descriptor was decided when it was opened (EACCES otherwise).
 */
#ifndef VITRINE_TOKEN_H
#define VITRINE_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "shared/token.h"

/* Rights to a token. */
#define TOKEN_ASSIGN_PRIMARY    0x0001u
#define TOKEN_DUPLICATE         0x0002u
#define TOKEN_IMPERSONATE       0x0004u
#define TOKEN_QUERY             0x0008u
#define TOKEN_ADJUST_PRIVILEGES 0x0020u
#define TOKEN_ADJUST_GROUPS     0x0040u
#define TOKEN_ADJUST_DEFAULT    0x0080u
#define TOKEN_ADJUST_SESSION    0x0100u
#define TOKEN_ALL_ACCESS        0x000f01ffu

#define TOKEN_PRIMARY       1u
#define TOKEN_IMPERSONATION 2u

#define TOKEN_LEVEL_ANONYMOUS      0u
#define TOKEN_LEVEL_IDENTIFICATION 1u
#define TOKEN_LEVEL_IMPERSONATION  2u
#define TOKEN_LEVEL_DELEGATION     3u

/* What is asked by token_query(). */
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
    TOKEN_CLASS_LOGON_TYPE,
    TOKEN_CLASS_LOGON_SID,
    TOKEN_CLASS_DEFAULT_DACL,
    TOKEN_CLASS_LEVEL,
    TOKEN_CLASS_USER_CLAIMS,
    TOKEN_CLASS_DEVICE_CLAIMS,
    TOKEN_CLASS_PROJECTED_GIDS,
};

struct token_privileges {
    uint64_t present, enabled, by_default, used;
};
struct token_statistics {
    uint64_t token, session, modified;
    uint32_t type, zero;
    uint64_t expiration;
};

/* ---- descriptors of tokens: close-on-exec ---- */
/* Whom the thread acts as; with TOKEN_OPEN_REAL who the process is. */
int token_open_self(unsigned flags, uint32_t access);
int token_open_process(int pidfd, uint32_t access);
int token_open_thread(int pidfd, int tid, uint32_t access);
int token_create(const void *spec,
                 size_t bytes); /* SeCreateToken; vitrine/token_spec.h makes one */
int token_duplicate(int token, uint32_t access, uint32_t type, uint32_t level);
/* Less than `token`: without privileges, with groups for denying only, with restricting SIDs (packed, binary). */
int token_restrict(int token, uint64_t remove_privileges, const uint32_t *deny_only,
                   uint32_t deny_only_count, const void *sids, uint32_t sid_count,
                   uint32_t sids_bytes, uint32_t flags);

/* ---- asking ---- */
/* *bytes: room, then the size of the answer, also with ERANGE. `buffer` NULL: the size only. */
int token_query(int token, enum token_class what, void *buffer, uint32_t *bytes);

/* ---- adjusting; `previous` may be NULL ---- */
#define TOKEN_PRIVILEGE_DISABLE 0u
#define TOKEN_PRIVILEGE_ENABLE  2u
#define TOKEN_PRIVILEGE_REMOVE  4u /* for good */
int token_adjust_privilege(int token, unsigned privilege, unsigned what, uint64_t *previous);
int token_reset_privileges(int token);
int token_adjust_group(int token, uint32_t index, int enable);
int token_reset_groups(int token);

/* ---- becoming and acting as somebody ---- */
int token_install(int token);     /* the process, for good; SeAssignPrimaryToken */
int token_impersonate(int token); /* this thread, until it reverts, starts a program or ends */
int token_revert(void);

/* ---- security descriptors (vitrine/sddl.h has them as text) ---- */
#define SD_OWNER 0x01u
#define SD_GROUP 0x02u
#define SD_DACL  0x04u
#define SD_SACL  0x08u
#define SD_LABEL 0x10u
/* Of a token or of a pidfd's process. The length, whether or not there was room; -1. */
int sd_get(int fd, unsigned parts, void *buffer, uint32_t room);
int sd_set(int fd, unsigned parts, const void *bytes, uint32_t length);
/* The kernel's decision; the granted rights, or -1 (EACCES: not all that were asked for). */
long sd_access_check(struct access_arguments *arguments);

/* ---- clients of Unix sockets (streams and SOCK_SEQPACKET that were connected) ---- */
/* By who will connect: how far the server may act as him, TOKEN_LEVEL_*; 2 if not said. */
int token_set_client_level(int socket, unsigned level);
/* By the server: who connected, as he was then. EACCES: nobody did. */
int token_open_client(int socket); /* to query and to impersonate */
int token_impersonate_client(int socket);

/* ---- mitigations ---- */
/* Keeps a process (a pidfd; -1: this one) from MITIGATION_*, for good. EOPNOTSUPP: not enforced here. */
int process_keep_from(int pidfd, unsigned mitigations);

/* ---- logon sessions ---- */
/* `sid` is the user's, binary. SeTcb. 0 and *ret_id, or -1. */
int logon_session_create(unsigned type, const char *package, const void *sid, size_t sid_bytes,
                         uint64_t *ret_id);
int logon_session_end_empty(uint64_t id);

#endif
