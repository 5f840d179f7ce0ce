// SOURCES: guest/kernel/security/access_check.c guest/kernel/security/access_audit.c
// guest/kernel/security/access_evaluate.c guest/kernel/security/access_rights.c
// guest/kernel/security/acl.c guest/kernel/security/central_policy.c guest/kernel/security/claim.c
// guest/kernel/security/condition.c guest/kernel/security/condition_attribute.c
// guest/kernel/security/condition_check.c guest/kernel/security/condition_operator.c
// guest/kernel/security/condition_value.c guest/kernel/security/dacl_walk.c
// guest/kernel/security/descriptor.c guest/kernel/security/identity.c
// guest/kernel/security/object_tree.c guest/kernel/security/sid.c guest/kernel/security/token.c
// guest/kernel/security/token_boot.c guest/kernel/security/token_query.c
// guest/kernel/security/token_spec.c guest/kernel/security/well_known.c
// guest/user/lib/sddl_parse.c guest/user/lib/sddl_words.c guest/user/lib/sid_text.c
// tests/unit/access/fixture.c
/* Is a token made of exactly what its specification says, and said again to who asks? */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "access/fixture.h"
#include "kernel/security/bytes.h"
#include "kernel/security/sid.h"
#include "kernel/security/token_boot.h"
#include "kernel/security/token_query.h"
#include "kernel/security/token_spec.h"

#define SPEC_ROOM 4096
#define ENTRIES   64

/* A specification in the making. */
struct spec {
    uint8_t bytes[SPEC_ROOM];
    uint32_t length;
};

static void append(struct spec *spec, const void *bytes, size_t length)
{
    memcpy(spec->bytes + spec->length, bytes, length);
    spec->length += (uint32_t)length;
}

static void append32(struct spec *spec, uint32_t value)
{
    append(spec, &value, 4);
}

/* The header's offset and count at `at` are those of what is appended next. */
static void point(struct spec *spec, unsigned at, uint32_t count)
{
    store32(spec->bytes + at, spec->length);
    store32(spec->bytes + at + 4, count);
}

static void add_list(struct spec *spec, unsigned at, const char *text)
{
    struct sid_list list = test_sids(text);
    point(spec, at, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        append32(spec, sid_bytes(list.entries[i].sid));
        append(spec, list.entries[i].sid, sid_bytes(list.entries[i].sid));
        append32(spec, list.entries[i].attributes | GROUP_OWNER);
    }
}

static struct spec make_spec(void)
{
    struct spec spec = {.length = TOKEN_SPEC_BYTES_MIN};
    const struct sid *user = test_sid("S-1-5-21-1"), *package = test_sid("S-1-15-2-9");
    struct byte_span dacl = test_acl("D:(A;;GA;;;SY)");
    store32(spec.bytes, TOKEN_SPEC_VERSION);
    spec.bytes[4] = TOKEN_PRIMARY;
    store32(spec.bytes + 8, INTEGRITY_MEDIUM);
    store32(spec.bytes + 12, TOKEN_POLICY_NO_WRITE_UP);
    store32(spec.bytes + 16, 1u << SE_SHUTDOWN | 1u << SE_BACKUP);
    store32(spec.bytes + 24, 1u << SE_SHUTDOWN);
    store32(spec.bytes + 36, 1000);
    store32(spec.bytes + 40, 100);
    store32(spec.bytes + 56, 1234);
    store32(spec.bytes + 64, 1);
    store32(spec.bytes + 68, 2);
    memcpy(spec.bytes + 72, "testing", 8);
    store32(spec.bytes + 88, spec.length);
    append(&spec, user, sid_bytes(user));
    add_list(&spec, 92, "BU WD");
    point(&spec, 100, dacl.length);
    append(&spec, dacl.data, dacl.length);
    add_list(&spec, 124, "IU");
    add_list(&spec, 132, "WD AU");
    point(&spec, 140, sid_bytes(package));
    append(&spec, package, sid_bytes(package));
    add_list(&spec, 148, "S-1-15-3-1");
    point(&spec, 160, 2);
    append32(&spec, 27);
    append32(&spec, 33);
    add_list(&spec, 168, "NU");
    return spec;
}

static int read_spec(const struct spec *spec, struct token *ret)
{
    struct byte_span bytes = test_bytes(spec->bytes, spec->length);
    int entries = token_spec_entries(bytes);
    if (entries < 0)
        return entries;
    cr_assert_leq(entries, (int)spec->length / 16);
    struct sid_attributes *room = test_room((size_t)entries * sizeof(*room));
    return token_spec_read(bytes, room, test_room(sizeof(struct sid_buffer)), ret);
}

Test(token_spec, everything)
{
    struct spec spec = make_spec();
    struct token token;
    cr_assert_eq(token_spec_entries((struct byte_span){spec.bytes, spec.length}), 8);
    cr_assert_eq(read_spec(&spec, &token), 0);
    cr_expect(sid_equal(token.subject.user, test_sid("S-1-5-21-1")));
    cr_expect_eq(token.subject.groups.count, 3);
    cr_expect(sid_equal(token.groups[2].sid, test_sid("S-1-5-5-0-1234")));
    cr_expect_eq(token.groups[2].attributes, GROUP_LOGON_ID | 7);
    cr_expect(sid_equal(token_owner(&token), test_sid("BU")));
    cr_expect(sid_equal(token_primary_group(&token), test_sid("WD")));
    cr_expect_eq(token.subject.restricting.count, 2);
    cr_expect_eq(token.subject.capabilities.count, 1);
    cr_expect_eq(token.subject.device_groups.count, 1);
    cr_expect_eq(token.subject.restricted_device_groups.count, 1);
    cr_expect_eq(token.privileges_default, 1u << SE_SHUTDOWN);
    cr_expect_eq(token.projected_gid_count, 2);
    cr_expect_eq(token.modified, 0);
}

Test(token_spec, refused)
{
    static const struct {
        const char *why;
        unsigned at;
        uint32_t value;
        unsigned width;
    } cases[] = {
        {"another version", 0, 1, 4},
        {"no such type", 4, 3, 1},
        {"a primary token with a level", 5, 2, 1},
        {"reserved bytes", 6, 1, 1},
        {"no such integrity", 8, 1, 4},
        {"reserved elevation", 32, 1, 4},
        {"enabled, not present", 24, 1u << SE_DEBUG, 4},
        {"no such owner", 64, 3, 4},
        {"the logon SID as primary group", 68, 3, 4},
        {"a user in the header", 88, 100, 4},
        {"a user outside", 88, 0xfffffff0, 4},
        {"no user", 88, 0, 4},
        {"groups without an offset", 92, 0, 4},
        {"more groups than there are", 96, 3, 4},
        {"far more groups", 96, 0x10000000, 4},
        {"a list outside", 132, 0xffffffff, 4},
        {"half a DACL", 104, 20, 4},
        {"a DACL that does not end", 104, 0xffffffff, 4},
        {"claims that are none", 108, 192, 4},
        {"flags that are not", 156, 2, 1},
        {"write-restricted with the user", 157, 1, 1},
        {"gids beyond the end", 164, 0x40000000, 4},
        {"a registry", 188, 192, 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec spec = make_spec();
        struct token token;
        memcpy(spec.bytes + cases[i].at, &cases[i].value, cases[i].width);
        cr_expect_eq(read_spec(&spec, &token), -EINVAL, "%s", cases[i].why);
    }
    struct spec spec = make_spec();
    struct token token;
    add_list(&spec, 92, "BU WD S-1-5-5-0-1234");
    cr_expect_eq(read_spec(&spec, &token), -EINVAL, "the logon SID is the kernel's to add");
    spec = make_spec();
    spec.length = TOKEN_SPEC_BYTES_MIN - 1;
    cr_expect_eq(read_spec(&spec, &token), -EINVAL, "shorter than its header");
}

/* Whatever byte is wrong or missing: refused, or a token that may be. */
Test(token_spec, any_byte)
{
    struct spec spec = make_spec();
    struct token token;
    for (uint32_t length = 0; length < spec.length; length++) {
        struct spec part = spec;
        part.length = length;
        cr_assert(read_spec(&part, &token) == -EINVAL || token_check(&token) == 0);
    }
    for (uint32_t at = 0; at < spec.length; at++)
        for (unsigned value = 0; value < 256; value += 3) {
            struct spec changed = spec;
            changed.bytes[at] = (uint8_t)value;
            cr_assert(read_spec(&changed, &token) == -EINVAL || token_check(&token) == 0);
            test_forget();
        }
}

static int query(const struct token *token, uint32_t class, uint8_t *bytes)
{
    int size = token_query(token, class, 5, NULL, 0);
    for (int room = 0; room <= size; room++) {
        uint8_t *exact = test_room((size_t)room);
        cr_assert_eq(token_query(token, class, 5, exact, (size_t)room), size);
        memcpy(bytes, exact, (size_t)room);
    }
    return size;
}

Test(token_spec, queries)
{
    static const int sizes[] = {
        [TOKEN_CLASS_USER] = 16,
        [TOKEN_CLASS_GROUPS] = 4 + 24 + 20 + 28,
        [TOKEN_CLASS_PRIVILEGES] = 32,
        [TOKEN_CLASS_TYPE] = 4,
        [TOKEN_CLASS_INTEGRITY] = 12,
        [TOKEN_CLASS_OWNER] = 16,
        [TOKEN_CLASS_PRIMARY_GROUP] = 12,
        [TOKEN_CLASS_INTERACTIVE_SESSION] = 4,
        [TOKEN_CLASS_RESTRICTING] = 44,
        [TOKEN_CLASS_SOURCE] = 16,
        [TOKEN_CLASS_STATISTICS] = 40,
        [TOKEN_CLASS_ORIGIN] = 8,
        [TOKEN_CLASS_ELEVATION] = 4,
        [TOKEN_CLASS_DEVICE_GROUPS] = 24,
        [TOKEN_CLASS_CONFINEMENT] = 16,
        [TOKEN_CLASS_CAPABILITIES] = 28,
        [TOKEN_CLASS_MANDATORY_POLICY] = 4,
        [TOKEN_CLASS_LOGON_TYPE] = 4,
        [TOKEN_CLASS_LOGON_SID] = 20,
        [TOKEN_CLASS_DEFAULT_DACL] = 28,
        [TOKEN_CLASS_LEVEL] = 4,
        [TOKEN_CLASS_USER_CLAIMS] = 0,
        [TOKEN_CLASS_DEVICE_CLAIMS] = 0,
        [TOKEN_CLASS_PROJECTED_GIDS] = 12,
    };
    struct spec spec = make_spec();
    struct token token;
    uint8_t bytes[200];
    cr_assert_eq(read_spec(&spec, &token), 0);
    for (uint32_t class = 1; class < sizeof(sizes) / sizeof(sizes[0]); class ++)
        cr_expect_eq(query(&token, class, bytes), sizes[class], "class %u", class);
    cr_expect_eq(token_query(&token, 0, 5, NULL, 0), -EINVAL);
    cr_expect_eq(token_query(&token, 25, 5, NULL, 0), -EINVAL);
    query(&token, TOKEN_CLASS_GROUPS, bytes);
    cr_expect_eq(load32(bytes), 3);
    cr_expect_eq(load32(bytes + 4), 16);
    query(&token, TOKEN_CLASS_LOGON_TYPE, bytes);
    cr_expect_eq(load32(bytes), 5);
    struct token anonymous;
    token_boot_anonymous(&anonymous);
    cr_expect_eq(query(&anonymous, TOKEN_CLASS_CONFINEMENT, bytes), 0, "nothing is no bytes");
    cr_expect_eq(query(&anonymous, TOKEN_CLASS_GROUPS, bytes), 4, "no groups are a count");
}
