// SOURCES: guest/kernel/security/access_check.c guest/kernel/security/access_audit.c
// guest/kernel/security/access_evaluate.c guest/kernel/security/access_rights.c
// guest/kernel/security/acl.c guest/kernel/security/central_policy.c guest/kernel/security/claim.c
// guest/kernel/security/condition.c guest/kernel/security/condition_attribute.c
// guest/kernel/security/condition_check.c guest/kernel/security/condition_operator.c
// guest/kernel/security/condition_value.c guest/kernel/security/dacl_walk.c
// guest/kernel/security/descriptor.c guest/kernel/security/identity.c
// guest/kernel/security/object_tree.c guest/kernel/security/sid.c guest/kernel/security/token.c
// guest/kernel/security/token_query.c guest/kernel/security/token_spec.c
// guest/kernel/security/well_known.c guest/user/lib/sddl_format.c guest/user/lib/sddl_parse.c
// guest/user/lib/sddl_words.c guest/user/lib/sid_text.c
/*
 * Whatever descriptor, condition, claims and central rule somebody wrote: a decision reads nothing
 * beyond them, ends, and keeps what must hold; and what a descriptor is as text is read back as the
 * same descriptor.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/security/access_check.h"
#include "kernel/security/bytes.h"
#include "kernel/security/central_policy.h"
#include "kernel/security/claim.h"
#include "kernel/security/condition.h"
#include "kernel/security/descriptor.h"
#include "kernel/security/sid.h"
#include "kernel/security/token_query.h"
#include "kernel/security/token_spec.h"
#include "kernel/security/well_known.h"
#include "vitrine/sddl.h"

#define TEXT_MAX 300000

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* The first byte chooses the caller; a 16-bit length, each, leads the parts. */
struct input {
    const uint8_t *data;
    size_t size;
};

/* A copy of exactly its size: one byte too far and the sanitizer says so. */
static struct byte_span take(struct input *input)
{
    uint32_t length = 0;
    if (input->size >= 2) {
        length = load16(input->data);
        input->data += 2;
        input->size -= 2;
    }
    if (length > input->size)
        length = (uint32_t)input->size;
    uint8_t *copy = malloc(length ? length : 1);
    if (length)
        memcpy(copy, input->data, length);
    input->data += length;
    input->size -= length;
    return (struct byte_span){copy, length};
}

/*
 * Half of the inputs are lists of entries that are well-formed but for their data, since chance
 * makes few of those: four bytes each for type, flags, SID and mask.
 */
static struct byte_span build(struct byte_span plan, struct byte_span condition)
{
    static uint8_t list[60000];
    static const uint8_t guids[4][GUID_BYTES] = {{0}, {1}, {2}, {3}};
    struct acl_builder builder;
    acl_begin(&builder, list, sizeof(list));
    for (uint32_t at = 0; at + 4 <= plan.length; at += 4) {
        const uint8_t *byte = plan.data + at;
        const struct ace model = {
            .type = byte[0] % (ACE_TRUST_LABEL + 1),
            .flags = byte[1] & 0xc8,
            .mask = byte[3] | (byte[1] & 1 ? ACCESS_GENERIC_ALL : 0),
            .sid = sid_well_known((enum well_known_sid)(byte[2] % SID_WELL_KNOWN_COUNT)),
            .object_type = byte[1] & 2 ? guids[byte[3] % 4] : NULL,
            .data = condition,
        };
        (void)acl_add(&builder, &model);
    }
    struct descriptor parts = {.owner = sid_well_known(SID_ADMINISTRATORS)};
    parts.dacl = (struct acl){list, acl_end(&builder), 0};
    if (plan.length % 2)
        parts.sacl = parts.dacl;
    size_t size = descriptor_size(&parts);
    uint8_t *bytes = malloc(size);
    require(size > DESCRIPTOR_BYTES_MAX || descriptor_build(&parts, bytes, size) > 0);
    return (struct byte_span){bytes, (uint32_t)(size > DESCRIPTOR_BYTES_MAX ? 0 : size)};
}

static void give_back(struct byte_span span)
{
    free((void *)span.data);
}

static uint32_t check(const struct access_request *request)
{
    static struct access_scratch scratch;
    uint32_t nodes[4] = {0};
    struct access_result result = {.node_granted = nodes};
    int error = access_check(request, &scratch, &result);
    require(!error || (!result.granted && !result.allowed && !nodes[3]));
    require(error || result.allowed == !(result.desired & ~result.granted));
    if (!error && request->object_types)
        for (unsigned i = 0; i < 4; i++)
            require(!(nodes[0] & ~nodes[i]));
    return result.granted;
}

/* More is asked of the same request in other ways. */
static void check_all(struct access_request *request, struct access_subject *subject)
{
    static const struct object_type types[] = {{0, {0}}, {1, {1}}, {1, {2}}, {2, {3}}};
    uint32_t most = check(request);
    request->object_types = types;
    request->object_type_count = 4;
    check(request);
    request->object_types = NULL;
    request->desired = ACCESS_GENERIC_READ | ACCESS_WRITE_DAC;
    uint32_t some = check(request);
    require(!(some & ~most));
    request->desired = ACCESS_MAXIMUM_ALLOWED;
    subject->confinement = sid_well_known(SID_ALL_PACKAGES);
    uint32_t confined = check(request);
    require(!(confined & ~most));
}

/* Text and back: the same text again, and no memory beyond. */
static void check_text(struct byte_span descriptor)
{
    static char text[TEXT_MAX], again[TEXT_MAX];
    static uint8_t bytes[SDDL_DESCRIPTOR_BYTES_MAX];
    if (sddl_format(descriptor.data, descriptor.length, text, sizeof(text)) < 0)
        return;
    size_t at;
    int length = sddl_parse(text, bytes, sizeof(bytes), &at);
    if (length < 0)
        return; /* flags without a word, parts that overlapped */
    require(sddl_format(bytes, (size_t)length, again, sizeof(again)) >= 0);
    require(!strcmp(text, again));
    struct descriptor parts;
    require(!descriptor_open((struct byte_span){bytes, (uint32_t)length}, &parts));
}

/* A token that is made of anything is one that may be, and can be asked. */
static void check_specification(struct byte_span spec)
{
    struct token token;
    struct sid_buffer logon;
    uint8_t bytes[100];
    int entries = token_spec_entries(spec);
    if (entries < 0)
        return;
    struct sid_attributes *room = calloc((size_t)entries, sizeof(*room));
    if (!token_spec_read(spec, room, &logon, &token)) {
        require(!token_check(&token));
        for (uint32_t class = 0; class < 26; class ++)
            require(token_query(&token, class, 2, bytes, sizeof(bytes)) != 0 || class > 14);
    }
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct input input = {data + 1, size - 1};
    struct byte_span descriptor = take(&input), condition = take(&input), claims = take(&input);
    struct byte_span list = take(&input), text = take(&input);
    if (data[0] & 0x80) {
        struct byte_span plan = descriptor;
        descriptor = build(plan, condition);
        give_back(plan);
    }
    const struct sid_attributes groups[] = {
        {sid_well_known(SID_EVERYONE), GROUP_ENABLED},
        {sid_well_known(SID_ADMINISTRATORS), data[0] & 1 ? GROUP_ENABLED : GROUP_USE_FOR_DENY_ONLY},
    };
    struct access_subject subject = {
        .type = TOKEN_PRIMARY,
        .integrity = data[0] & 2 ? INTEGRITY_LOW : INTEGRITY_HIGH,
        .mandatory_policy = TOKEN_POLICY_NO_WRITE_UP,
        .privileges = data[0] & 4 ? ~0ull : 0,
        .user = sid_well_known(SID_SYSTEM),
        .groups = {groups, 2},
        .restricting = {groups, data[0] & 8 ? 1 : 0},
        .user_claims = claims,
        .device_claims = claims,
    };
    const struct central_rule rule = {
        .applies_to = condition, .dacl = list, .sacl = list, .staged_sacl = text};
    const struct central_policy policy = {sid_well_known(SID_EVERYONE), &rule, 1};
    struct access_request request = {
        .subject = &subject,
        .descriptor = descriptor,
        .desired = ACCESS_MAXIMUM_ALLOWED,
        .mapping = {0x20001, 2, 4, 0x1f000f},
        .intent = data[0] >> 4 & 3,
        .self = groups[1].sid,
        .policies = &policy,
        .policy_count = 1,
    };
    check_all(&request, &subject);
    subject.confinement = NULL;
    request.local_claims = claims;
    check_all(&request, &subject);
    central_policy_check(&policy);
    check_text(descriptor);
    check_specification(text);
    give_back(descriptor);
    give_back(condition);
    give_back(claims);
    give_back(list);
    give_back(text);
    return 0;
}
