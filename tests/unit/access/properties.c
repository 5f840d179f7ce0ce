/* What must hold between decisions, whatever the descriptor and the token? */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define ROUNDS    4000
#define TEXT_MAX  4000
#define PARTS_MAX 6

static const char *const people[] = {"WD", "AU", "BA",         "BU",         "SY",        "OW",
                                     "PS", "IU", "S-1-5-21-1", "S-1-5-21-2", "S-1-15-2-9"};
#define PEOPLE (sizeof(people) / sizeof(people[0]))

static unsigned seed;
static unsigned below(unsigned limit)
{
    return (unsigned)rand_r(&seed) % limit;
}

static const char *someone(void)
{
    return people[below(PEOPLE)];
}

static char *one_entry(char *at, bool denials, const char *only_type)
{
    static const char *const flags[] = {"", "", "", "IO"};
    const char *type = only_type ? only_type : denials && below(3) == 0 ? "D" : "A";
    bool object = below(4) == 0;
    at += sprintf(at, "(%s%s;%s;0x%x;", object ? "O" : "", type, flags[below(4)],
                  below(16) | (below(4) ? 0 : (below(32) << 16)));
    if (object && below(4))
        at += sprintf(at, "0000000%u-0000-0000-0000-000000000000", below(PARTS_MAX));
    return at + sprintf(at, ";;%s)", someone());
}

/* The text, and where one entry more could go. */
struct made {
    char text[TEXT_MAX];
    size_t gap;
};

static struct made make_descriptor(bool denials)
{
    static const char *const labels[] = {"", "S:(ML;;NW;;;HI)", "S:(ML;;NRNW;;;LW)",
                                         "S:(TL;;0x20001;;;S-1-19-512-1024)"};
    struct made made;
    char *at = made.text + sprintf(made.text, "O:%sG:BUD:", someone());
    unsigned count = below(7), gap = below(count + 1);
    made.gap = (size_t)(at - made.text);
    for (unsigned i = 0; i < count; i++) {
        if (i == gap)
            made.gap = (size_t)(at - made.text);
        at = one_entry(at, denials, NULL);
    }
    strcpy(at, labels[below(4)]);
    return made;
}

struct made_who {
    struct test_who who;
    char groups[200], restricting[200];
};

static void make_list(char *at, bool states)
{
    static const char *const state[] = {"", "", "", "!", "~"};
    *at = 0;
    for (unsigned i = below(5); i; i--)
        at += sprintf(at, "%s%s ", someone(), states ? state[below(5)] : "");
}

static void make_who(struct made_who *made)
{
    static const uint32_t levels[] = {1, INTEGRITY_LOW, INTEGRITY_MEDIUM, INTEGRITY_HIGH};
    static const uint64_t privileges[] = {0, 0, PRIVILEGE_SECURITY, PRIVILEGE_TAKE_OWNERSHIP,
                                          PRIVILEGE_BACKUP | PRIVILEGE_RELABEL};
    make_list(made->groups, true);
    make_list(made->restricting, false);
    made->who = (struct test_who){
        .user = below(4) ? "S-1-5-21-1" : someone(),
        .groups = made->groups,
        .restricting = below(3) ? NULL : made->restricting,
        .confinement = below(4) ? NULL : "S-1-15-2-9",
        .capabilities = below(2) ? "WD" : NULL,
        .privileges = privileges[below(5)],
        .integrity = levels[below(4)],
        .user_deny_only = below(6) == 0,
        .write_restricted = below(3) == 0,
    };
}

/* Rights of the object and its parts, for the parts 0, 1, 2, 3 of levels 0, 1, 1, 2. */
struct outcome {
    uint32_t granted, parts[4];
    bool allowed;
};

static struct outcome decide(const char *sd, const struct test_who *who, uint32_t desired,
                             bool tree)
{
    static const struct object_type types[] = {{0, {0}}, {1, {1}}, {1, {2}}, {2, {3}}};
    static struct access_scratch scratch;
    struct outcome outcome;
    struct access_subject subject = test_subject(who);
    struct access_request request = test_request(&subject, test_descriptor(sd), desired);
    struct access_result result = {.node_granted = outcome.parts};
    request.self = test_sid("S-1-5-21-1");
    request.intent = ACCESS_INTENT_BACKUP;
    memset(outcome.parts, 0, sizeof(outcome.parts));
    if (tree) {
        request.object_types = types;
        request.object_type_count = 4;
    }
    cr_assert_eq(access_check(&request, &scratch, &result), 0, "%s", sd);
    outcome.granted = result.granted;
    outcome.allowed = result.allowed;
    test_forget();
    return outcome;
}

static bool within(uint32_t part, uint32_t whole)
{
    return !(part & ~whole);
}

static bool outcome_within(const struct outcome *less, const struct outcome *more)
{
    bool good = within(less->granted, more->granted);
    for (unsigned i = 0; i < 4; i++)
        good = good && within(less->parts[i], more->parts[i]);
    return good;
}

/* One denial more, anywhere, never grants anything. */
Test(access_properties, denials_only_take)
{
    for (unsigned round = 1; round < ROUNDS; round++) {
        seed = round;
        struct made made = make_descriptor(true), denied;
        struct made_who who;
        make_who(&who);
        bool tree = below(2);
        memcpy(denied.text, made.text, made.gap);
        strcpy(one_entry(denied.text + made.gap, true, "D"), made.text + made.gap);
        struct outcome before = decide(made.text, &who.who, MAXIMUM, tree);
        struct outcome after = decide(denied.text, &who.who, MAXIMUM, tree);
        cr_assert(outcome_within(&after, &before), "%s, then %s", made.text, denied.text);
    }
}

/*
 * Where nothing denies, who belongs to fewer groups gets no more. But who may take ownership keeps
 * that right through a restriction only if it did not come from the list already: not here.
 */
Test(access_properties, fewer_groups_get_no_more)
{
    for (unsigned round = 1; round < ROUNDS; round++) {
        seed = round;
        struct made made = make_descriptor(false);
        struct made_who who;
        make_who(&who);
        bool tree = below(2);
        if (who.who.privileges & PRIVILEGE_TAKE_OWNERSHIP)
            who.who.restricting = NULL;
        struct outcome before = decide(made.text, &who.who, MAXIMUM, tree);
        char *second = strchr(who.groups, ' ');
        if (!second)
            continue;
        who.who.groups = second + 1;
        struct outcome after = decide(made.text, &who.who, MAXIMUM, tree);
        cr_assert(outcome_within(&after, &before), "%s without %s", made.text, who.groups);
    }
}

/* Restricted, confined, below: each gets a part of what the same token without that gets. */
Test(access_properties, less_is_less)
{
    for (unsigned round = 1; round < ROUNDS; round++) {
        seed = round;
        struct made made = make_descriptor(true);
        struct made_who who;
        make_who(&who);
        bool tree = below(2);
        who.who.restricting = "WD AU";
        who.who.confinement = "S-1-15-2-9";
        struct outcome least = decide(made.text, &who.who, MAXIMUM, tree);
        struct test_who more = who.who;
        more.confinement = NULL;
        struct outcome unconfined = decide(made.text, &more, MAXIMUM, tree);
        cr_assert(outcome_within(&least, &unconfined), "confined: %s", made.text);
        more.restricting = NULL;
        struct outcome free = decide(made.text, &more, MAXIMUM, tree);
        cr_assert(outcome_within(&unconfined, &free), "restricted: %s", made.text);
        more.integrity = INTEGRITY_SYSTEM;
        struct outcome high = decide(made.text, &more, MAXIMUM, tree);
        cr_assert(outcome_within(&free, &high), "below a label: %s", made.text);
    }
}

/* The maximum is what one gets by asking for every right by itself. */
Test(access_properties, maximum_is_the_sum)
{
    for (unsigned round = 1; round < ROUNDS / 8; round++) {
        seed = round;
        struct made made = make_descriptor(true);
        struct made_who who;
        make_who(&who);
        bool tree = below(2);
        struct outcome most = decide(made.text, &who.who, MAXIMUM, tree);
        for (unsigned bit = 0; bit <= 24; bit += bit == 20 ? 4 : 1) {
            struct outcome one = decide(made.text, &who.who, 1u << bit, tree);
            cr_assert_eq(one.granted, most.granted & 1u << bit, "%s: bit %u", made.text, bit);
            cr_assert_eq(one.allowed, one.granted != 0);
        }
    }
}

/* The object has what all its parts have, never more; so has each part that has parts. */
Test(access_properties, wholes_are_within_their_parts)
{
    for (unsigned round = 1; round < ROUNDS; round++) {
        seed = round;
        struct made made = make_descriptor(true);
        struct made_who who;
        make_who(&who);
        struct outcome outcome = decide(made.text, &who.who, MAXIMUM, true);
        cr_assert_eq(outcome.granted, outcome.parts[0]);
        cr_assert(within(outcome.parts[0], outcome.parts[1]), "%s", made.text);
        cr_assert(within(outcome.parts[0], outcome.parts[2]), "%s", made.text);
        cr_assert(within(outcome.parts[2], outcome.parts[3]), "%s", made.text);
    }
}
