#include "kernel/security/token_spec.h"

#include "kernel/lib/errno.h"
#include "kernel/security/bytes.h"

/* Where the header has what. */
enum token_spec_field {
    AT_VERSION = 0,
    AT_TYPE = 4,
    AT_LEVEL = 5,
    AT_RESERVED_0 = 6,
    AT_INTEGRITY = 8,
    AT_POLICY = 12,
    AT_PRESENT = 16,
    AT_ENABLED = 24,
    AT_RESERVED_1 = 32,
    AT_UID = 36,
    AT_GID = 40,
    AT_AUDIT = 44,
    AT_EXPIRATION = 48,
    AT_SESSION = 56,
    AT_OWNER = 64,
    AT_PRIMARY_GROUP = 68,
    AT_SOURCE_NAME = 72,
    AT_SOURCE_ID = 80,
    AT_USER = 88,
    AT_GROUPS = 92, /* offset, count; so the other lists */
    AT_DEFAULT_DACL = 100,
    AT_USER_CLAIMS = 108,
    AT_DEVICE_CLAIMS = 116,
    AT_DEVICE_GROUPS = 124,
    AT_RESTRICTING = 132,
    AT_CONFINEMENT = 140,
    AT_CAPABILITIES = 148,
    AT_EXEMPT = 156,
    AT_WRITE_RESTRICTED = 157,
    AT_USER_DENY_ONLY = 158,
    AT_ISOLATION = 159,
    AT_GIDS = 160,
    AT_RESTRICTED_DEVICE_GROUPS = 168,
    AT_ORIGIN = 176,
    AT_INTERACTIVE = 184,
    AT_REGISTRY = 188,
};

#define LOGON_ATTRIBUTES                                                                           \
    (GROUP_MANDATORY | GROUP_ENABLED_BY_DEFAULT | GROUP_ENABLED | GROUP_LOGON_ID)
#define LIST_ENTRY_BYTES_MIN (4u + SID_BYTES_MIN + 4u)

static const uint8_t lists[] = {AT_GROUPS, AT_DEVICE_GROUPS, AT_RESTRICTING, AT_CAPABILITIES,
                                AT_RESTRICTED_DEVICE_GROUPS};

int token_spec_entries(struct byte_span spec)
{
    if (spec.length < TOKEN_SPEC_BYTES_MIN || spec.length > TOKEN_SPEC_BYTES_MAX ||
        load32(spec.data + AT_VERSION) != TOKEN_SPEC_VERSION)
        return -EINVAL;
    uint64_t entries = 1;
    for (unsigned i = 0; i < ARRAY_COUNT(lists); i++)
        entries += load32(spec.data + lists[i] + 4);
    return entries <= spec.length / LIST_ENTRY_BYTES_MIN ? (int)entries : -EINVAL;
}

/* Where a part begins: behind the header and not behind the end. */
static bool begins(struct byte_span spec, uint32_t offset)
{
    return offset >= TOKEN_SPEC_BYTES_MIN && offset <= spec.length;
}

/* A part of `unit` bytes times the count behind its offset; both 0: there is none. */
static bool read_span(struct byte_span spec, unsigned at, uint32_t unit, struct byte_span *ret)
{
    uint32_t offset = load32(spec.data + at), count = load32(spec.data + at + 4);
    *ret = (struct byte_span){0};
    if (!offset && !count)
        return true;
    if (!count || !begins(spec, offset) || count > (spec.length - offset) / unit)
        return false;
    *ret = (struct byte_span){spec.data + offset, count * unit};
    return true;
}

static const struct sid *read_sid(struct byte_span spec, uint32_t offset)
{
    return begins(spec, offset) ? sid_at(spec.data + offset, spec.length - offset) : NULL;
}

/* Length, SID, attributes, one after the other. */
static bool read_list(struct byte_span spec, unsigned at, struct sid_attributes **room,
                      struct sid_list *ret)
{
    uint32_t offset = load32(spec.data + at), count = load32(spec.data + at + 4);
    *ret = (struct sid_list){*room, 0};
    if (!offset != !count || (count && !begins(spec, offset)))
        return false;
    for (; ret->count < count; ret->count++) {
        uint32_t left = spec.length - offset;
        if (left < LIST_ENTRY_BYTES_MIN)
            return false;
        uint32_t length = load32(spec.data + offset);
        const struct sid *sid = length <= left - 8 ? sid_at(spec.data + offset + 4, length) : NULL;
        if (!sid || sid_bytes(sid) != length)
            return false;
        *(*room)++ = (struct sid_attributes){sid, load32(spec.data + offset + 4 + length)};
        offset += 8 + length;
    }
    return true;
}

static bool read_confinement(struct byte_span spec, struct access_subject *subject)
{
    struct byte_span bytes;
    if (!read_span(spec, AT_CONFINEMENT, 1, &bytes))
        return false;
    subject->confinement = bytes.length ? sid_at(bytes.data, bytes.length) : NULL;
    return !bytes.length ||
           (subject->confinement && sid_bytes(subject->confinement) == bytes.length);
}

static bool read_flag(struct byte_span spec, unsigned at, bool *ret)
{
    *ret = spec.data[at];
    return spec.data[at] <= 1;
}

/* The groups, and the session's own behind them, which nobody else may give. */
static bool read_groups(struct byte_span spec, struct sid_attributes **room,
                        struct sid_buffer *logon, struct token *token)
{
    struct sid_list *groups = &token->subject.groups;
    token->groups = *room;
    if (!read_list(spec, AT_GROUPS, room, groups))
        return false;
    const struct sid *sid = sid_make_logon(logon, token->session);
    for (uint32_t i = 0; i < groups->count; i++)
        if (sid_equal(groups->entries[i].sid, sid) ||
            (groups->entries[i].attributes & GROUP_LOGON_ID) == GROUP_LOGON_ID)
            return false;
    if (token->owner_index > groups->count || token->primary_group_index > groups->count)
        return false;
    *(*room)++ = (struct sid_attributes){sid, LOGON_ATTRIBUTES};
    groups->count++;
    return true;
}

static void read_numbers(struct byte_span spec, struct token *token)
{
    const uint8_t *data = spec.data;
    struct access_subject *subject = &token->subject;
    subject->type = (enum token_type)data[AT_TYPE];
    subject->level = (enum impersonation_level)data[AT_LEVEL];
    subject->integrity = load32(data + AT_INTEGRITY);
    subject->mandatory_policy = load32(data + AT_POLICY);
    subject->audit_policy = load32(data + AT_AUDIT);
    subject->privileges = load64(data + AT_ENABLED);
    token->privileges_present = load64(data + AT_PRESENT);
    token->privileges_default = subject->privileges;
    token->elevation = ELEVATION_DEFAULT;
    token->owner_index = load32(data + AT_OWNER);
    token->primary_group_index = load32(data + AT_PRIMARY_GROUP);
    token->session = load64(data + AT_SESSION);
    token->expiration = load64(data + AT_EXPIRATION);
    token->origin = load64(data + AT_ORIGIN);
    memcpy(token->source_name, data + AT_SOURCE_NAME, sizeof(token->source_name));
    token->source_id = load64(data + AT_SOURCE_ID);
    token->interactive_session = load32(data + AT_INTERACTIVE);
    token->projected_uid = load32(data + AT_UID);
    token->projected_gid = load32(data + AT_GID);
}

static bool read_flags(struct byte_span spec, struct token *token)
{
    struct access_subject *subject = &token->subject;
    return read_flag(spec, AT_EXEMPT, &subject->confinement_exempt) &&
           read_flag(spec, AT_WRITE_RESTRICTED, &subject->write_restricted) &&
           read_flag(spec, AT_USER_DENY_ONLY, &subject->user_deny_only) &&
           read_flag(spec, AT_ISOLATION, &token->isolation_boundary) &&
           !load16(spec.data + AT_RESERVED_0) && !load32(spec.data + AT_RESERVED_1);
}

int token_spec_read(struct byte_span spec, struct sid_attributes *entries, struct sid_buffer *logon,
                    struct token *ret)
{
    if (token_spec_entries(spec) < 0)
        return -EINVAL;
    *ret = (struct token){0};
    struct access_subject *subject = &ret->subject;
    struct byte_span gids;
    read_numbers(spec, ret);
    subject->user = read_sid(spec, load32(spec.data + AT_USER));
    /* There is no registry to have credentials for. */
    bool good = subject->user && !load32(spec.data + AT_REGISTRY) && read_flags(spec, ret) &&
                read_groups(spec, &entries, logon, ret) &&
                read_list(spec, AT_DEVICE_GROUPS, &entries, &subject->device_groups) &&
                read_list(spec, AT_RESTRICTING, &entries, &subject->restricting) &&
                read_list(spec, AT_CAPABILITIES, &entries, &subject->capabilities) &&
                read_list(spec, AT_RESTRICTED_DEVICE_GROUPS, &entries,
                          &subject->restricted_device_groups) &&
                read_confinement(spec, subject) &&
                read_span(spec, AT_DEFAULT_DACL, 1, &ret->default_dacl) &&
                read_span(spec, AT_USER_CLAIMS, 1, &subject->user_claims) &&
                read_span(spec, AT_DEVICE_CLAIMS, 1, &subject->device_claims) &&
                read_span(spec, AT_GIDS, 4, &gids);
    if (!good)
        return -EINVAL;
    ret->projected_gids = (const void *)gids.data;
    ret->projected_gid_count = gids.length / 4;
    return token_check(ret);
}
