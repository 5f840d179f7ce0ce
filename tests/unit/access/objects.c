/* Are the parts of an object decided one by one, and the object as the sum of its parts? */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fixture.h"

/* Part N has a GUID whose first byte is N. */
#define PART(n) "0000000" #n "-0000-0000-0000-000000000000"
#define LEVELS(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__, -1                                                                            \
    }
#define NODES 6

struct tree_case {
    const char *rule;
    const char *sd;
    int levels[NODES + 1];
    uint32_t granted[NODES];
    struct test_who who;
};

/* 0: the object, 1 and 2: its parts, 3: a part of 2. */
#define USUAL LEVELS(0, 1, 1, 2)

static struct access_request tree_request(const struct access_subject *subject, const char *sd,
                                          const int *levels, uint32_t desired)
{
    struct access_request request = test_request(subject, test_descriptor(sd), desired);
    struct object_type *types = test_room(NODES * sizeof(*types));
    for (; levels[request.object_type_count] >= 0; request.object_type_count++) {
        types[request.object_type_count].level = (uint16_t)levels[request.object_type_count];
        types[request.object_type_count].guid[0] = (uint8_t)request.object_type_count;
    }
    request.object_types = types;
    return request;
}

Test(access_objects, trees)
{
    static const struct tree_case cases[] = {
        {"O entries without a GUID are for all parts", "O:SYD:(A;;0x1;;;WD)", USUAL, {1, 1, 1, 1}},
        {"O object entries without one as well", "O:SYD:(OA;;0x1;;;WD)", USUAL, {1, 1, 1, 1}},
        {"O a grant goes down", "O:SYD:(OA;;0x1;" PART(2) ";;WD)", USUAL, {0, 0, 1, 1}},
        {"O a grant to the object is one to all",
         "O:SYD:(OA;;0x1;" PART(0) ";;WD)",
         USUAL,
         {1, 1, 1, 1}},
        {"O and up when all parts have it",
         "O:SYD:(OA;;0x1;" PART(1) ";;WD)(OA;;0x3;" PART(2) ";;WD)",
         USUAL,
         {1, 1, 3, 3}},
        {"O an only part gives it to its whole",
         "O:SYD:(OA;;0x1;" PART(3) ";;WD)",
         USUAL,
         {0, 0, 1, 1}},
        {"O through all levels",
         "O:SYD:(OA;;0x1;" PART(3) ";;WD)(OA;;0x1;" PART(1) ";;WD)",
         USUAL,
         {1, 1, 1, 1}},
        {"O a denial goes down",
         "O:SYD:(OD;;0x1;" PART(2) ";;WD)(A;;0x1;;;WD)",
         USUAL,
         {0, 1, 0, 0}},
        {"O and up, whatever the siblings have",
         "O:SYD:(OD;;0x1;" PART(3) ";;WD)(A;;0x1;;;WD)",
         USUAL,
         {0, 1, 0, 0}},
        {"O not over what is decided",
         "O:SYD:(A;;0x1;;;WD)(OD;;0x1;" PART(3) ";;WD)",
         USUAL,
         {1, 1, 1, 1}},
        {"O a GUID that is no part decides nothing",
         "O:SYD:(OA;;0x1;" PART(9) ";;WD)",
         USUAL,
         {0, 0, 0, 0}},
        {"O a part already denied stays so",
         "O:SYD:(OD;;0x1;" PART(3) ";;WD)(OA;;0x1;" PART(2) ";;WD)",
         USUAL,
         {0, 0, 0, 0}},
        {"O the owner has his rights on all parts",
         "O:S-1-5-21-1D:",
         USUAL,
         {0x60000, 0x60000, 0x60000, 0x60000}},
        {"9 ownership is taken of every part",
         "O:SYD:(OA;;WO;" PART(1) ";;WD)",
         USUAL,
         {0x80000, 0x80000, 0x80000, 0x80000},
         {.privileges = PRIVILEGE_TAKE_OWNERSHIP}},
        {"10 parts are restricted one by one",
         "O:SYD:(A;;0x1;;;WD)(OA;;0x1;" PART(2) ";;S-1-5-21-50)",
         USUAL,
         {0, 0, 1, 1},
         {.restricting = "S-1-5-21-50"}},
        {"11 and confined",
         "O:SYD:(A;;0x1;;;WD)(OA;;0x1;" PART(1) ";;S-1-15-2-9)",
         USUAL,
         {0, 1, 0, 0},
         {.confinement = "S-1-15-2-9"}},
    };
    static struct access_scratch scratch;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct access_subject subject = test_subject(&cases[i].who);
        struct access_request request =
            tree_request(&subject, cases[i].sd, cases[i].levels, MAXIMUM);
        uint32_t granted[NODES];
        struct access_result result = {.node_granted = granted};
        cr_assert_eq(access_check(&request, &scratch, &result), 0, "%s", cases[i].rule);
        for (uint32_t j = 0; j < request.object_type_count; j++)
            cr_expect_eq(granted[j], cases[i].granted[j], "%s: part %u has %#x", cases[i].rule, j,
                         granted[j]);
        cr_expect_eq(result.granted, cases[i].granted[0]);
    }
}

Test(access_objects, shapes)
{
    static const struct {
        const char *why;
        int levels[NODES + 1];
        int error;
    } cases[] = {
        {"a root alone", LEVELS(0), 0},
        {"down one by one, up by any number", LEVELS(0, 1, 2, 3, 1, 2), 0},
        {"no root", LEVELS(1), -EINVAL},
        {"two roots", LEVELS(0, 0), -EINVAL},
        {"a level left out", LEVELS(0, 2), -EINVAL},
        {"one left out further down", LEVELS(0, 1, 3), -EINVAL},
        {"nothing", {-1}, -EINVAL},
    };
    static struct access_scratch scratch;
    struct access_subject subject = test_subject(&(struct test_who){0});
    struct access_result result = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct access_request request = tree_request(&subject, "O:SY", cases[i].levels, 1);
        cr_expect_eq(access_check(&request, &scratch, &result), cases[i].error, "%s", cases[i].why);
    }
    struct access_request request = tree_request(&subject, "O:SY", (const int[]){0, 1, 1, -1}, 1);
    struct object_type *types = (struct object_type *)request.object_types;
    types[2].guid[0] = 1;
    cr_expect_eq(access_check(&request, &scratch, &result), -EINVAL, "a GUID twice");
}

/* One verdict for the whole, or one for each part. */
Test(access_objects, verdicts)
{
    static struct access_scratch scratch;
    struct access_subject subject =
        test_subject(&(struct test_who){.privileges = PRIVILEGE_TAKE_OWNERSHIP});
    static const int levels[] = USUAL;
    struct access_request request =
        tree_request(&subject, "O:SYD:(OA;;0x1;" PART(1) ";;WD)", levels, 1);
    uint32_t granted[NODES];
    struct access_result result = {.node_granted = granted};
    cr_assert_eq(access_check(&request, &scratch, &result), 0);
    cr_assert(!result.allowed, "a part that is refused refuses the whole");
    request.per_node = true;
    cr_assert_eq(access_check(&request, &scratch, &result), 0);
    cr_assert_eq(granted[1], 1);
    cr_assert_eq(granted[2], 0);
}
