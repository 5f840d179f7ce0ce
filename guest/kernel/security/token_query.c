#include "kernel/security/token_query.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/security/sid.h"

struct answer {
    uint8_t *bytes;
    size_t room, length;
};

static void put(struct answer *answer, const void *from, size_t bytes)
{
    if (answer->length < answer->room && bytes)
        memcpy(answer->bytes + answer->length, from, min(bytes, answer->room - answer->length));
    answer->length += bytes;
}

static void put32(struct answer *answer, uint32_t value)
{
    put(answer, &value, sizeof(value));
}

static void put64(struct answer *answer, uint64_t value)
{
    put(answer, &value, sizeof(value));
}

static void put_sid(struct answer *answer, const struct sid *sid)
{
    if (sid)
        put(answer, sid, sid_bytes(sid));
}

static void put_list(struct answer *answer, struct sid_list list)
{
    put32(answer, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        put32(answer, sid_bytes(list.entries[i].sid));
        put_sid(answer, list.entries[i].sid);
        put32(answer, list.entries[i].attributes);
    }
}

static void put_integrity(struct answer *answer, uint32_t level)
{
    struct sid_buffer buffer;
    put_sid(answer, sid_make(&buffer, 16, 1, &level));
}

static void put_statistics(struct answer *answer, const struct token *token)
{
    put64(answer, token->id);
    put64(answer, token->session);
    put64(answer, token->modified);
    put32(answer, token->subject.type);
    put32(answer, 0);
    put64(answer, token->expiration);
}

static void put_privileges(struct answer *answer, const struct token *token)
{
    put64(answer, token->privileges_present);
    put64(answer, token->subject.privileges);
    put64(answer, token->privileges_default);
    put64(answer, token->privileges_used);
}

static void put_source(struct answer *answer, const struct token *token)
{
    put(answer, token->source_name, sizeof(token->source_name));
    put64(answer, token->source_id);
}

static void put_gids(struct answer *answer, const struct token *token)
{
    put32(answer, token->projected_gid_count);
    put(answer, token->projected_gids, (size_t)4 * token->projected_gid_count);
}

/* What consists of SIDs. False: not such a class. */
static bool answer_sids(struct answer *answer, const struct token *token, uint32_t class)
{
    const struct access_subject *subject = &token->subject;
    struct sid_buffer buffer;
    switch (class) {
    case TOKEN_CLASS_USER:
        put_sid(answer, subject->user);
        return true;
    case TOKEN_CLASS_GROUPS:
        put_list(answer, subject->groups);
        return true;
    case TOKEN_CLASS_INTEGRITY:
        put_integrity(answer, subject->integrity);
        return true;
    case TOKEN_CLASS_OWNER:
        put_sid(answer, token_owner(token));
        return true;
    case TOKEN_CLASS_PRIMARY_GROUP:
        put_sid(answer, token_primary_group(token));
        return true;
    case TOKEN_CLASS_RESTRICTING:
        put_list(answer, subject->restricting);
        return true;
    case TOKEN_CLASS_DEVICE_GROUPS:
        put_list(answer, subject->device_groups);
        return true;
    case TOKEN_CLASS_CONFINEMENT:
        put_sid(answer, subject->confinement);
        return true;
    case TOKEN_CLASS_CAPABILITIES:
        put_list(answer, subject->capabilities);
        return true;
    case TOKEN_CLASS_LOGON_SID:
        put_sid(answer, sid_make_logon(&buffer, token->session));
        return true;
    default:
        return false;
    }
}

int token_query(const struct token *token, uint32_t class, uint32_t logon_type, uint8_t *bytes,
                size_t room)
{
    struct answer answer = {bytes, room, 0};
    if (answer_sids(&answer, token, class))
        return (int)answer.length;
    switch (class) {
    case TOKEN_CLASS_PRIVILEGES:
        put_privileges(&answer, token);
        break;
    case TOKEN_CLASS_TYPE:
        put32(&answer, token->subject.type);
        break;
    case TOKEN_CLASS_INTERACTIVE_SESSION:
        put32(&answer, token->interactive_session);
        break;
    case TOKEN_CLASS_SOURCE:
        put_source(&answer, token);
        break;
    case TOKEN_CLASS_STATISTICS:
        put_statistics(&answer, token);
        break;
    case TOKEN_CLASS_ORIGIN:
        put64(&answer, token->origin);
        break;
    case TOKEN_CLASS_ELEVATION:
        put32(&answer, token->elevation);
        break;
    case TOKEN_CLASS_MANDATORY_POLICY:
        put32(&answer, token->subject.mandatory_policy);
        break;
    case TOKEN_CLASS_LOGON_TYPE:
        put32(&answer, logon_type);
        break;
    case TOKEN_CLASS_DEFAULT_DACL:
        put(&answer, token->default_dacl.data, token->default_dacl.length);
        break;
    case TOKEN_CLASS_LEVEL:
        put32(&answer, token->subject.level);
        break;
    case TOKEN_CLASS_USER_CLAIMS:
        put(&answer, token->subject.user_claims.data, token->subject.user_claims.length);
        break;
    case TOKEN_CLASS_DEVICE_CLAIMS:
        put(&answer, token->subject.device_claims.data, token->subject.device_claims.length);
        break;
    case TOKEN_CLASS_PROJECTED_GIDS:
        put_gids(&answer, token);
        break;
    default:
        return -EINVAL;
    }
    return (int)answer.length;
}
