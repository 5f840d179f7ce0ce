/* What a new token is to be, as bytes: a header of 192 bytes and its parts. */
#include <errno.h>
#include <string.h>

#include "vitrine/token_spec.h"

#define HEADER_BYTES 192u

/* Where things are in the header. */
enum {
    AT_VERSION = 0,
    AT_TYPE = 4,
    AT_LEVEL = 5,
    AT_INTEGRITY = 8,
    AT_POLICY = 12,
    AT_PRESENT = 16,
    AT_ENABLED = 24,
    AT_UID = 36,
    AT_GID = 40,
    AT_SESSION = 56,
    AT_OWNER = 64,
    AT_PRIMARY_GROUP = 68,
    AT_SOURCE = 72,
    AT_USER = 88,
    AT_GROUPS = 92,
    AT_GROUP_COUNT = 96,
    AT_DACL = 100,
    AT_DACL_BYTES = 104,
    AT_RESTRICTING = 132,
    AT_RESTRICTING_COUNT = 136,
    AT_WRITE_RESTRICTED = 157,
    AT_USER_DENY_ONLY = 158,
};

struct writing {
    uint8_t *bytes;
    size_t room, used;
};

static void put(struct writing *writing, const void *from, size_t bytes)
{
    if (writing->used <= writing->room && bytes <= writing->room - writing->used)
        memcpy(writing->bytes + writing->used, from, bytes);
    writing->used += bytes;
}

static void put32(struct writing *writing, uint32_t value)
{
    put(writing, &value, sizeof(value));
}

static void set32(uint8_t *header, unsigned at, uint32_t value)
{
    memcpy(header + at, &value, sizeof(value));
}

static void set64(uint8_t *header, unsigned at, uint64_t value)
{
    memcpy(header + at, &value, sizeof(value));
}

static uint32_t sid_bytes(const uint8_t *sid)
{
    return 8u + 4u * sid[1];
}

static void put_list(struct writing *writing, uint8_t *header, unsigned at,
                     const struct token_spec_sid *entries, uint32_t count)
{
    if (!count)
        return;
    set32(header, at, (uint32_t)writing->used);
    set32(header, at + 4, count);
    for (uint32_t i = 0; i < count; i++) {
        put32(writing, sid_bytes(entries[i].sid));
        put(writing, entries[i].sid, sid_bytes(entries[i].sid));
        put32(writing, entries[i].attributes);
    }
}

int token_spec_bytes(const struct token_spec *spec, uint8_t *bytes, size_t room)
{
    uint8_t header[HEADER_BYTES] = {0};
    struct writing writing = {bytes, room, HEADER_BYTES};

    set32(header, AT_VERSION, 2);
    header[AT_TYPE] = spec->type;
    header[AT_LEVEL] = spec->level;
    set32(header, AT_INTEGRITY, spec->integrity);
    set32(header, AT_POLICY, spec->mandatory_policy);
    set64(header, AT_PRESENT, spec->privileges_present);
    set64(header, AT_ENABLED, spec->privileges_enabled);
    set32(header, AT_UID, spec->uid);
    set32(header, AT_GID, spec->gid);
    set64(header, AT_SESSION, spec->session);
    set32(header, AT_OWNER, spec->owner_index);
    set32(header, AT_PRIMARY_GROUP, spec->primary_group_index);
    memcpy(header + AT_SOURCE, "vitrine", sizeof("vitrine"));
    header[AT_WRITE_RESTRICTED] = spec->write_restricted;
    header[AT_USER_DENY_ONLY] = spec->user_deny_only;
    set32(header, AT_USER, (uint32_t)writing.used);
    put(&writing, spec->user, sid_bytes(spec->user));
    put_list(&writing, header, AT_GROUPS, spec->groups, spec->group_count);
    put_list(&writing, header, AT_RESTRICTING, spec->restricting, spec->restricting_count);
    if (spec->default_dacl_bytes) {
        set32(header, AT_DACL, (uint32_t)writing.used);
        set32(header, AT_DACL_BYTES, spec->default_dacl_bytes);
        put(&writing, spec->default_dacl, spec->default_dacl_bytes);
    }
    if (writing.used > room || room < HEADER_BYTES)
        return -ENOSPC;
    memcpy(bytes, header, HEADER_BYTES);
    return (int)writing.used;
}
