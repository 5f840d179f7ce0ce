/* Does one walk over a DACL decide as the rules say: order, owners, generic bits, the maximum? */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define RC  ACCESS_READ_CONTROL
#define WDC ACCESS_WRITE_DAC
#define ME  "S-1-5-21-1"

Test(access_dacl, request)
{
    static const struct test_case cases[] = {
        {"0 identification decides nothing",
         "O:SYD:(A;;0x1;;;WD)",
         {.identification = true},
         1,
         0,
         -EACCES},
        {"1 without an owner there is no decision", "D:(A;;0x1;;;WD)", {0}, 1, 0, -EINVAL},
        {"1 a group is not needed", "O:SYD:(A;;0x1;;;WD)", {0}, 1, 1},
        {"2 a reserved bit cannot be asked for",
         "O:SYD:(A;;0x1;;;WD)",
         {0},
         0x00200001,
         0,
         -EINVAL},
        {"2 generic bits of the request are mapped",
         "O:SYD:(A;;0x20001;;;WD)",
         {0},
         ACCESS_GENERIC_READ,
         TEST_READ},
        {"2 nothing asked for is always allowed", "O:SYD:", {0}, 0, 0},
        {"2 the maximum alone is always allowed", "O:SYD:", {0}, MAXIMUM, 0},
        {"2 the maximum and what is not granted: refused, maximum told",
         "O:SYD:(A;;0x1;;;WD)",
         {0},
         MAXIMUM | 2,
         1,
         .refused = true},
        {"15 without the maximum only what was asked for is told",
         "O:SYD:(A;;0xf;;;WD)",
         {0},
         3,
         3},
        {"15 a part of what was asked for is told, and refused",
         "O:SYD:(A;;0x1;;;WD)",
         {0},
         3,
         1,
         .refused = true},
    };
    test_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

Test(access_dacl, order)
{
    static const struct test_case cases[] = {
        {"8 no DACL: all that the type has", "O:SY", {0}, MAXIMUM, TEST_ALL},
        {"8 an empty DACL: nothing", "O:SYD:", {0}, 1, 0, .refused = true},
        {"8 who is named is allowed", "O:SYD:(A;;0x3;;;" ME ")", {0}, 3, 3},
        {"8 who is not named is not", "O:SYD:(A;;0x3;;;S-1-5-21-2)", {0}, 1, 0, .refused = true},
        {"8 denied first", "O:SYD:(D;;0x1;;;WD)(A;;0x3;;;WD)", {0}, MAXIMUM, 2},
        {"8 allowed first", "O:SYD:(A;;0x1;;;WD)(D;;0x3;;;WD)(A;;0x2;;;WD)", {0}, MAXIMUM, 1},
        {"8 the order holds for the maximum as well",
         "O:SYD:(A;;0x3;;;WD)(D;;0x1;;;WD)",
         {0},
         MAXIMUM,
         3},
        {"8 entries only for heirs do not count", "O:SYD:(D;IO;0x1;;;WD)(A;;0x1;;;WD)", {0}, 1, 1},
        {"8 nor do allowing ones", "O:SYD:(A;IO;0x1;;;WD)", {0}, 1, 0, .refused = true},
        {"8 generic bits of entries are mapped",
         "O:SYD:(A;;GR;;;WD)(A;;GX;;;WD)",
         {0},
         MAXIMUM,
         TEST_READ | TEST_EXECUTE},
        {"8 a list cannot open the SACL", "O:SYD:(A;;0x1000001;;;WD)", {0}, MAXIMUM, 1},
        {"8 a list cannot give the maximum bit", "O:SYD:(A;;0x2000001;;;WD)", {0}, MAXIMUM, 1},
        {"8 other types in a DACL decide nothing",
         "O:SYD:(AU;SA;0x1;;;WD)(A;;0x2;;;WD)",
         {0},
         MAXIMUM,
         2},
        {"8 object entries without a tree are as others",
         "O:SYD:(OA;;0x1;00000000-0000-0000-0000-000000000001;;WD)",
         {0},
         MAXIMUM,
         1},
    };
    test_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

Test(access_dacl, groups)
{
    static const struct test_case cases[] = {
        {"M an enabled group allows", "O:SYD:(A;;0x1;;;BA)", {.groups = "BA"}, 1, 1},
        {"M a disabled group does not",
         "O:SYD:(A;;0x1;;;BA)",
         {.groups = "BA~"},
         1,
         0,
         .refused = true},
        {"M nor does one that is for denying",
         "O:SYD:(A;;0x1;;;BA)",
         {.groups = "BA!"},
         1,
         0,
         .refused = true},
        {"M a disabled group does not deny",
         "O:SYD:(D;;0x1;;;BA)(A;;0x1;;;WD)",
         {.groups = "BA~ WD"},
         1,
         1},
        {"M one for denying denies",
         "O:SYD:(D;;0x1;;;BA)(A;;0x1;;;WD)",
         {.groups = "BA! WD"},
         1,
         0,
         .refused = true},
        {"M a user for denying is not allowed",
         "O:SYD:(A;;0x1;;;" ME ")",
         {.user_deny_only = true},
         1,
         0,
         .refused = true},
        {"M a user for denying is denied",
         "O:SYD:(D;;0x1;;;" ME ")(A;;0x1;;;WD)",
         {.user_deny_only = true},
         1,
         0,
         .refused = true},
        {"M for the user being deny only is final, whatever the groups",
         "O:SYD:(A;;0x1;;;" ME ")",
         {.user_deny_only = true, .groups = ME},
         1,
         0,
         .refused = true},
        {"M of two entries for a group the better one counts",
         "O:SYD:(A;;0x1;;;BA)",
         {.groups = "BA! BA"},
         1,
         1},
    };
    test_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

Test(access_dacl, owner)
{
    static const struct test_case cases[] = {
        {"8 the owner reads and rewrites the list", "O:" ME "D:", {0}, MAXIMUM, RC | WDC},
        {"8 even against a denial", "O:" ME "D:(D;;RCWD;;;WD)", {0}, MAXIMUM, RC | WDC},
        {"8 owning through a group", "O:BAD:", {.groups = "BA"}, MAXIMUM, RC | WDC},
        {"6 not through a disabled group", "O:BAD:", {.groups = "BA~"}, MAXIMUM, 0},
        {"6 not through a group for denying", "O:BAD:", {.groups = "BA!"}, MAXIMUM, 0},
        {"8 owner rights replace the implicit ones", "O:" ME "D:(A;;RC;;;OW)", {0}, MAXIMUM, RC},
        {"8 also with other rights", "O:" ME "D:(A;;0x1;;;OW)", {0}, MAXIMUM, 1},
        {"8 also if they deny", "O:" ME "D:(D;;WD;;;OW)(A;;RCWD;;;WD)", {0}, MAXIMUM, RC},
        {"8 not if only for heirs", "O:" ME "D:(A;IO;RC;;;OW)", {0}, MAXIMUM, RC | WDC},
        {"8 whatever the condition says", "O:" ME "D:(XA;;0x1;;;OW)", {0}, MAXIMUM, 0},
        {"8 an audit entry there does not replace them",
         "O:" ME "D:(AU;SA;0x1;;;OW)",
         {0},
         MAXIMUM,
         RC | WDC},
        {"6 owner rights are nobody else's", "O:SYD:(A;;0x1;;;OW)", {0}, MAXIMUM, 0},
        {"6 an owner for denying is denied as owner",
         "O:BAD:(D;;0x1;;;OW)(A;;0x1;;;WD)",
         {.groups = "BA! WD"},
         MAXIMUM,
         0},
        {"6 self is whom the object stands for", "O:SYD:(A;;0x1;;;PS)", {0}, 1, 1, .self = ME},
        {"6 or one of his groups", "O:SYD:(A;;0x1;;;PS)", {.groups = "BA"}, 1, 1, .self = "BA"},
        {"6 nobody else", "O:SYD:(A;;0x1;;;PS)", {0}, 1, 0, .refused = true, .self = "S-1-5-21-9"},
        {"6 without self no one", "O:SYD:(A;;0x1;;;PS)", {0}, 1, 0, .refused = true},
        {"6 self for denying denies",
         "O:SYD:(D;;0x1;;;PS)(A;;0x1;;;WD)",
         {.groups = "BA! WD"},
         1,
         0,
         .refused = true,
         .self = "BA"},
        {"6 and does not allow",
         "O:SYD:(A;;0x1;;;PS)",
         {.groups = "BA!"},
         1,
         0,
         .refused = true,
         .self = "BA"},
    };
    test_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

Test(access_dacl, malformed_requests)
{
    struct access_subject subject = test_subject(&(struct test_who){0});
    struct access_request request = test_request(&subject, test_descriptor("O:SY"), 1);
    struct access_result result;
    request.mapping.read = ACCESS_GENERIC_WRITE;
    cr_assert_eq(access_check(&request, NULL, &result), -EINVAL, "a mapping maps to rights");
    request.mapping = test_mapping;
    request.mapping.all |= ACCESS_SYSTEM_SECURITY;
    cr_assert_eq(access_check(&request, NULL, &result), -EINVAL);
    request.mapping = test_mapping;
    request.per_node = true;
    cr_assert_eq(access_check(&request, NULL, &result), -EINVAL, "verdicts per node need nodes");
    request.per_node = false;
    request.local_claims = test_bytes("\1\0\0\0x", 5);
    cr_assert_eq(access_check(&request, NULL, &result), -EINVAL, "claims are well-formed");
    request.local_claims = (struct byte_span){0};
    cr_assert_eq(access_check(&request, NULL, &result), 0);
}

/* What takes too long is refused, and takes nothing with it. */
Test(access_dacl, too_much_work)
{
    enum { GROUPS = 1024, ENTRIES = 3000 };
    struct access_subject subject = test_subject(&(struct test_who){.restricting = "WD"});
    struct sid_attributes *groups = test_room(GROUPS * sizeof(*groups));
    for (unsigned i = 0; i < GROUPS; i++)
        groups[i] = (struct sid_attributes){test_sid("S-1-5-21-77"), GROUP_ENABLED};
    subject.groups = (struct sid_list){groups, GROUPS};
    subject.restricting = subject.groups;
    char *text = test_room(ENTRIES * 40);
    char *at = stpcpy(text, "O:SYD:");
    for (unsigned i = 0; i < ENTRIES; i++)
        at = stpcpy(at, "(A;;0x1;;;SY)");
    struct access_request request = test_request(&subject, test_descriptor(text), MAXIMUM);
    struct access_result result;
    cr_assert_eq(access_check(&request, NULL, &result), 0, "one list is never too much");
    struct central_rule rules[16];
    for (unsigned i = 0; i < 16; i++)
        rules[i] = (struct central_rule){.dacl = test_acl(text + strlen("O:SY"))};
    const struct central_policy policy = {test_sid("S-1-17-1"), rules, 16};
    request.policies = &policy;
    request.policy_count = 1;
    request.descriptor = test_descriptor("O:SYD:(A;;0x1;;;WD)S:(SP;;;;;S-1-17-1)(SP;;;;;S-1-17-1)");
    cr_assert_eq(access_check(&request, NULL, &result), -E2BIG);
    cr_assert_eq(result.granted, 0);
    cr_assert(!result.allowed);
}
