/* Do conditions say true, false or unknown as the rules have it, and unknown to all that is odd? */
#include "kernel/security/condition.h"

#include <criterion/criterion.h>
#include <string.h>

#include "condition_text.h"

struct condition_case {
    const char *code; /* condition_text.h */
    enum truth truth;
};

#define T TRUTH_TRUE
#define F TRUTH_FALSE
#define U TRUTH_UNKNOWN

static struct byte_span claims(void)
{
    static const int64_t numbers[] = {-5, 7};
    struct claim_text text = claims_begin();
    claims_number(&text, "int", CLAIM_INT64, 0, 1, (const int64_t[]){-1});
    claims_number(&text, "uint", CLAIM_UINT64, 0, 1, (const int64_t[]){-1});
    claims_number(&text, "ints", CLAIM_INT64, 0, 2, numbers);
    claims_number(&text, "yes", CLAIM_BOOLEAN, 0, 1, (const int64_t[]){77});
    claims_number(&text, "zero", CLAIM_INT64, 0, 1, (const int64_t[]){0});
    claims_number(&text, "empty", CLAIM_INT64, 0, 0, NULL);
    claims_number(&text, "off", CLAIM_INT64, CLAIM_FLAG_DISABLED, 1, numbers);
    claims_number(&text, "denies", CLAIM_INT64, CLAIM_FLAG_DENY_ONLY, 1, numbers);
    claims_string(&text, "name", 0, "Ann");
    claims_string(&text, "exact", CLAIM_FLAG_CASE_SENSITIVE, "Ann");
    claims_string(&text, "blank", 0, "");
    claims_number(&text, "INT", CLAIM_INT64, 0, 1, numbers);
    return claims_end(&text);
}

static enum truth evaluate(const char *code, const struct identity *identity, bool for_allow)
{
    const struct acl none = {0};
    struct step_meter meter = {.left = ACCESS_STEPS_MAX};
    const struct condition_context context = {
        .identity = identity,
        .attributes = &none,
        .local = identity->subject->user_claims,
        .meter = &meter,
    };
    return condition_evaluate(condition_code(code), &context, for_allow);
}

static void check(const struct condition_case *cases, size_t count, struct test_who who)
{
    who.user_claims = claims();
    struct access_subject subject = test_subject(&who);
    struct identity identity = identity_of(&subject, IDENTITY_NORMAL, test_sid("SY"), NULL);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(evaluate(cases[i].code, &identity, true), cases[i].truth, "%s: %d",
                     cases[i].code, evaluate(cases[i].code, &identity, true));
}
#define CHECK(cases, ...)                                                                          \
    check(cases, sizeof(cases) / sizeof((cases)[0]), (struct test_who){__VA_ARGS__})

Test(condition, numbers)
{
    static const struct condition_case
        cases[] =
            {
                {"i1 i1 ==", T},       {"i1 i2 ==", F},
                {"i1 i2 !=", T},       {"i-1 i1 <", T},
                {"i1 i1 <=", T},       {"i2 i1 >", T},
                {"i1 i2 >=", F},       {"i-1 u:int ==", T},
                {"u:int u:uint <", T}, /* a negative number is below every unsigned one */
                {"u:uint i1 >", T},    {"b127 i127 ==", T},
                {"b128 i128 ==", U},                       /* too large for its width */
                {"b-128 i-128 ==", T}, {"u:yes i1 ==", T}, /* whatever stood there, true is 1 */
                {"u:yes i77 ==", F},   {"u:yes i0 >", U},  /* truth has no order */
            };
    CHECK(cases);
}

Test(condition, strings)
{
    static const struct condition_case cases[] = {
        {"'ann' u:name ==", T}, {"'ann' u:exact ==", F}, {"'Ann' u:exact ==", T}, {"'a' 'B' <", T},
        {"'a' 'ab' <", T},      {"'_' 'a' <", F}, /* compared as capitals */
        {"o4142 o6162 ==", T},  {"o41 'A' ==", U},       {"i1 'A' ==", U},        {"sBA sBA ==", T},
        {"sBA sBU <", U}, /* SIDs have no order */
        {"u:NAME 'ANN' ==", T},
    };
    CHECK(cases);
}

Test(condition, absent)
{
    static const struct condition_case cases[] = {
        {"u:nothing i1 ==", U}, {"u:nothing l:neither ==", U},
        {"u:nothing i1 !=", U}, {"u:nothing ?", F},
        {"u:nothing !?", T},    {"u:int ?", T},
        {"u:empty ?", F},       {"u:off ?", F},
        {"u:denies ?", F}, /* this is an allowing entry */
        {"d:int ?", F},         {"r:int ?", F},
        {"l:int ?", T},         {"i1 ?", U},
        {"i1 i1 == ?", U},      {"u:int i-1 ==", T}, /* the first of a name */
    };
    CHECK(cases);
}

Test(condition, sets)
{
    static const struct condition_case cases[] = {
        {"u:ints {i7} contains", T},
        {"u:ints {i7,i-5} contains", T},
        {"u:ints {i7,i8} contains", F},
        {"u:ints {i8} !contains", T},
        {"u:ints i7 contains", T},
        {"u:ints {} contains", T},
        {"u:ints {i8,i7} any", T},
        {"u:ints {i8} any", F},
        {"u:ints {i8} !any", T},
        {"u:ints {} any", F},
        {"u:ints {i7,i-5,i7} ==", T},
        {"u:ints {i7} ==", F},
        {"u:int {i-1} ==", T},
        {"u:ints {i8,'x'} any", U}, /* nothing equal, and one that cannot be compared */
        {"u:ints {'x',i7} any", T},
        {"u:ints {'x'} contains", U},
        {"u:ints {i7} <", U},
        {"u:nothing {i7} contains", U},
    };
    CHECK(cases);
}

Test(condition, membership)
{
    static const struct condition_case cases[] = {
        {"sWD member", T},         {"sBA member", F},           {"{sWD,sAU} member", T},
        {"{sWD,sBA} member", F},   {"{sWD,sBA} member_any", T}, {"{} member", T},
        {"{} member_any", F},      {"{} !member", F},           {"sWD !member", F},
        {"sBA !member_any", T},    {"sBU member", F}, /* for denying only */
        {"sS-1-5-21-1 member", T}, {"sOW member", F},           {"i1 member", U},
        {"u:int member", U},       {"{sWD,i1} member_any", U},  {"sIU device", T},
        {"{sIU,sNU} device", F},   {"{sIU,sNU} device_any", T}, {"sNU !device", T},
        {"sNU !device_any", T},
    };
    CHECK(cases, .groups = "WD AU BU!", .device_groups = "IU");
    static const struct condition_case deviceless[] = {
        {"sIU device", U}, {"sIU !device_any", U}, {"{} device", T}, {"{} device_any", F}};
    CHECK(deviceless);
}

Test(condition, logic)
{
    static const char *const operand[] = {
        [F] = "i1 i2 == ", [T] = "i1 i1 == ", [U] = "u:no i1 == "};
    static const enum truth and[3][3] = {{F, F, F}, {F, T, U}, {F, U, U}};
    static const enum truth or [3][3] = {{F, T, U}, {T, T, T}, {U, T, U}};
    struct access_subject subject = test_subject(&(struct test_who){.user_claims = claims()});
    struct identity identity = identity_of(&subject, IDENTITY_NORMAL, test_sid("SY"), NULL);
    char code[100];
    for (unsigned a = 0; a < 3; a++)
        for (unsigned b = 0; b < 3; b++) {
            strcat(strcat(strcpy(code, operand[a]), operand[b]), "and");
            cr_expect_eq(evaluate(code, &identity, true), and[a][b], "%s", code);
            strcat(strcat(strcpy(code, operand[a]), operand[b]), "or");
            cr_expect_eq(evaluate(code, &identity, true), or [a][b], "%s", code);
        }
    static const struct condition_case cases[] = {
        {"i1 i1 == not", F},
        {"u:no i1 == not", U},
        {"u:int u:yes and", T},
        {"u:zero u:int or", T},
        {"u:zero not", T},
        {"u:name not", F},
        {"u:blank not", T},
        {"u:ints not", U},
        {"i1 not", U},
        {"i1 i1 == i1 or", U},         /* a literal spoils all of it */
        {"i1 'x' == i1 i1 == or", U},  /* so do two that cannot be compared */
        {"u:no i1 == i1 i1 == or", T}, /* but not what is absent */
        {"i1 i1 == i1 i1 == ==", U},
    };
    CHECK(cases);
}

Test(condition, malformed)
{
    static const struct condition_case cases[] = {
        {"", U},
        {"u:yes", U}, /* a value is no verdict */
        {"i1", U},
        {"i1 i1 == i1 i1 ==", U},
        {"i1 ==", U},
        {"and", U},
        {"x7f", U},
        {"i1 i1 == x00 x00", T}, /* padding */
        {"i1 i1 == x10", U},     /* a string without its length */
        {"x50 x02 x00 x00 x00 x10 x00 i1 contains", U},
        {"i1 {{i1}} contains", U},
    };
    CHECK(cases);
    struct step_meter meter = {.left = ACCESS_STEPS_MAX};
    struct access_subject subject = test_subject(&(struct test_who){0});
    struct identity identity = identity_of(&subject, IDENTITY_NORMAL, test_sid("SY"), NULL);
    const struct acl none = {0};
    const struct condition_context context = {
        .identity = &identity, .attributes = &none, .meter = &meter};
    struct byte_span code = condition_code("i1 i1 ==");
    for (uint32_t length = 0; length < code.length; length++) {
        struct byte_span part = test_bytes(code.data, length);
        cr_expect_eq(condition_evaluate(part, &context, true), U, "cut off at %u", length);
        cr_expect_eq(condition_check(part), length == 15, "one value is well-formed: %u", length);
    }
    cr_expect(condition_check(code));
    cr_expect(!condition_check(condition_code("i1 i1 == i1 i1 ==")));
    cr_expect(!condition_check(condition_code("i1 {{i1}} contains")));
}

/* Deep stacks and long work are unknown, not a crash. */
Test(condition, limits)
{
    struct access_subject subject = test_subject(&(struct test_who){.user_claims = claims()});
    struct identity identity = identity_of(&subject, IDENTITY_NORMAL, test_sid("SY"), NULL);
    char *deep = test_room(20000), *at = deep;
    for (unsigned i = 0; i < CONDITION_DEPTH_MAX + 1; i++)
        at = stpcpy(at, "u:int ");
    char *ends = at;
    for (unsigned i = 0; i < CONDITION_DEPTH_MAX; i++)
        at = stpcpy(at, "and ");
    cr_expect_eq(evaluate(deep, &identity, true), U);
    memmove(ends - 6, ends + 4, strlen(ends + 4) + 1);
    cr_expect_eq(evaluate(deep, &identity, true), T, "one less is fine");
    char *wide = test_room(40000);
    at = stpcpy(wide, "u:ints {");
    for (unsigned i = 0; i < 9000; i++)
        at = stpcpy(at, "i1,");
    strcpy(at, "i1} any");
    cr_expect_eq(evaluate(wide, &identity, true), U);
}

/* What is for denying only counts for denying. */
Test(condition, polarity)
{
    struct access_subject subject =
        test_subject(&(struct test_who){.groups = "BA!", .user_claims = claims()});
    struct identity identity = identity_of(&subject, IDENTITY_NORMAL, test_sid("BA"), NULL);
    cr_expect_eq(evaluate("sBA member", &identity, true), F);
    cr_expect_eq(evaluate("sBA member", &identity, false), T);
    cr_expect_eq(evaluate("u:denies ?", &identity, false), T);
    cr_expect_eq(evaluate("sOW member", &identity, true), F, "an owner for denying");
    cr_expect_eq(evaluate("sOW member", &identity, false), T);
}

/* Each pass has its own view of who is a member. */
Test(condition, passes)
{
    struct access_subject subject =
        test_subject(&(struct test_who){.restricting = "BA IU",
                                        .device_groups = "NU",
                                        .restricted_device_groups = "SU",
                                        .confinement = "S-1-15-2-9"});
    struct identity identity = identity_of(&subject, IDENTITY_RESTRICTED, test_sid("IU"), NULL);
    cr_expect_eq(evaluate("sBA member", &identity, true), T);
    cr_expect_eq(evaluate("sWD member", &identity, true), F);
    cr_expect_eq(evaluate("sOW member", &identity, true), T);
    cr_expect_eq(evaluate("sNU device", &identity, true), F);
    cr_expect_eq(evaluate("sSU device", &identity, true), T);
    identity = identity_of(&subject, IDENTITY_CONFINED, test_sid("S-1-5-21-1"), NULL);
    cr_expect_eq(evaluate("sWD member", &identity, true), T, "the confined are members");
    cr_expect_eq(evaluate("sS-1-15-2-9 member", &identity, true), F);
    cr_expect_eq(evaluate("sOW member", &identity, true), F, "but own nothing as users");
}
