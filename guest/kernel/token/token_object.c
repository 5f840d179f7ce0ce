/* kernel/token/token_object.c - see token_object.h. */
#include "kernel/token/token_object.h"

#include "kernel/lib/guid.h"
#include "kernel/observe/mutant.h"
#include "kernel/security/token_copy.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/security_event.h"
#include "kernel/token/token_memory.h"

struct slot_table token_slots = SLOT_TABLE_INIT("token_object", struct token_object);

/* ---- states ---- */

void token_state_free(struct token_state *state)
{
    kfree(state); /* frees whole blocks of frames, too */
}

struct token_state *token_state_copy(const struct token *token)
{
    static uint64_t serials;
    size_t bytes = offsetof(struct token_state, token) + token_copy_bytes(token);
    struct token_state *state = token_memory(bytes);
    if (!state)
        return NULL;
    state->references = 1;
    state->bytes = (uint32_t)bytes;
    state->serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    token_copy(token, &state->token);
    return state;
}

struct token_state *token_state_get(struct token_object *token)
{
    spin_lock(&token->lock);
    struct token_state *state = token->state;
    reference_get(&state->references);
    spin_unlock(&token->lock);
    return state;
}

bool token_state_replace(struct token_object *token, const struct token_state *old,
                         struct token_state *fresh)
{
    spin_lock(&token->lock);
    bool current = token->state == old;
    struct token_state *gone = token->state;
    if (current) {
        object_write_begin(&token->object);
        token->state = fresh;
        WRITE_ONCE(token->serial, fresh->serial);
        token->modified++;
        object_write_end(&token->object);
        security_token_adjusted(token, fresh); /* in the order of the adjustments */
    }
    spin_unlock(&token->lock);
    if (current)
        token_state_put(gone);
    return current;
}

/* ---- tokens ---- */

/* Takes over both references. */
static inline struct token_object *create(struct token_state *state, struct logon_session *session)
{
    struct token_object *token = slot_allocate(&token_slots);
    if (unlikely(!token)) {
        token_state_put(state);
        logon_session_put(session);
        return NULL;
    }
    guid_make(token->guid);
    spin_init(&token->lock, RANK_TOKEN);
    token->session = session;
    token->state = state;
    token->serial = state->serial;
    return token;
}

struct token_object *token_create(const struct token *token, struct logon_session *session)
{
    struct token_state *state = token_state_copy(token);
    if (!state) {
        logon_session_put(session);
        return NULL;
    }
    state->token.session = session->id;
    struct token_object *object = create(state, session);
    if (object)
        object_publish(&object->object);
    return object;
}

struct token_object *token_clone(struct token_object *source)
{
    struct logon_session *session = source->session;
    uint64_t used = READ_ONCE(source->privileges_used);
    if (!MUTANT_EVERY(LOGON_SESSION_UNCOUNTED, 5))
        logon_session_get(session);
    struct token_object *token = create(token_state_get(source), session);
    if (token) {
        token->privileges_used = used;
        object_publish(&token->object);
    }
    return token;
}

void token_last_put(struct token_object *token)
{
    struct logon_session *session = token->session;
    struct token_state *state = token->state;
    slot_free(&token_slots, token);
    if (!MUTANT_EVERY(TOKEN_STATE_KEPT, 5))
        token_state_put(state);
    logon_session_put(session);
}

/* The session's own count is dropped last, and whoever drops it looks at what is left. */
void token_put_paired(struct token_object *token)
{
    struct logon_session *session = token->session;
    logon_session_get(session);
    if (reference_put(&token->object.references))
        token_last_put(token);
    logon_session_put(session);
}

struct token_state *token_describe(struct token_object *token, struct token *ret)
{
    spin_lock(&token->lock);
    struct token_state *state = token->state;
    reference_get(&state->references);
    uint64_t modified = token->modified;
    spin_unlock(&token->lock);
    *ret = state->token;
    ret->id = token->object.id;
    memcpy(ret->guid, token->guid, sizeof(ret->guid));
    ret->session = token->session->id;
    ret->modified = modified;
    ret->privileges_used = READ_ONCE(token->privileges_used);
    return state;
}

bool token_has_privilege(struct token_object *token, enum privilege privilege)
{
    uint64_t bit = PRIVILEGE_BIT(privilege);
    spin_lock(&token->lock);
    const struct token *says = &token->state->token;
    bool acts = says->subject.type == TOKEN_PRIMARY || says->subject.level >= LEVEL_IMPERSONATION;
    bool enabled = acts && (says->subject.privileges & says->privileges_present & bit);
    spin_unlock(&token->lock);
    if (enabled && !(READ_ONCE(token->privileges_used) & bit)) {
        __atomic_fetch_or(&token->privileges_used, bit, __ATOMIC_RELAXED);
        security_event(SECURITY_PRIVILEGE_USED, 0, token->object.id, privilege, 0);
    }
    return enabled;
}
