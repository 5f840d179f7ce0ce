#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vitrine/sddl.h"

const struct generic_mapping test_mapping = {TEST_READ, TEST_WRITE, TEST_EXECUTE, TEST_ALL};

/* Everything that was given out, so that none of it counts as leaked. */
static struct room {
    struct room *next;
    uint8_t bytes[];
} * rooms;

void *test_room(size_t bytes)
{
    struct room *room = calloc(1, sizeof(*room) + bytes);
    room->next = rooms;
    rooms = room;
    return room->bytes;
}

void test_forget(void)
{
    while (rooms) {
        struct room *next = rooms->next;
        free(rooms);
        rooms = next;
    }
}

struct byte_span test_bytes(const void *bytes, size_t length)
{
    uint8_t *copy = test_room(length);
    if (length)
        memcpy(copy, bytes, length);
    return (struct byte_span){copy, (uint32_t)length};
}

const struct sid *test_sid(const char *text)
{
    uint8_t bytes[SDDL_SID_BYTES_MAX];
    int length = sid_parse(text, bytes, NULL);
    cr_assert_gt(length, 0, "%s is no SID", text);
    return (const struct sid *)test_bytes(bytes, (size_t)length).data;
}

struct sid_list test_sids(const char *text)
{
    struct sid_attributes *entries = test_room(64 * sizeof(*entries));
    struct sid_list list = {entries, 0};
    char copy[2000], *rest;
    snprintf(copy, sizeof(copy), "%s", text ? text : "");
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char last = word[strlen(word) - 1];
        entries[list.count].attributes = last == '!'   ? GROUP_USE_FOR_DENY_ONLY
                                         : last == '~' ? 0
                                                       : GROUP_ENABLED;
        entries[list.count++].sid = test_sid(word);
    }
    return list;
}

struct byte_span test_descriptor(const char *sddl)
{
    uint8_t *bytes = malloc(SDDL_DESCRIPTOR_BYTES_MAX);
    size_t at;
    int length = sddl_parse(sddl, bytes, SDDL_DESCRIPTOR_BYTES_MAX, &at);
    cr_assert_gt(length, 0, "%s is not understood from %s", sddl, sddl + at);
    struct byte_span span = test_bytes(bytes, (size_t)length);
    free(bytes);
    return span;
}

struct byte_span test_acl(const char *sddl)
{
    struct byte_span whole = test_descriptor(sddl);
    return test_bytes(whole.data + 20, whole.length - 20);
}

struct access_subject test_subject(const struct test_who *who)
{
    return (struct access_subject){
        .type = who->identification ? TOKEN_IMPERSONATION : TOKEN_PRIMARY,
        .level = who->identification ? LEVEL_IDENTIFICATION : LEVEL_ANONYMOUS,
        .integrity = who->integrity == 1 ? 0
                     : who->integrity    ? who->integrity
                                         : INTEGRITY_MEDIUM,
        .mandatory_policy = who->no_mandatory_policy ? 0 : TOKEN_POLICY_NO_WRITE_UP,
        .audit_policy = who->audit_policy,
        .privileges = who->privileges,
        .user = test_sid(who->user ? who->user : "S-1-5-21-1"),
        .groups = test_sids(who->groups ? who->groups : "WD AU BU"),
        .restricting = test_sids(who->restricting),
        .device_groups = test_sids(who->device_groups),
        .restricted_device_groups = test_sids(who->restricted_device_groups),
        .confinement = who->confinement ? test_sid(who->confinement) : NULL,
        .capabilities = test_sids(who->capabilities),
        .user_claims = who->user_claims,
        .device_claims = who->device_claims,
        .user_deny_only = who->user_deny_only,
        .write_restricted = who->write_restricted,
        .confinement_exempt = who->confinement_exempt,
    };
}

struct access_request test_request(const struct access_subject *subject, struct byte_span sd,
                                   uint32_t desired)
{
    return (struct access_request){
        .subject = subject,
        .descriptor = sd,
        .desired = desired,
        .mapping = test_mapping,
    };
}

void test_cases(const struct test_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct test_case *test = &cases[i];
        struct access_subject subject = test_subject(&test->who);
        struct access_request request =
            test_request(&subject, test_descriptor(test->sd), test->desired);
        request.intent = test->intent;
        request.pip_type = test->pip_type;
        request.pip_trust = test->pip_trust;
        request.self = test->self ? test_sid(test->self) : NULL;
        struct access_result result = {0};
        int error = access_check(&request, NULL, &result);
        cr_expect_eq(error, test->error, "%s: error %d", test->rule, error);
        cr_expect_eq(result.granted, test->granted, "%s: granted %#x", test->rule, result.granted);
        bool allowed = !test->error && !test->refused;
        cr_expect_eq(result.allowed, allowed, "%s: allowed %d", test->rule, result.allowed);
    }
}
