// SOURCES: guest/kernel/security/access_check.c guest/kernel/security/access_audit.c
// guest/kernel/security/access_evaluate.c guest/kernel/security/access_rights.c
// guest/kernel/security/acl.c guest/kernel/security/central_policy.c guest/kernel/security/claim.c
// guest/kernel/security/condition.c guest/kernel/security/condition_attribute.c
// guest/kernel/security/condition_check.c guest/kernel/security/condition_operator.c
// guest/kernel/security/condition_value.c guest/kernel/security/dacl_walk.c
// guest/kernel/security/default_descriptor.c guest/kernel/security/descriptor.c
// guest/kernel/security/identity.c guest/kernel/security/object_tree.c
// guest/kernel/security/sid.c guest/kernel/security/token.c guest/kernel/security/token_adjust.c
// guest/kernel/security/token_boot.c guest/kernel/security/token_copy.c
// guest/kernel/security/token_derive.c guest/kernel/security/well_known.c
// guest/user/lib/sddl_parse.c guest/user/lib/sddl_words.c guest/user/lib/sid_text.c
// tests/unit/access/fixture.c
/* Can tokens be made, changed and derived only as the rules say, and never to have more? */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "access/fixture.h"
#include "kernel/security/default_descriptor.h"
#include "kernel/security/sid.h"
#include "kernel/security/token_adjust.h"
#include "kernel/security/token_boot.h"
#include "kernel/security/token_copy.h"
#include "kernel/security/token_derive.h"
#include "kernel/security/well_known.h"

#define ME       "S-1-5-21-1"
#define USUAL    (GROUP_ENABLED | GROUP_ENABLED_BY_DEFAULT)
#define BIT(num) PRIVILEGE_BIT(num)

static const struct token_birth birth = {77, {7}};

/* A user with six groups, each of another kind. */
enum { PLAIN, MANDATORY, DENY, LOGON, USER, OFF, GROUPS };

static struct token *make_token(const struct test_who *who)
{
    struct token token = {.subject = test_subject(who), .elevation = ELEVATION_DEFAULT};
    static const uint32_t attributes[GROUPS] = {
        [PLAIN] = USUAL | GROUP_OWNER,
        [MANDATORY] = USUAL | GROUP_MANDATORY,
        [DENY] = GROUP_USE_FOR_DENY_ONLY | GROUP_ENABLED_BY_DEFAULT,
        [LOGON] = USUAL | GROUP_LOGON_ID,
        [USER] = USUAL,
        [OFF] = 0,
    };
    token.subject.groups = test_sids("BU WD BA S-1-5-5-0-1000 " ME " IU");
    token.groups = (struct sid_attributes *)token.subject.groups.entries;
    for (unsigned i = 0; i < GROUPS; i++)
        token.groups[i].attributes = attributes[i];
    token.privileges_present = BIT(SE_BACKUP) | BIT(SE_RESTORE) | BIT(SE_DEBUG);
    token.privileges_default = token.subject.privileges = BIT(SE_BACKUP);
    token.default_dacl = test_acl("D:(A;;GA;;;SY)");
    return token_copy(&token, test_room(token_copy_bytes(&token)));
}

static struct token *usual(void)
{
    return make_token(&(struct test_who){0});
}

Test(token, checked)
{
    struct token *token = usual();
    cr_assert_eq(token_check(token), 0);
#define BREAK(field, value, why)                                                                   \
    do {                                                                                           \
        __typeof__(token->field) kept = token->field;                                              \
        token->field = (value);                                                                    \
        cr_expect_eq(token_check(token), -EINVAL, why);                                            \
        token->field = kept;                                                                       \
    } while (0)
    BREAK(subject.type, (enum token_type)3, "no such type");
    BREAK(subject.level, LEVEL_IMPERSONATION, "a primary token with a level");
    BREAK(subject.integrity, 5000u, "no such integrity level");
    BREAK(subject.mandatory_policy, 4u, "no such policy");
    BREAK(subject.privileges, BIT(SE_TCB), "enabled but not present");
    BREAK(privileges_present, token->privileges_present | 1, "no such privilege");
    BREAK(subject.write_restricted, true, "write-restricted with its user");
    BREAK(isolation_boundary, true, "isolated without confinement");
    BREAK(owner_index, 2u, "an owner that cannot own");
    BREAK(owner_index, 99u, "no such owner");
    BREAK(primary_group_index, GROUPS + 1u, "no such group");
    BREAK(subject.audit_policy, 0x10u, "no such audit");
    BREAK(default_dacl.length, token->default_dacl.length - 4, "a DACL cut off");
    BREAK(subject.user_claims, test_bytes("\0\0\0\0", 4), "claims malformed");
    token->owner_index = 1;
    cr_expect_eq(token_check(token), 0);
    cr_expect(sid_equal(token_owner(token), test_sid("BU")));
    cr_expect(sid_equal(token_primary_group(token), test_sid(ME)));
}

Test(token, copies_share_nothing)
{
    struct token *token = usual();
    size_t bytes = token_copy_bytes(token);
    struct token *copy = token_copy(token, test_room(bytes));
    uint8_t *begin = (uint8_t *)copy;
    copy->groups[PLAIN].attributes = 0;
    cr_expect_eq(token->groups[PLAIN].attributes, USUAL | GROUP_OWNER);
    cr_expect_eq(copy->subject.groups.entries, copy->groups);
    for (unsigned i = 0; i < GROUPS; i++) {
        const uint8_t *sid = (const uint8_t *)copy->groups[i].sid;
        cr_expect(sid > begin && sid < begin + bytes);
        cr_expect(sid_equal(copy->groups[i].sid, token->groups[i].sid));
    }
    cr_expect(copy->default_dacl.data > begin && copy->default_dacl.data < begin + bytes);
    cr_expect_eq(token_copy_bytes(copy), bytes);
}

Test(token, privileges)
{
    struct token *token = usual();
    uint64_t previous = 0;
#define ADJUST(...)                                                                                \
    token_adjust_privileges(token, (const struct privilege_adjustment[]){__VA_ARGS__},             \
                            sizeof((const struct privilege_adjustment[]){__VA_ARGS__}) / 8,        \
                            &previous)
    cr_expect(!token_use_privilege(token, SE_RESTORE), "present is not enabled");
    cr_expect_eq(ADJUST({SE_RESTORE, PRIVILEGE_ENABLE}, {SE_BACKUP, 0}), 0);
    cr_expect_eq(previous, BIT(SE_BACKUP));
    cr_expect_eq(token->subject.privileges, BIT(SE_RESTORE));
    cr_expect_eq(token->modified, 1);
    cr_expect(token_use_privilege(token, SE_RESTORE));
    cr_expect_eq(token->privileges_used, BIT(SE_RESTORE));
    cr_expect_eq(token->modified, 1, "use is no change");
    cr_expect_eq(ADJUST({SE_DEBUG, PRIVILEGE_ENABLE}, {SE_TCB, PRIVILEGE_ENABLE}), -EINVAL);
    cr_expect_eq(token->subject.privileges, BIT(SE_RESTORE), "all or nothing");
    cr_expect_eq(ADJUST({SE_TCB, 0}, {SE_SECURITY, PRIVILEGE_REMOVE}), 0, "absent is no error");
    cr_expect_eq(ADJUST({SE_DEBUG, 0}, {SE_DEBUG, PRIVILEGE_ENABLE}), -EINVAL, "twice");
    cr_expect_eq(ADJUST({64, 0}), -EINVAL);
    cr_expect_eq(ADJUST({SE_DEBUG, PRIVILEGE_ENABLE | PRIVILEGE_REMOVE}), -EINVAL);
    cr_expect_eq(ADJUST({SE_DEBUG, 1}), -EINVAL);
    cr_expect_eq(ADJUST({SE_DEBUG, PRIVILEGE_RESET}), -EINVAL);
    cr_expect_eq(ADJUST({0, PRIVILEGE_RESET}, {SE_DEBUG, 0}), -EINVAL);
    cr_expect_eq(token_adjust_privileges(token, NULL, 0, &previous), -EINVAL);
    cr_expect_eq(token_adjust_privileges(token, NULL, 65, &previous), -EINVAL);
    cr_expect_eq(ADJUST({SE_BACKUP, PRIVILEGE_REMOVE}, {SE_RESTORE, PRIVILEGE_REMOVE}), 0);
    cr_expect_eq(token->privileges_present, BIT(SE_DEBUG));
    cr_expect_eq(ADJUST({0, PRIVILEGE_RESET}), 0);
    cr_expect_eq(token->subject.privileges, 0, "what was removed does not come back");
    cr_expect_eq(ADJUST({SE_BACKUP, PRIVILEGE_ENABLE}), -EINVAL);
    cr_expect_eq(token->privileges_used, BIT(SE_RESTORE), "but was used");
}

Test(token, groups)
{
    struct token *token = usual();
    uint64_t previous[TOKEN_GROUP_STATE_WORDS];
#define GROUP(index, enable)                                                                       \
    token_adjust_groups(token, (const struct group_adjustment[]){{index, enable}}, 1, previous)
    cr_expect_eq(GROUP(PLAIN, 0), 0);
    cr_expect_eq(previous[0], 1u << PLAIN | 1u << MANDATORY | 1u << LOGON | 1u << USER);
    cr_expect_eq(previous[15], 0);
    cr_expect(!(token->groups[PLAIN].attributes & GROUP_ENABLED));
    cr_expect_eq(GROUP(MANDATORY, 0), -EINVAL);
    cr_expect_eq(GROUP(MANDATORY, 1), 0);
    cr_expect_eq(GROUP(DENY, 1), -EINVAL);
    cr_expect_eq(GROUP(LOGON, 0), -EINVAL);
    cr_expect_eq(GROUP(USER, 0), -EINVAL);
    cr_expect_eq(GROUP(OFF, 1), 0);
    cr_expect_eq(GROUP(OFF, 2), -EINVAL);
    cr_expect_eq(GROUP(GROUPS, 0), -EINVAL);
    cr_expect_eq(GROUP(ADJUST_GROUPS_RESET, 1), -EINVAL);
    const struct group_adjustment twice[] = {{OFF, 0}, {OFF, 0}};
    cr_expect_eq(token_adjust_groups(token, twice, 2, previous), -EINVAL);
    const struct group_adjustment mixed[] = {{OFF, 0}, {DENY, 1}};
    cr_expect_eq(token_adjust_groups(token, mixed, 2, previous), -EINVAL);
    cr_expect(token->groups[OFF].attributes & GROUP_ENABLED, "all or nothing");
    cr_expect_eq(token_adjust_groups(token, NULL, 0, previous), -EINVAL);
    cr_expect_eq(token_adjust_groups(token, NULL, 1025, previous), -EINVAL);
    cr_expect_eq(GROUP(ADJUST_GROUPS_RESET, 0), 0);
    cr_expect(token->groups[PLAIN].attributes & GROUP_ENABLED);
    cr_expect(!(token->groups[OFF].attributes & GROUP_ENABLED));
    cr_expect(!(token->groups[DENY].attributes & GROUP_ENABLED), "a reset enables no denier");
    cr_expect(token->groups[DENY].attributes & GROUP_USE_FOR_DENY_ONLY);
}

Test(token, defaults)
{
    struct token *token = usual();
    cr_expect_eq(token_adjust_default(token, PLAIN + 1, MANDATORY + 1), 0);
    cr_expect_eq(token_adjust_default(token, ADJUST_INDEX_UNCHANGED, 0), 0);
    cr_expect_eq(token->owner_index, PLAIN + 1u);
    cr_expect_eq(token->primary_group_index, 0u);
    cr_expect_eq(token_adjust_default(token, MANDATORY + 1, 0), -EINVAL);
    cr_expect_eq(token_adjust_default(token, GROUPS + 1, 0), -EINVAL);
    cr_expect_eq(token_adjust_default(token, 0, GROUPS + 1), -EINVAL);
    cr_expect_eq(token->owner_index, PLAIN + 1u, "all or nothing");
}

static int duplicate(enum token_type from, enum impersonation_level at, enum token_type type,
                     enum impersonation_level level)
{
    struct token *copy = usual();
    copy->subject.type = from;
    copy->subject.level = at;
    copy->elevation = ELEVATION_FULL;
    int error = token_become_duplicate(copy, type, level, &birth);
    if (!error) {
        cr_expect_eq(copy->subject.type, type);
        cr_expect_eq(copy->subject.level, level);
        cr_expect_eq(copy->id, 77);
        cr_expect_eq(copy->elevation, ELEVATION_DEFAULT);
        cr_expect_eq(copy->modified, 0);
        cr_expect_eq(token_check(copy), 0);
    }
    return error;
}

/* No way leads from a token that may only be looked at to one that acts. */
Test(token, duplicates)
{
    for (unsigned level = 0; level <= LEVEL_DELEGATION; level++) {
        cr_expect_eq(duplicate(TOKEN_PRIMARY, 0, TOKEN_IMPERSONATION, level), 0);
        cr_expect_eq(duplicate(TOKEN_PRIMARY, 0, TOKEN_PRIMARY, level), level ? -EINVAL : 0);
        cr_expect_eq(duplicate(TOKEN_IMPERSONATION, level, TOKEN_PRIMARY, 0),
                     level < LEVEL_IMPERSONATION ? -EPERM : 0);
        for (unsigned to = 0; to <= LEVEL_DELEGATION; to++)
            cr_expect_eq(duplicate(TOKEN_IMPERSONATION, level, TOKEN_IMPERSONATION, to),
                         to > level ? -EPERM : 0);
    }
    cr_expect_eq(duplicate(TOKEN_PRIMARY, 0, TOKEN_IMPERSONATION, 4), -EINVAL);
    cr_expect_eq(duplicate(TOKEN_PRIMARY, 0, (enum token_type)0, 0), -EINVAL);
}

Test(token, filtered)
{
    struct token *copy = usual();
    struct sid_attributes room[4];
    const uint32_t deny[] = {PLAIN, MANDATORY};
    copy->privileges_used = 1;
    struct token_filter filter = {.remove_privileges = BIT(SE_BACKUP) | BIT(SE_TCB),
                                  .deny_only = deny,
                                  .deny_only_count = 2,
                                  .restricting = test_sids("WD AU")};
    cr_assert_eq(token_become_filtered(copy, &filter, room, &birth), 0);
    cr_expect_eq(copy->privileges_present, BIT(SE_RESTORE) | BIT(SE_DEBUG));
    cr_expect_eq(copy->subject.privileges | copy->privileges_used, 0);
    cr_expect(copy->groups[MANDATORY].attributes & GROUP_USE_FOR_DENY_ONLY);
    cr_expect_eq(copy->subject.restricting.count, 2);
    cr_expect(!copy->subject.user_deny_only);
    cr_expect_eq(token_check(copy), 0);
    /* Once more: only what both have is left. */
    filter = (struct token_filter){.restricting = test_sids("BA AU"), .write_restricted = true};
    cr_assert_eq(token_become_filtered(copy, &filter, room + 2, &birth), 0);
    cr_expect_eq(copy->subject.restricting.count, 1);
    cr_expect(sid_equal(copy->subject.restricting.entries[0].sid, test_sid("AU")));
    cr_expect(!copy->subject.write_restricted, "restricted in everything stays so");
    cr_expect(copy->subject.user_deny_only);
    filter = (struct token_filter){.restricting = test_sids("BA")};
    cr_expect_eq(token_become_filtered(copy, &filter, room, &birth), -EINVAL, "nothing is left");
    copy = usual();
    filter = (struct token_filter){.restricting = test_sids("WD"), .write_restricted = true};
    cr_assert_eq(token_become_filtered(copy, &filter, room, &birth), 0);
    cr_expect(copy->subject.write_restricted && copy->subject.user_deny_only);
    filter = (struct token_filter){0};
    cr_assert_eq(token_become_filtered(copy, &filter, room, &birth), 0);
    cr_expect(copy->subject.write_restricted && copy->subject.user_deny_only, "for good");
    cr_expect_eq(copy->subject.restricting.count, 1);
    const uint32_t wrong[][2] = {{PLAIN, PLAIN}, {PLAIN, GROUPS}, {0xffffffff, PLAIN}};
    for (unsigned i = 0; i < 3; i++) {
        filter = (struct token_filter){.deny_only = wrong[i], .deny_only_count = 2};
        cr_expect_eq(token_become_filtered(usual(), &filter, room, &birth), -EINVAL);
    }
}

Test(token, impersonation)
{
    static const struct {
        const char *why;
        struct test_who server, client;
        enum impersonation_level asked, level;
        int error;
    } cases[] = {
        {"the same user", {0}, {0}, 2, 2},
        {"at any level", {0}, {0}, 3, 3},
        {"another user", {0}, {.user = "BU"}, 2, 1},
        {"another user with the privilege",
         {.privileges = BIT(SE_IMPERSONATE)},
         {.user = "BU"},
         2,
         2},
        {"a higher one", {0}, {.integrity = INTEGRITY_HIGH}, 2, 1},
        {"a higher one in spite of the privilege",
         {.privileges = BIT(SE_IMPERSONATE)},
         {.integrity = INTEGRITY_HIGH},
         3,
         1},
        {"a lower one", {0}, {.integrity = INTEGRITY_LOW}, 2, 2},
        {"both restricted", {.restricting = "WD"}, {.restricting = "BU"}, 2, 2},
        {"out of the restriction", {.restricting = "WD"}, {0}, 2, 2, -EPERM},
        {"into it", {0}, {.restricting = "WD"}, 2, 1},
        {"restricted, another user", {.restricting = "WD"}, {.user = "BU"}, 2, 1},
        {"to look at", {0}, {.user = "BU", .integrity = INTEGRITY_SYSTEM}, 1, 1},
        {"as nobody", {.restricting = "WD"}, {0}, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct token *server = make_token(&cases[i].server), *client = make_token(&cases[i].client);
        server->subject.privileges = server->privileges_present = cases[i].server.privileges;
        enum impersonation_level level;
        cr_expect_eq(token_impersonation_level(server, client, cases[i].asked, &level),
                     cases[i].error, "%s", cases[i].why);
        cr_expect_eq(level, cases[i].level, "%s: %d", cases[i].why, level);
    }
}

static uint32_t access_to(struct byte_span descriptor, const struct access_subject *who,
                          const struct generic_mapping *mapping)
{
    struct access_request request = test_request(who, descriptor, MAXIMUM);
    request.mapping = *mapping;
    struct access_result result = {0};
    cr_assert_eq(access_check(&request, NULL, &result), 0);
    return result.granted;
}

static uint32_t access_of(const char *user, struct byte_span descriptor,
                          const struct generic_mapping *mapping)
{
    struct access_subject subject = test_subject(&(struct test_who){.user = user});
    return access_to(descriptor, &subject, mapping);
}

/* Who has a token may adjust it, not duplicate it or open it to others, even as its maker. */
Test(token, default_descriptors)
{
    uint8_t bytes[DEFAULT_DESCRIPTOR_BYTES_MAX];
    const uint32_t own = 0xe8;
    int length = token_default_descriptor(test_sid(ME), test_sid("LS"), bytes, sizeof(bytes));
    struct byte_span descriptor = test_bytes(bytes, (size_t)length);
    cr_expect_eq(access_of(ME, descriptor, &token_mapping), own);
    cr_expect_eq(access_of("LS", descriptor, &token_mapping), TOKEN_ALL_ACCESS);
    cr_expect_eq(access_of("SY", descriptor, &token_mapping), TOKEN_ALL_ACCESS);
    cr_expect_eq(access_of("NS", descriptor, &token_mapping), 0);
    length = token_default_descriptor(test_sid(ME), test_sid(ME), bytes, sizeof(bytes));
    descriptor = test_bytes(bytes, (size_t)length);
    cr_expect_eq(access_of(ME, descriptor, &token_mapping), own | ACCESS_READ_CONTROL);
    length = process_default_descriptor(test_sid(ME), bytes, sizeof(bytes));
    descriptor = test_bytes(bytes, (size_t)length);
    cr_expect_eq(access_of(ME, descriptor, &process_mapping), PROCESS_ALL_ACCESS);
    cr_expect_eq(access_of("NS", descriptor, &process_mapping), PROCESS_QUERY_LIMITED);
    struct sid_buffer longest;
    const struct sid *sid = sid_make(&longest, 5, 15, (const uint32_t[15]){1});
    cr_expect_gt(process_default_descriptor(sid, bytes, sizeof(bytes)), 0, "there is room");
}

Test(token, boot)
{
    struct token system, anonymous;
    struct sid_attributes groups[TOKEN_BOOT_GROUPS];
    token_boot_system(&system, groups);
    token_boot_anonymous(&anonymous);
    cr_assert_eq(token_check(&system), 0);
    cr_assert_eq(token_check(&anonymous), 0);
    struct sid_buffer logon;
    cr_expect(sid_equal(system.groups[4].sid, sid_make_logon(&logon, SESSION_SYSTEM)));
    const uint32_t all = TOKEN_ALL_ACCESS | ACCESS_SYSTEM_SECURITY;
    cr_expect_eq(access_to(system.descriptor, &system.subject, &token_mapping), all);
    cr_expect_eq(access_to(anonymous.descriptor, &system.subject, &token_mapping), all);
    cr_expect_eq(access_of(ME, system.descriptor, &token_mapping), 0);
    struct byte_span open = test_descriptor("O:SYD:(A;;0x1;;;WD)");
    cr_expect_eq(access_to(open, &anonymous.subject, &test_mapping), 0, "nobody is not everyone");
    cr_expect_eq(access_to(open, &system.subject, &test_mapping) & 1, 1);
}
