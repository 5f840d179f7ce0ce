/* kernel/token/logon_session.c - see logon_session.h. */
#include "kernel/token/logon_session.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/security/token.h"
#include "kernel/sync/refcount.h"
#include "kernel/time/clock.h"
#include "kernel/token/security_event.h"
#include "kernel/token/token_object.h"

struct list logon_sessions = LIST_INIT(logon_sessions);
struct spinlock logon_session_lock = SPINLOCK_INIT(RANK_LOGON_SESSION);
static uint64_t next_id = SESSION_FIRST;

int logon_session_create(uint64_t id, enum logon_type type, const struct sid *user,
                         struct byte_span package, uint64_t *ret_id)
{
    struct logon_session *session = kzalloc(sizeof(*session) + package.length);
    if (!session)
        return -ENOMEM;
    session->logon_type = type;
    session->created_ns = clock_realtime_ns();
    memcpy(session->user.bytes, user, sid_bytes(user));
    session->package_bytes = package.length;
    if (package.length)
        memcpy(session->package, package.data, package.length);
    spin_lock(&logon_session_lock);
    *ret_id = session->id = id ? id : next_id++;
    security_event(SECURITY_SESSION_MADE, type, session->id, 0, 0);
    list_push_back(&logon_sessions, &session->link);
    spin_unlock(&logon_session_lock);
    return 0;
}

static bool type_known(uint32_t type)
{
    return (type >= LOGON_INTERACTIVE && type <= LOGON_SERVICE) ||
           type == LOGON_NETWORK_CLEARTEXT || type == LOGON_NEW_CREDENTIALS;
}

/* Bytes of the sequence that a first byte begins, 0: none (RFC 3629). */
static unsigned sequence_bytes(uint8_t first)
{
    return first < 0x80                     ? 1
           : first >= 0xc2 && first <= 0xdf ? 2
           : (first & 0xf0) == 0xe0         ? 3
           : first >= 0xf0 && first <= 0xf4 ? 4
                                            : 0;
}

static bool is_utf8(struct byte_span text)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    for (uint32_t at = 0; at < text.length;) {
        unsigned bytes = sequence_bytes(text.data[at]);
        if (!bytes || bytes > text.length - at)
            return false;
        uint32_t code = bytes == 1 ? text.data[at] : text.data[at] & (0x7fu >> bytes);
        for (unsigned i = 1; i < bytes; i++) {
            if ((text.data[at + i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (text.data[at + i] & 0x3f);
        }
        if (code < smallest[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        at += bytes;
    }
    return true;
}

int logon_session_from_spec(struct byte_span spec, uint64_t *ret_id)
{
    uint16_t package_bytes;
    uint32_t user_bytes;
    if (spec.length < LOGON_SPEC_BYTES_MIN || spec.length > LOGON_SPEC_BYTES_MAX)
        return -EINVAL;
    memcpy(&package_bytes, spec.data + 1, sizeof(package_bytes));
    if (package_bytes > spec.length - LOGON_SPEC_BYTES_MIN)
        return -EINVAL;
    struct byte_span package = {spec.data + 3, package_bytes};
    const uint8_t *behind = package.data + package_bytes;
    uint32_t left = spec.length - 3 - package_bytes;
    memcpy(&user_bytes, behind, sizeof(user_bytes));
    left -= sizeof(user_bytes);
    const struct sid *user = sid_at(behind + sizeof(user_bytes), left);
    if (!type_known(spec.data[0]) || user_bytes != left || !user || sid_bytes(user) != left ||
        !is_utf8(package))
        return -EINVAL;
    return logon_session_create(0, spec.data[0], user, package, ret_id);
}

static struct logon_session *find_locked(uint64_t id)
{
    struct logon_session *session;
    list_for_each(session, &logon_sessions, link)
    {
        if (session->id == id)
            return session;
    }
    return NULL;
}

struct logon_session *logon_session_find_get(uint64_t id)
{
    spin_lock(&logon_session_lock);
    struct logon_session *session = find_locked(id);
    if (session)
        __atomic_fetch_add(&session->references, 1, __ATOMIC_RELAXED);
    spin_unlock(&logon_session_lock);
    return session;
}

void logon_session_get(struct logon_session *session)
{
    reference_get(&session->references);
}

static void end(struct logon_session *session)
{
    security_event(SECURITY_SESSION_ENDED, 0, session->id, 0, 0);
    kfree(session);
}

/* Nobody but the pair itself holds the pair, and there is no other token. */
static bool only_pair_locked(const struct logon_session *session)
{
    return session->pair[0] && READ_ONCE(session->references) == 2 &&
           READ_ONCE(session->pair[0]->object.references) == 1 &&
           READ_ONCE(session->pair[1]->object.references) == 1;
}

static void forget_pair(struct token_object *const pair[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if (pair[i])
            token_put(pair[i]);
    }
}

void logon_session_put(struct logon_session *session)
{
    uint32_t count = READ_ONCE(session->references);
    while (count > 1 && !READ_ONCE(session->pair[0]))
        if (__atomic_compare_exchange_n(&session->references, &count, count - 1, true,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return;
    struct token_object *pair[2] = {NULL, NULL};
    /* The last one, unless somebody finds the session in the list before us. */
    spin_lock(&logon_session_lock);
    bool last = reference_put(&session->references);
    if (last)
        list_remove(&session->link);
    else if (only_pair_locked(session)) {
        memcpy(pair, session->pair, sizeof(pair));
        session->pair[0] = session->pair[1] = NULL;
    }
    spin_unlock(&logon_session_lock);
    if (last)
        end(session);
    forget_pair(pair); /* these two put what is left of it */
}

void logon_session_link(struct logon_session *session, struct token_object *elevated,
                        struct token_object *limited)
{
    struct token_object *old[2];
    token_get(elevated);
    token_get(limited);
    spin_lock(&logon_session_lock);
    memcpy(old, session->pair, sizeof(old));
    session->pair[PAIR_LIMITED] = limited;
    WRITE_ONCE(session->pair[PAIR_ELEVATED], elevated);
    spin_unlock(&logon_session_lock);
    forget_pair(old);
}

struct token_object *logon_session_partner_get(struct token_object *token)
{
    struct logon_session *session = token->session;
    struct token_object *partner = NULL;
    spin_lock(&logon_session_lock);
    if (session->pair[PAIR_ELEVATED] == token)
        partner = session->pair[PAIR_LIMITED];
    else if (session->pair[PAIR_LIMITED] == token)
        partner = session->pair[PAIR_ELEVATED];
    if (partner)
        token_get(partner);
    spin_unlock(&logon_session_lock);
    return partner;
}

int logon_session_end_empty(uint64_t id)
{
    spin_lock(&logon_session_lock);
    struct logon_session *session = find_locked(id);
    int error = !session ? -ENOENT : READ_ONCE(session->references) ? -EBUSY : 0;
    if (!error)
        list_remove(&session->link);
    spin_unlock(&logon_session_lock);
    if (!error)
        end(session);
    return error;
}
