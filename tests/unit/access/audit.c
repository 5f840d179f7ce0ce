/* Is told what audit entries, central rules and tokens want to be told, and nothing else? */
#include <criterion/criterion.h>

#include "fixture.h"

#define OPEN "O:SYD:(A;;0x1;;;WD)"

struct audit_case {
    const char *rule;
    const char *sd;
    uint32_t desired;
    uint32_t events;
    uint32_t continuous;
    struct test_who who;
};

static struct access_result decide(const struct test_who *who, const char *sd, uint32_t desired,
                                   uint32_t intent)
{
    struct access_subject subject = test_subject(who);
    struct access_request request = test_request(&subject, test_descriptor(sd), desired);
    request.intent = intent;
    struct access_result result = {0};
    cr_assert_eq(access_check(&request, NULL, &result), 0);
    return result;
}

Test(access_audit, entries)
{
    static const struct audit_case cases[] = {
        {"14 success", OPEN "S:(AU;SA;0x1;;;WD)", 1, 1},
        {"14 not when it failed", OPEN "S:(AU;SA;0x2;;;WD)", 2, 0},
        {"14 failure", OPEN "S:(AU;FA;0x2;;;WD)", 2, 1},
        {"14 not when it succeeded", OPEN "S:(AU;FA;0x1;;;WD)", 1, 0},
        {"14 what was asked for counts", OPEN "S:(AU;SA;0x2;;;WD)", 1, 0},
        {"14 nothing was asked for", OPEN "S:(AU;SAFA;0xf;;;WD)", MAXIMUM, 0},
        {"14 entries for heirs do not count", OPEN "S:(AU;SAIO;0x1;;;WD)", 1, 0},
        {"14 nor for others", OPEN "S:(AU;SA;0x1;;;BA)", 1, 0},
        {"14 groups for denying do", OPEN "S:(AU;SA;0x1;;;BA)", 1, 1, 0, {.groups = "WD BA!"}},
        {"14 every entry tells", OPEN "S:(AU;SA;0x1;;;WD)(AU;SA;GR;;;AU)", 1, 2},
        {"14 an unknown condition is told", OPEN "S:(XU;SA;0x1;;;WD)", 1, 1},
        {"14 alarms watch", OPEN "S:(AL;;0x3;;;WD)(AL;;GX;;;WD)(AL;;0x8;;;BA)", 1, 0, 7},
        {"14 an object's part is a part",
         OPEN "S:(OU;SA;0x1;00000001-0000-0000-0000-000000000000;;WD)", 1, 1},
        {"14b the token wants to be told",
         OPEN,
         1,
         1,
         0,
         {.audit_policy = TOKEN_AUDIT_OBJECT_SUCCESS}},
        {"14b of that only", OPEN, 2, 0, 0, {.audit_policy = TOKEN_AUDIT_OBJECT_SUCCESS}},
        {"14b or of failures", OPEN, 2, 1, 0, {.audit_policy = TOKEN_AUDIT_OBJECT_FAILURE}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct access_result result = decide(&cases[i].who, cases[i].sd, cases[i].desired, 0);
        cr_expect_eq(result.audit_count, cases[i].events, "%s: %u", cases[i].rule,
                     result.audit_count);
        cr_expect_eq(result.continuous_audit, cases[i].continuous, "%s", cases[i].rule);
    }
}

Test(access_audit, details)
{
    struct access_result result =
        decide(&(struct test_who){.audit_policy = 3}, OPEN "S:(ML;;NW;;;ME)(AU;SA;0x1;;;WD)", 1, 0);
    cr_assert_eq(result.audit_count, 2);
    cr_expect_eq(result.audits[0].source, AUDIT_BY_OBJECT);
    cr_expect_eq(result.audits[0].ace_offset, 8 + 20, "behind the label");
    cr_expect(result.audits[0].success);
    cr_expect_eq(result.audits[1].source, AUDIT_BY_TOKEN);
}

Test(access_audit, privileges)
{
    static const struct test_who who = {.privileges = PRIVILEGE_SECURITY | PRIVILEGE_BACKUP |
                                                      PRIVILEGE_RESTORE | PRIVILEGE_TAKE_OWNERSHIP};
    struct access_result result = decide(&who, OPEN, ACCESS_SYSTEM_SECURITY, 0);
    cr_expect_eq(result.privileges_used, PRIVILEGE_SECURITY, "13 used");
    result = decide(&who, OPEN, 1, 0);
    cr_expect_eq(result.privileges_used, 0, "13 not if it gave nothing that was asked for");
    result = decide(&who, OPEN, 1, ACCESS_INTENT_BACKUP);
    cr_expect_eq(result.privileges_used, PRIVILEGE_BACKUP);
    result = decide(&who, OPEN, MAXIMUM, 3);
    cr_expect_eq(result.privileges_used | result.privileges_failed, 0, "13 not for the maximum");
    result = decide(&who, OPEN, ACCESS_WRITE_OWNER, 0);
    cr_expect_eq(result.privileges_used, PRIVILEGE_TAKE_OWNERSHIP);
    cr_expect_eq(result.privilege_granted, ACCESS_WRITE_OWNER);
    result = decide(&who, OPEN "S:(TL;;0x1;;;S-1-19-512-1024)", ACCESS_SYSTEM_SECURITY, 0);
    cr_expect_eq(result.privileges_used, 0);
    cr_expect_eq(result.privileges_failed, PRIVILEGE_SECURITY, "13 a label took it again");
}
