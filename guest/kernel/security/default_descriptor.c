#include "kernel/security/default_descriptor.h"

#include "kernel/security/descriptor.h"
#include "kernel/security/sid.h"
#include "kernel/security/token.h"
#include "kernel/security/well_known.h"

#define TOKEN_OF_ONES_OWN                                                                          \
    (TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES | TOKEN_ADJUST_GROUPS | TOKEN_ADJUST_DEFAULT)

const struct generic_mapping process_mapping = {
    .read = PROCESS_QUERY_INFORMATION | PROCESS_VM_READ | ACCESS_READ_CONTROL,
    .write = PROCESS_SET_INFORMATION | PROCESS_VM_WRITE | ACCESS_WRITE_DAC,
    .execute = PROCESS_TERMINATE | PROCESS_SUSPEND_RESUME | PROCESS_QUERY_LIMITED,
    .all = PROCESS_ALL_ACCESS,
};

/* Four entries with the longest SIDs and their header. */
struct list_room {
    uint8_t bytes[ACL_HEADER_BYTES + 4 * (8 + SID_BYTES_MAX)];
};

static int build(const struct sid *owner, struct acl_builder *builder, uint8_t *bytes, size_t room)
{
    struct descriptor parts = {.owner = owner, .group = owner};
    parts.dacl.length = acl_end(builder);
    parts.dacl.bytes = builder->bytes;
    return descriptor_build(&parts, bytes, room);
}

/* There is room for four, so this does not fail. */
static void allow(struct acl_builder *builder, uint32_t mask, const struct sid *sid)
{
    (void)acl_add_simple(builder, ACE_ALLOWED, mask, sid);
}

int token_default_descriptor(const struct sid *user, const struct sid *creator, uint8_t *bytes,
                             size_t room)
{
    struct list_room list;
    struct acl_builder builder;
    acl_begin(&builder, list.bytes, sizeof(list.bytes));
    allow(&builder, TOKEN_OF_ONES_OWN, user);
    /* An owner could rewrite the list, and so give himself what the first entry leaves out. */
    if (sid_equal(user, creator))
        allow(&builder, ACCESS_READ_CONTROL, sid_well_known(SID_OWNER_RIGHTS));
    else
        allow(&builder, TOKEN_ALL_ACCESS, creator);
    allow(&builder, TOKEN_ALL_ACCESS, sid_well_known(SID_SYSTEM));
    return build(creator, &builder, bytes, room);
}

int process_default_descriptor(const struct sid *user, uint8_t *bytes, size_t room)
{
    struct list_room list;
    struct acl_builder builder;
    acl_begin(&builder, list.bytes, sizeof(list.bytes));
    allow(&builder, PROCESS_ALL_ACCESS, user);
    allow(&builder, PROCESS_ALL_ACCESS, sid_well_known(SID_ADMINISTRATORS));
    allow(&builder, PROCESS_ALL_ACCESS, sid_well_known(SID_SYSTEM));
    allow(&builder, PROCESS_QUERY_LIMITED, sid_well_known(SID_EVERYONE));
    return build(user, &builder, bytes, room);
}
