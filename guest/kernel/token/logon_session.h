/*
 * kernel/token/logon_session.h - what all tokens of one logon have in common: who logged on, how, and
 * when. A logon session decides nothing; it ends with its last token.
 *
 * A session may know a pair of its tokens: the elevated one of somebody, and the limited one that he usually
 * is. The pair holds both; when nobody else holds them, and there is no other token, the session ends
 * with them.
 *
 * Lifetime: counted by its tokens (struct token_object); one that never had a token stays until
 * logon_session_end_empty(). Lock: logon_session_lock for the list of all, for a count that
 * becomes 0 or leaves it, for every drop of it while there is a pair, and for the pair; the rest is
 * fixed. Not to be confused with a session of job control.
 */
#ifndef KERNEL_TOKEN_LOGON_SESSION_H
#define KERNEL_TOKEN_LOGON_SESSION_H

#include "kernel/lib/list.h"
#include "kernel/security/sid.h"
#include "kernel/sync/spinlock.h"

enum logon_type {
    LOGON_INTERACTIVE = 2,
    LOGON_NETWORK = 3,
    LOGON_BATCH = 4,
    LOGON_SERVICE = 5,
    LOGON_NETWORK_CLEARTEXT = 8,
    LOGON_NEW_CREDENTIALS = 9,
};

#define LOGON_PACKAGE_MAX    4081u /* bytes; what a specification has room for */
#define LOGON_SPEC_BYTES_MIN 15u
#define LOGON_SPEC_BYTES_MAX 4096u

struct token_object;

enum session_pair { PAIR_ELEVATED, PAIR_LIMITED };

struct logon_session {
    struct list link;             /* logon_sessions */
    uint64_t id;                  /* never given out twice */
    uint32_t references;          /* atomic: tokens of it */
    uint32_t logon_type;          /* enum logon_type */
    uint64_t created_ns;          /* wall clock */
    struct token_object *pair[2]; /* counted; both or neither */
    struct sid_buffer user;
    uint32_t package_bytes;
    char package[]; /* UTF-8, not terminated */
};

extern struct list logon_sessions;
extern struct spinlock logon_session_lock; /* RANK_LOGON_SESSION */

/*
 * A session without a token, in the list, where it may be ended by others at any time: only its
 * number is handed out. `id` 0: a new number. 0 or -ENOMEM.
 */
int logon_session_create(uint64_t id, enum logon_type type, const struct sid *user,
                         struct byte_span package, uint64_t *ret_id);
/* From the bytes that a program gives (the public KACS specification's session format): 0, -EINVAL
 * or -ENOMEM. */
int logon_session_from_spec(struct byte_span spec, uint64_t *ret_id);
/* The session with that number, counted for a token to come; NULL: there is none. */
struct logon_session *logon_session_find_get(uint64_t id);
/* One more token of a session that has one already. */
void logon_session_get(struct logon_session *session);
/* The last token's takes the session away. No spinlock of its rank or above held. */
void logon_session_put(struct logon_session *session);
/* The two, of this session, are its pair from now on, instead of those that were. */
void logon_session_link(struct logon_session *session, struct token_object *elevated,
                        struct token_object *limited);
/* The other one of the pair that `token` is of, counted; NULL: it is of none. */
struct token_object *logon_session_partner_get(struct token_object *token);
/* 0; -ENOENT; -EBUSY: it has tokens. */
int logon_session_end_empty(uint64_t id);

#endif
