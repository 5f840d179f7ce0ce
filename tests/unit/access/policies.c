/* Do central policies only ever take away, and is what is staged only told of? */
#include <criterion/criterion.h>

#include "fixture.h"
#include "kernel/security/central_policy.h"

#define ID   "S-1-17-1"
#define OPEN "O:SYD:(A;;0x7;;;WD)S:(SP;;;;;" ID ")"

static struct access_result decide_as(const struct test_who *who, const char *sd,
                                      const struct central_rule *rules, uint32_t count,
                                      uint32_t desired)
{
    struct access_subject subject = test_subject(who);
    const struct central_policy policy = {test_sid(ID), rules, count};
    struct access_request request = test_request(&subject, test_descriptor(sd), desired);
    request.policies = &policy;
    request.policy_count = 1;
    request.intent = ACCESS_INTENT_BACKUP;
    struct access_result result = {0};
    cr_assert_eq(access_check(&request, NULL, &result), 0);
    return result;
}

static struct access_result decide(const char *sd, const struct central_rule *rules, uint32_t count)
{
    return decide_as(&(struct test_who){0}, sd, rules, count, MAXIMUM);
}

Test(access_policies, effective)
{
    const struct central_rule reads = {.dacl = test_acl("D:(A;;0x1;;;WD)")};
    const struct central_rule more = {.dacl = test_acl("D:(A;;0xf;;;WD)")};
    const struct central_rule both[] = {reads, more};
    cr_expect_eq(decide(OPEN, &reads, 1).granted, 1, "12 a rule takes away");
    cr_expect_eq(decide(OPEN, &more, 1).granted, 7, "12 and gives nothing");
    cr_expect_eq(decide(OPEN, both, 2).granted, 1, "12 all rules hold");
    cr_expect_eq(decide(OPEN, NULL, 0).granted, 7, "12 no rule, no effect");
    cr_expect_eq(decide("O:SYD:(A;;0x7;;;WD)", &reads, 1).granted, 7, "12 if it is not named");
    cr_expect_eq(decide("O:SYD:(A;;0x7;;;WD)S:(SP;IO;;;;" ID ")", &reads, 1).granted, 7,
                 "12 or named for heirs");
    cr_expect_eq(decide(OPEN "(SP;;;;;" ID ")", both, 2).granted, 1, "12 twice is once");
}

/* A policy that is not known must not open anything, nor lock everybody out. */
Test(access_policies, recovery)
{
    const char *unknown = "O:SYD:(A;;0x7;;;WD)S:(SP;;;;;S-1-17-2)";
    const struct central_rule rule = {.dacl = test_acl("D:(A;;0x1;;;WD)")};
    cr_expect_eq(decide(unknown, &rule, 1).granted, 0, "12 ordinary users are locked out");
    struct test_who who = {.groups = "WD BA"};
    cr_expect_eq(decide_as(&who, unknown, &rule, 1, MAXIMUM).granted, 7, "12 not administrators");
    who = (struct test_who){.user = "SY"};
    cr_expect_eq(decide_as(&who, unknown, &rule, 1, MAXIMUM).granted, 0x60007, "12 nor SYSTEM");
    who = (struct test_who){.user = "S-1-5-21-5"};
    cr_expect_eq(
        decide_as(&who, "O:S-1-5-21-5D:(A;;0x7;;;WD)S:(SP;;;;;S-1-17-2)", &rule, 1, MAXIMUM)
            .granted,
        0x60007, "12 nor the owner");
}

Test(access_policies, conditions)
{
    /* Exists @Resource.x, and something that is none. */
    static const uint8_t exists[] = {'a', 'r', 't', 'x', 0xfa, 2, 0, 0, 0, 'x', 0, 0x87};
    struct central_rule rule = {.dacl = test_acl("D:"), .applies_to = {exists, sizeof(exists)}};
    cr_expect_eq(decide(OPEN, &rule, 1).granted, 7, "12 false: the rule is skipped");
    cr_expect_eq(decide(OPEN "(RA;;;;;WD;#14000000060000000000000001000000180000007800000001000000"
                             "00000000)",
                        &rule, 1)
                     .granted,
                 0, "12 true: it holds");
    rule.applies_to = (struct byte_span){exists, 3};
    cr_expect_eq(decide(OPEN, &rule, 1).granted, 7, "12 unknown: skipped");
    cr_expect(!central_policy_check(&(struct central_policy){NULL, &rule, 1}),
              "12 but never kept in the first place");
    rule.applies_to = (struct byte_span){exists, sizeof(exists)};
    cr_expect(central_policy_check(&(struct central_policy){NULL, &rule, 1}));
    rule.dacl = (struct byte_span){0};
    cr_expect(!central_policy_check(&(struct central_policy){NULL, &rule, 1}), "12 no DACL");
}

Test(access_policies, privileges)
{
    const struct central_rule none = {.dacl = test_acl("D:")};
    const struct central_rule broken = {.dacl = test_bytes("\2\0\x10\0\1\0\0", 8)};
    struct test_who who = {.privileges = PRIVILEGE_SECURITY | PRIVILEGE_BACKUP};
    cr_expect_eq(decide_as(&who, OPEN, &none, 1, MAXIMUM).granted, ACCESS_SYSTEM_SECURITY,
                 "12 a rule knows privileges, but no intents");
    cr_expect_eq(decide_as(&who, OPEN, &broken, 1, MAXIMUM).granted,
                 ACCESS_SYSTEM_SECURITY | TEST_READ, "12 a broken one leaves what they gave");
    who.privileges = 0;
    cr_expect_eq(decide_as(&who, OPEN, &broken, 1, MAXIMUM).granted, 0, "12 and nothing else");
}

Test(access_policies, staged)
{
    struct central_rule rule = {.dacl = test_acl("D:(A;;0x3;;;WD)")};
    cr_expect(!decide(OPEN, &rule, 1).staging_mismatch, "12 nothing staged, nothing to tell");
    rule.staged_dacl = test_acl("D:(A;;0x1;;;WD)");
    struct access_result result = decide(OPEN, &rule, 1);
    cr_expect_eq(result.granted, 3, "12 what is staged decides nothing");
    cr_expect(result.staging_mismatch, "12 but is told of");
    rule.staged_dacl = test_acl("D:(A;;0x7;;;WD)");
    cr_expect(decide(OPEN, &rule, 1).staging_mismatch, "12 also if it would give more");
    rule.staged_dacl = test_acl("D:(A;;0xb;;;WD)");
    cr_expect(!decide(OPEN, &rule, 1).staging_mismatch, "12 not if it comes to the same");
    rule.staged_sacl = test_acl("D:(AU;SA;0x1;;;WD)");
    cr_expect(!decide(OPEN, &rule, 1).staging_mismatch, "14 nothing asked for, nothing audited");
    struct test_who who = {0};
    cr_expect(decide_as(&who, OPEN, &rule, 1, 1).staging_mismatch, "14 what it would audit");
    rule.sacl = test_acl("D:(AU;SA;0x1;;;WD)");
    cr_expect(!decide_as(&who, OPEN, &rule, 1, 1).staging_mismatch, "14 the same audit");
    rule.staged_sacl = test_acl("D:(AU;SA;0x1;;;WD)(AL;;0x2;;;WD)");
    cr_expect(decide_as(&who, OPEN, &rule, 1, 1).staging_mismatch, "14 what it would watch");
}
