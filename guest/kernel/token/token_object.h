/*
 * kernel/token/token_object.h - a living token: an identity (number, GUID, logon session) that has a
 * state (all that it says, struct token).
 *
 * A state never changes once it can be found. Adjusting a token gives it another state; a fork, which
 * must have a token of its own, is a new identity with the same state. So whoever has a state
 * decides over something that stands still, without a lock, and no adjustment is seen by half.
 *
 * Lifetime: object.references of a token: processes whose primary token it is, threads that act as
 * it, handles, temporary holders. A state is counted by the tokens that have it and by those who
 * look at it. Locks: token_object.lock guards `state` and `modified`; identity is fixed.
 */
#ifndef KERNEL_TOKEN_TOKEN_OBJECT_H
#define KERNEL_TOKEN_TOKEN_OBJECT_H

#include "kernel/mm/slot_table.h"
#include "kernel/security/token.h"
#include "kernel/sync/refcount.h"
#include "kernel/token/logon_session.h"

/* In one piece of memory with all that `token` points to. */
struct token_state {
    uint32_t references; /* atomic */
    uint32_t bytes;      /* of it all */
    uint64_t serial;     /* of no other state, ever */
    /*
     * Without what each token with this state has of its own: id, guid, modified and
     * privileges_used are not those of any (token_describe() has them).
     */
    struct token token;
};

struct token_object {
    struct glass_object object; /* object.id is the token's number */
    uint8_t guid[GUID_BYTES];
    struct logon_session *session; /* counted */
    struct spinlock lock;          /* RANK_TOKEN */
    struct token_state *state;     /* counted */
    uint64_t serial;               /* state->serial, to be read without the lock */
    uint64_t modified;             /* adjustments so far */
    uint64_t privileges_used;      /* atomic; only grows */
};

extern struct slot_table token_slots;

/*
 * A token as in `token`, whose own id, GUID and session are not looked at. Takes over the session's
 * reference, also on failure. One reference, for the caller. NULL when out of memory.
 */
struct token_object *token_create(const struct token *token, struct logon_session *session);
/* Another token that says the same: fork. NULL when out of memory. */
struct token_object *token_clone(struct token_object *source);
static inline void token_get(struct token_object *token)
{
    reference_get(&token->object.references);
}
void token_last_put(struct token_object *token);
/* Of one whose logon session knows a pair: it may be the last but the pair's own. */
void token_put_paired(struct token_object *token);
static inline void token_put(struct token_object *token)
{
    if (unlikely(READ_ONCE(token->session->pair[0]) != NULL))
        token_put_paired(token);
    else if (reference_put(&token->object.references))
        token_last_put(token);
}

/* What it says now, counted. */
struct token_state *token_state_get(struct token_object *token);
void token_state_free(struct token_state *state);
static inline void token_state_put(struct token_state *state)
{
    if (reference_put(&state->references))
        token_state_free(state);
}
/* A state of one's own, to change before token_state_replace(); NULL when out of memory. */
struct token_state *token_state_copy(const struct token *token);
/*
 * The token says `fresh` instead of `old` from now on, and counts an adjustment. False: it does not
 * say `old` any more. Takes over the reference to `fresh` if it returns true.
 */
bool token_state_replace(struct token_object *token, const struct token_state *old,
                         struct token_state *fresh);

/* All of a token as it is now: *ret points into the returned state, which is counted. */
struct token_state *token_describe(struct token_object *token, struct token *ret);
/* Whether it has the privilege, enabled, and may act; if so the privilege counts as used. */
bool token_has_privilege(struct token_object *token, enum privilege privilege);

#endif
