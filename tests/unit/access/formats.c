/* Is every structure that comes from outside looked at in all its lengths and counts? */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "condition_text.h"
#include "kernel/security/bytes.h"
#include "kernel/security/claim.h"
#include "kernel/security/descriptor.h"
#include "kernel/security/sid.h"
#include "kernel/security/well_known.h"

Test(formats, sids)
{
    static const uint8_t good[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};
    uint8_t bytes[SID_BYTES_MAX] = {1, 16};
    for (size_t length = 0; length < sizeof(good); length++)
        cr_expect(!sid_at(test_bytes(good, length).data, length), "%zu bytes are too few", length);
    cr_assert(sid_at(good, sizeof(good)));
    cr_expect(sid_equal(sid_at(good, sizeof(good)), sid_well_known(SID_ADMINISTRATORS)));
    cr_expect(!sid_equal(sid_at(good, sizeof(good)), sid_well_known(SID_USERS)));
    cr_expect(!sid_at(bytes, sizeof(bytes)), "sixteen sub-authorities");
    bytes[1] = 15;
    cr_expect(sid_at(bytes, sizeof(bytes)));
    bytes[0] = 2;
    cr_expect(!sid_at(bytes, sizeof(bytes)), "another revision");
    struct sid_buffer buffer;
    const struct sid *logon = sid_make_logon(&buffer, 0x500000006ull);
    cr_expect(sid_equal(logon, test_sid("S-1-5-5-5-6")));
}

Test(formats, well_known)
{
    static const char *const text[SID_WELL_KNOWN_COUNT] = {
        [SID_NOBODY] = "S-1-0-0",
        [SID_EVERYONE] = "WD",
        [SID_LOCAL] = "S-1-2-0",
        [SID_CREATOR_OWNER] = "CO",
        [SID_CREATOR_GROUP] = "CG",
        [SID_OWNER_RIGHTS] = "OW",
        [SID_NETWORK] = "NU",
        [SID_INTERACTIVE] = "IU",
        [SID_SERVICE] = "SU",
        [SID_ANONYMOUS] = "AN",
        [SID_PRINCIPAL_SELF] = "PS",
        [SID_AUTHENTICATED_USERS] = "AU",
        [SID_SYSTEM] = "SY",
        [SID_LOCAL_SERVICE] = "LS",
        [SID_NETWORK_SERVICE] = "NS",
        [SID_ADMINISTRATORS] = "BA",
        [SID_USERS] = "BU",
        [SID_GUESTS] = "BG",
        [SID_BACKUP_OPERATORS] = "BO",
        [SID_ALL_PACKAGES] = "S-1-15-2-1",
        [SID_RESTRICTED_PACKAGES] = "S-1-15-2-2",
    };
    for (unsigned i = 0; i < SID_WELL_KNOWN_COUNT; i++)
        cr_expect(sid_equal(sid_well_known((enum well_known_sid)i), test_sid(text[i])), "%s",
                  text[i]);
}

#define EVERYTHING                                                                                 \
    "O:SYG:BAD:(A;;0x1;;;WD)(OA;;0x1;00000001-0000-0000-0000-000000000000;"                        \
    "00000002-0000-0000-0000-000000000000;AU)(XA;;0x1;;;BA;#6172747800)"                           \
    "S:(ML;;NW;;;ME)(SP;;;;;S-1-17-1)"

/* Whatever single byte is changed or left out: refused, or read within its bounds. */
Test(formats, descriptors_with_one_wrong_byte)
{
    struct byte_span good = test_descriptor(EVERYTHING);
    struct access_subject subject = test_subject(&(struct test_who){0});
    struct descriptor descriptor;
    struct access_result result = {0};
    cr_assert_eq(descriptor_open(good, &descriptor), 0);
    cr_assert_eq(descriptor.dacl.count, 3);
    for (uint32_t length = 0; length < good.length; length++)
        cr_expect_eq(descriptor_open(test_bytes(good.data, length), &descriptor), -EINVAL);
    struct byte_span changed = test_bytes(good.data, good.length);
    struct access_request request = test_request(&subject, changed, MAXIMUM);
    for (uint32_t at = 0; at < good.length; at++)
        for (unsigned value = 0; value < 256; value++) {
            uint8_t *byte = (uint8_t *)changed.data + at;
            *byte = (uint8_t)value;
            int error = access_check(&request, NULL, &result);
            cr_assert(error == 0 || error == -EINVAL, "byte %u is %u", at, value);
            *byte = good.data[at];
        }
}

static int open_with(const char *sddl, unsigned at, uint32_t value, unsigned width)
{
    struct byte_span bytes = test_descriptor(sddl);
    struct descriptor descriptor;
    memcpy((uint8_t *)bytes.data + at, &value, width);
    return descriptor_open(bytes, &descriptor);
}

Test(formats, descriptors)
{
    const char *plain = "O:SYD:(A;;0x1;;;WD)";
    cr_expect_eq(open_with(plain, 0, 1, 1), 0);
    cr_expect_eq(open_with(plain, 0, 2, 1), -EINVAL, "revision");
    cr_expect_eq(open_with(plain, 2, 0x0004, 2), -EINVAL, "not self-relative");
    cr_expect_eq(open_with(plain, 2, 0x8000, 2), -EINVAL, "a DACL that the flag denies");
    cr_expect_eq(open_with(plain, 16, 0, 4), -EINVAL, "a flag without its DACL");
    cr_expect_eq(open_with(plain, 2, 0x8014, 2), -EINVAL, "a flag without its SACL");
    cr_expect_eq(open_with(plain, 4, 4, 4), -EINVAL, "an owner in the header");
    cr_expect_eq(open_with(plain, 4, 0xfffffff0, 4), -EINVAL, "an owner far away");
    cr_expect_eq(open_with(plain, 4, 0, 4), 0, "no owner is well-formed");
    cr_expect_eq(open_with("O:SYD:(A;;0x1;;;WD)", 1, 0xaa, 1), 0, "the reserved byte");
}

/* What was built is what is read. */
Test(formats, built)
{
    uint8_t list[200], bytes[300];
    static const uint8_t guid[GUID_BYTES] = {1, 2, 3};
    struct acl_builder builder;
    acl_begin(&builder, list, sizeof(list));
    cr_assert_eq(acl_add_simple(&builder, ACE_ALLOWED, 1, sid_well_known(SID_SYSTEM)), 0);
    const struct ace model = {
        .type = ACE_DENIED_CALLBACK_OBJECT,
        .flags = ACE_FLAG_INHERITED,
        .mask = 2,
        .sid = sid_well_known(SID_EVERYONE),
        .inherited_object_type = guid,
        .data = {(const uint8_t *)"artx!", 5},
    };
    cr_assert_eq(acl_add(&builder, &model), 0);
    cr_expect_eq(acl_add(&builder, &(struct ace){.type = 4, .sid = model.sid}), -EINVAL);
    builder.room = builder.length + 8;
    cr_expect_eq(acl_add(&builder, &model), -E2BIG);
    struct descriptor parts = {.owner = sid_well_known(SID_SYSTEM), .control = 0x1000};
    parts.dacl = (struct acl){list, acl_end(&builder), 2};
    int length = descriptor_build(&parts, bytes, sizeof(bytes));
    cr_assert_eq((size_t)length, descriptor_size(&parts));
    cr_expect_eq(descriptor_build(&parts, bytes, (size_t)length - 1), -E2BIG);
    struct descriptor read;
    cr_assert_eq(descriptor_open((struct byte_span){bytes, (uint32_t)length}, &read), 0);
    cr_expect_eq(read.control, 0x9004);
    cr_expect(sid_equal(read.owner, parts.owner));
    cr_expect_null(read.group);
    cr_expect_null(read.sacl.bytes);
    cr_expect_eq(read.dacl.bytes[0], ACL_REVISION_DS);
    struct acl_cursor cursor = {0};
    struct ace ace;
    cr_assert(acl_next(&read.dacl, &cursor, &ace));
    cr_expect_eq(ace.mask, 1);
    cr_assert(acl_next(&read.dacl, &cursor, &ace));
    cr_expect_eq(ace.mask, 2);
    cr_expect_null(ace.object_type);
    cr_expect_arr_eq(ace.inherited_object_type, guid, GUID_BYTES);
    cr_expect_eq(ace.data.length, 8, "padded to four");
    cr_expect(!acl_next(&read.dacl, &cursor, &ace));
}

/* Unknown entries are passed over; their length still counts. */
Test(formats, unknown_entries)
{
    uint8_t list[] = {2, 0, 32, 0, 2, 0, 0, 0, 0x55, 0, 4, 0, 0, 0, 20, 0,
                      1, 0, 0,  0, 1, 1, 0, 0, 0,    0, 0, 1, 0, 0, 0,  0};
    struct acl acl;
    cr_assert_eq(acl_open(list, sizeof(list), &acl), 0);
    list[10] = 5;
    cr_expect_eq(acl_open(list, sizeof(list), &acl), -EINVAL, "not a multiple of four");
    list[10] = 0;
    cr_expect_eq(acl_open(list, sizeof(list), &acl), -EINVAL, "an entry without an end");
    list[10] = 4;
    list[4] = 1;
    cr_expect_eq(acl_open(list, sizeof(list), &acl), -EINVAL, "bytes left over");
    list[4] = 3;
    cr_expect_eq(acl_open(list, sizeof(list), &acl), -EINVAL, "an entry too few");
    list[4] = 2;
    cr_expect_eq(acl_open(list, sizeof(list) - 1, &acl), -EINVAL, "longer than there is room");
}

Test(formats, claims)
{
    struct claim_text text = claims_begin();
    claims_string(&text, "a", 0, "value");
    struct byte_span array = claims_end(&text);
    cr_assert(claim_array_check(array));
    for (uint32_t length = 1; length < array.length; length++)
        cr_expect(!claim_array_check(test_bytes(array.data, length)));
    for (uint32_t at = 0; at < array.length; at++)
        for (unsigned value = 0; value < 256; value += 5) {
            struct byte_span changed = test_bytes(array.data, array.length);
            ((uint8_t *)changed.data)[at] = (uint8_t)value;
            struct claim claim;
            struct byte_span entry, string;
            uint32_t offset = 0;
            bool good = claim_array_check(changed);
            if (claim_array_next(changed, &offset, &entry) && claim_open(entry, &claim))
                for (uint32_t i = 0; i < claim.count; i++)
                    cr_assert(claim_value(&claim, i, &string) || !good, "what is good is read");
        }
    cr_expect(claim_array_check((struct byte_span){0}));
}
