// SOURCES: guest/kernel/security/access_audit.c guest/kernel/security/access_check.c
// guest/kernel/security/access_evaluate.c guest/kernel/security/access_rights.c
// guest/kernel/security/acl.c guest/kernel/security/central_policy.c guest/kernel/security/claim.c
// guest/kernel/security/condition.c guest/kernel/security/condition_attribute.c
// guest/kernel/security/condition_check.c guest/kernel/security/condition_operator.c
// guest/kernel/security/condition_value.c guest/kernel/security/dacl_walk.c
// guest/kernel/security/descriptor.c guest/kernel/security/descriptor_merge.c
// guest/kernel/security/identity.c guest/kernel/security/inherit.c
// guest/kernel/security/object_tree.c guest/kernel/security/sid.c
// guest/kernel/security/well_known.c guest/user/lib/sddl_format.c guest/user/lib/sddl_parse.c
// guest/user/lib/sddl_words.c guest/user/lib/sid_text.c tests/unit/access/fixture.c
/* Do new objects get what their container and their maker say, and changes only what they may? */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "access/fixture.h"
#include "kernel/security/descriptor_merge.h"
#include "kernel/security/inherit.h"
#include "vitrine/sddl.h"

#define TEXT_MAX 1000

static struct descriptor *open_text(const char *sddl)
{
    if (!sddl)
        return NULL;
    struct descriptor *descriptor = test_room(sizeof(*descriptor));
    cr_assert_eq(descriptor_open(test_descriptor(sddl), descriptor), 0, "%s", sddl);
    return descriptor;
}

static const char *to_text(const struct descriptor *parts)
{
    char *text = test_room(TEXT_MAX);
    size_t size = descriptor_size(parts);
    uint8_t *bytes = test_room(size);
    int length = descriptor_build(parts, bytes, size);
    cr_assert_gt(length, 0);
    cr_assert_geq(sddl_format(bytes, (size_t)length, text, TEXT_MAX), 0);
    return text;
}

struct birth_case {
    const char *rule;
    const char *container, *given, *fallback;
    const char *object; /* what comes out for an object */
    const char *inner;  /* ... for a container; NULL: not asked */
};

static const char *be_born(const struct birth_case *birth, bool is_container)
{
    static struct inherit_scratch scratch;
    uint8_t *bytes = test_room(2000);
    struct byte_span fallback = {0};
    if (birth->fallback)
        fallback = test_acl(birth->fallback);
    const struct inheritance inheritance = {
        .container = open_text(birth->container),
        .given = open_text(birth->given),
        .owner = test_sid("LS"),
        .group = test_sid("NS"),
        .default_dacl = fallback,
        .mapping = &test_mapping,
        .is_container = is_container,
    };
    int length = descriptor_inherit(&inheritance, &scratch, bytes, 2000);
    cr_assert_gt(length, 0, "%s: %d", birth->rule, length);
    struct descriptor made;
    cr_assert_eq(descriptor_open(test_bytes(bytes, (size_t)length), &made), 0);
    return to_text(&made);
}

Test(descriptor, inherited)
{
    static const struct birth_case cases[] = {
        {"nothing from anybody: no DACL", NULL, NULL, NULL, "O:LSG:NS", "O:LSG:NS"},
        {"the token's default", NULL, NULL, "D:(A;;0x1;;;SY)", "O:LSG:NSD:(A;;0x1;;;SY)",
         "O:LSG:NSD:(A;;0x1;;;SY)"},
        {"not if the container has heirs", "O:SYD:(A;OICI;0x2;;;BA)", NULL, "D:(A;;0x1;;;SY)",
         "O:LSG:NSD:AI(A;ID;0x2;;;BA)", "O:LSG:NSD:AI(A;OICIID;0x2;;;BA)"},
        {"what is not for heirs stays behind", "O:SYD:(A;;0x2;;;BA)", NULL, "D:(A;;0x1;;;SY)",
         "O:LSG:NSD:(A;;0x1;;;SY)", NULL},
        {"for objects only: containers pass it on", "O:SYD:(A;OI;0x2;;;BA)", NULL, NULL,
         "O:LSG:NSD:AI(A;ID;0x2;;;BA)", "O:LSG:NSD:AI(A;OIIOID;0x2;;;BA)"},
        {"for containers only", "O:SYD:(A;CI;0x2;;;BA)", NULL, NULL, "O:LSG:NS",
         "O:LSG:NSD:AI(A;CIID;0x2;;;BA)"},
        {"once only", "O:SYD:(A;OICINP;0x2;;;BA)", NULL, NULL, "O:LSG:NSD:AI(A;ID;0x2;;;BA)",
         "O:LSG:NSD:AI(A;ID;0x2;;;BA)"},
        {"for heirs only is in force on them", "O:SYD:(D;OICIIO;0x2;;;BA)", NULL, NULL,
         "O:LSG:NSD:AI(D;ID;0x2;;;BA)", "O:LSG:NSD:AI(D;OICIID;0x2;;;BA)"},
        {"placeholders become who made it", "O:SYD:(A;OI;GA;;;CO)(A;OI;GR;;;CG)", NULL, NULL,
         "O:LSG:NSD:AI(A;ID;0x1f000f;;;LS)(A;ID;0x20001;;;NS)", NULL},
        {"what the maker gives is all there is", "O:SYD:(A;OI;0x2;;;BA)", "O:BAG:BUD:(A;;GX;;;WD)",
         "D:(A;;0x1;;;SY)", "O:BAG:BUD:(A;;0x4;;;WD)", NULL},
        {"unless he wants the container's as well", "O:SYD:(A;OI;0x2;;;BA)", "D:AR(A;;0x1;;;WD)",
         NULL, "O:LSG:NSD:AI(A;;0x1;;;WD)(A;ID;0x2;;;BA)", NULL},
        {"and is not protected", "O:SYD:(A;OI;0x2;;;BA)", "D:PAR(A;;0x1;;;WD)", NULL,
         "O:LSG:NSD:P(A;;0x1;;;WD)", NULL},
        {"a descriptor without a DACL is none", "O:SYD:(A;OI;0x2;;;BA)", "O:BU", NULL,
         "O:BUG:NSD:AI(A;ID;0x2;;;BA)", NULL},
        {"an empty DACL is one", "O:SYD:(A;OI;0x2;;;BA)", "D:", NULL, "O:LSG:NSD:", NULL},
        {"SACLs likewise, without a default", "O:SYS:(AU;OISA;GR;;;WD)(ML;OI;NW;;;HI)", NULL,
         "D:(A;;0x1;;;SY)", "O:LSG:NSD:(A;;0x1;;;SY)S:AI(AU;IDSA;0x20001;;;WD)(ML;ID;NW;;;HI)",
         NULL},
        {"objects have no class",
         "O:SYD:(OA;OI;0x1;;00000001-0000-0000-0000-000000000000;BA)(A;OI;0x1;;;BU)", NULL, NULL,
         "O:LSG:NSD:AI(A;ID;0x1;;;BU)", NULL},
        {"conditions come along", "O:SYD:(XA;OI;0x1;;;BA;#61727478)", NULL, NULL,
         "O:LSG:NSD:AI(XA;ID;0x1;;;BA;#61727478)", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_str_eq(be_born(&cases[i], false), cases[i].object, "%s: %s", cases[i].rule,
                         be_born(&cases[i], false));
        if (cases[i].inner)
            cr_expect_str_eq(be_born(&cases[i], true), cases[i].inner, "%s: %s", cases[i].rule,
                             be_born(&cases[i], true));
    }
}

Test(descriptor, not_inherited)
{
    static struct inherit_scratch scratch;
    uint8_t bytes[100];
    struct descriptor *container = open_text("O:SYD:(A;OI;0x1;;;CG)");
    struct inheritance inheritance = {
        .container = container, .owner = test_sid("LS"), .mapping = &test_mapping};
    cr_expect_eq(descriptor_inherit(&inheritance, &scratch, bytes, sizeof(bytes)), -EINVAL,
                 "a placeholder for a group that is not there");
    inheritance.group = test_sid("NS");
    cr_expect_gt(descriptor_inherit(&inheritance, &scratch, bytes, sizeof(bytes)), 0);
    cr_expect_eq(descriptor_inherit(&inheritance, &scratch, bytes, 60), -E2BIG);
    struct descriptor *given = open_text("D:");
    given->control |= DESCRIPTOR_SERVER_SECURITY;
    inheritance.given = given;
    cr_expect_eq(descriptor_inherit(&inheritance, &scratch, bytes, sizeof(bytes)), -EINVAL);
    inheritance.given = NULL;
    inheritance.container = NULL;
    inheritance.default_dacl = test_bytes("\2\0\x10\0\1\0\0", 8);
    cr_expect_eq(descriptor_inherit(&inheritance, &scratch, bytes, sizeof(bytes)), -EINVAL);
}

/* Who changes it: LS, medium, member of BU (can own) and WD. */
static struct token changer(uint64_t privileges)
{
    struct token token = {.subject = test_subject(&(struct test_who){
                              .user = "LS", .groups = "BU WD", .privileges = privileges})};
    token.groups = (struct sid_attributes *)token.subject.groups.entries;
    token.groups[0].attributes |= GROUP_OWNER;
    token.privileges_present = privileges;
    return token;
}

struct change_case {
    const char *rule;
    const char *old, *fresh;
    uint32_t parts;
    const char *result;
    int error;
    uint64_t privileges;
};

Test(descriptor, merged)
{
    static const struct change_case cases[] = {
        {"one part", "O:SYG:BAD:(A;;0x1;;;WD)S:(AU;SA;0x1;;;WD)",
         "O:BUG:BUD:(A;;0x2;;;WD)S:", PART_DACL, "O:SYG:BAD:(A;;0x2;;;WD)S:(AU;SA;0x1;;;WD)", 0, 0},
        {"a group may go", "O:SYG:BA", "O:SY", PART_GROUP, "O:SY", 0, 0},
        {"an owner may not", "O:SYG:BA", "G:BU", PART_OWNER, NULL, -EINVAL, 0},
        {"oneself as owner", "O:SY", "O:LS", PART_OWNER, "O:LS", 0, 0},
        {"a group that can own", "O:SY", "O:BU", PART_OWNER, "O:BU", 0, 0},
        {"one that cannot", "O:SY", "O:WD", PART_OWNER, NULL, -EPERM, 0},
        {"somebody else", "O:SY", "O:BA", PART_OWNER, NULL, -EPERM, 0},
        {"somebody else when restoring", "O:SY", "O:BA", PART_OWNER, "O:BA", 0, PRIVILEGE_RESTORE},
        {"the DACL may go", "O:SYD:", "O:SY", PART_DACL, "O:SY", 0, 0},
        {"flags come with their list", "O:SYD:AI", "D:P", PART_DACL, "O:SYD:P", 0, 0},
        {"a label at one's level", "O:SYS:(AU;SA;0x1;;;WD)", "S:(ML;;NW;;;ME)", PART_LABEL,
         "O:SYS:(ML;;NW;;;ME)(AU;SA;0x1;;;WD)", 0, 0},
        {"above it", "O:SY", "S:(ML;;NW;;;HI)", PART_LABEL, NULL, -EPERM, 0},
        {"above it with the privilege", "O:SY", "S:(ML;;NW;;;HI)", PART_LABEL,
         "O:SYS:(ML;;NW;;;HI)", 0, PRIVILEGE_RELABEL},
        {"above it within a whole SACL", "O:SY", "S:(AU;SA;0x1;;;WD)(ML;;NW;;;HI)", PART_SACL, NULL,
         -EPERM, 0},
        {"also for heirs", "O:SY", "S:(ML;OIIO;NW;;;HI)", PART_SACL, NULL, -EPERM, 0},
        {"a label goes, the rest stays", "O:SYS:(ML;;NW;;;ME)(AU;SA;0x1;;;WD)", "O:SY", PART_LABEL,
         "O:SYS:(AU;SA;0x1;;;WD)", 0, 0},
        {"the only entry goes", "O:SYS:(ML;;NW;;;ME)", "O:SY", PART_LABEL, "O:SY", 0, 0},
        {"two labels", "O:SY", "S:(ML;;NW;;;ME)(ML;;NW;;;ME)", PART_LABEL, NULL, -EINVAL, 0},
        {"a label and more", "O:SY", "S:(ML;;NW;;;ME)(AU;SA;0x1;;;WD)", PART_LABEL, NULL, -EINVAL,
         0},
        {"a label for heirs", "O:SY", "S:(ML;IO;NW;;;ME)", PART_LABEL, NULL, -EINVAL, 0},
        {"parts that cannot go together", "O:SY", "O:SYS:", PART_SACL | PART_LABEL, NULL, -EINVAL,
         0},
        {"no parts", "O:SY", "O:SY", 0, NULL, -EINVAL, 0},
        {"unknown parts", "O:SY", "O:SY", 0x20, NULL, -EINVAL, 0},
    };
    static struct merge_scratch scratch;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct change_case *change = &cases[i];
        struct token token = changer(change->privileges);
        struct descriptor result;
        int error =
            descriptor_merge(open_text(change->old), open_text(change->fresh), change->parts,
                             &token, change->privileges != 0, &scratch, &result);
        cr_expect_eq(error, change->error, "%s: %d", change->rule, error);
        if (!error && change->result)
            cr_expect_str_eq(to_text(&result), change->result, "%s: %s", change->rule,
                             to_text(&result));
    }
}

/* Name 'a', one INT64; the flag 0x20 makes it mandatory. */
#define NUMBER(flags, value)                                                                       \
    "(RA;;;;;WD;#1400000001000000" flags "000000010000001800000061000000" value "00000000000000)"
#define MANDATORY "20"
#define PLAIN     "00"

Test(descriptor, mandatory_attributes)
{
    static const struct {
        const char *rule, *old, *fresh;
        uint64_t privileges;
        int error;
    } cases[] = {
        {"kept", "O:SYS:" NUMBER(MANDATORY, "01"), "S:" NUMBER(MANDATORY, "01"), 0, 0},
        {"taken out", "O:SYS:" NUMBER(MANDATORY, "01"), "S:", 0, -EPERM},
        {"the whole SACL taken out", "O:SYS:" NUMBER(MANDATORY, "01"), "O:SY", 0, -EPERM},
        {"changed", "O:SYS:" NUMBER(MANDATORY, "01"), "S:" NUMBER(MANDATORY, "02"), 0, -EPERM},
        {"made optional", "O:SYS:" NUMBER(MANDATORY, "01"), "S:" NUMBER(PLAIN, "01"), 0, -EPERM},
        {"hidden behind another", "O:SYS:" NUMBER(MANDATORY, "01"),
         "S:" NUMBER(PLAIN, "02") NUMBER(MANDATORY, "01"), 0, -EPERM},
        {"with another behind it", "O:SYS:" NUMBER(MANDATORY, "01"),
         "S:" NUMBER(MANDATORY, "01") NUMBER(PLAIN, "02"), 0, 0},
        {"changed by who may", "O:SYS:" NUMBER(MANDATORY, "01"), "S:", PRIVILEGE_BIT(SE_TCB), 0},
        {"an optional one", "O:SYS:" NUMBER(PLAIN, "01"), "S:", 0, 0},
    };
    static struct merge_scratch scratch;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct token token = changer(cases[i].privileges);
        struct descriptor result;
        cr_expect_eq(descriptor_merge(open_text(cases[i].old), open_text(cases[i].fresh), PART_SACL,
                                      &token, false, &scratch, &result),
                     cases[i].error, "%s", cases[i].rule);
    }
}

Test(descriptor, selected)
{
    static const struct {
        uint32_t parts;
        const char *result;
        uint32_t read, write;
    } cases[] = {
        {PART_OWNER, "O:SY", ACCESS_READ_CONTROL, ACCESS_WRITE_OWNER},
        {PART_GROUP, "G:BA", ACCESS_READ_CONTROL, ACCESS_WRITE_OWNER},
        {PART_DACL, "D:P(A;;0x1;;;WD)", ACCESS_READ_CONTROL, ACCESS_WRITE_DAC},
        {PART_SACL, "S:AI(AU;SA;0x1;;;WD)(ML;IO;NW;;;LW)(ML;;NW;;;ME)", ACCESS_SYSTEM_SECURITY,
         ACCESS_SYSTEM_SECURITY},
        {PART_LABEL, "S:(ML;;NW;;;ME)", ACCESS_READ_CONTROL, ACCESS_WRITE_OWNER},
        {PART_OWNER | PART_DACL, "O:SYD:P(A;;0x1;;;WD)", ACCESS_READ_CONTROL,
         ACCESS_WRITE_OWNER | ACCESS_WRITE_DAC},
    };
    static struct merge_scratch scratch;
    struct descriptor *whole =
        open_text("O:SYG:BAD:P(A;;0x1;;;WD)S:AI(AU;SA;0x1;;;WD)(ML;IO;NW;;;LW)(ML;;NW;;;ME)");
    struct descriptor result;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(descriptor_select(whole, cases[i].parts, &scratch, &result), 0);
        cr_expect_str_eq(to_text(&result), cases[i].result);
        cr_expect_eq(descriptor_read_rights(cases[i].parts), cases[i].read);
        cr_expect_eq(descriptor_write_rights(cases[i].parts), cases[i].write);
    }
    cr_expect_eq(descriptor_select(whole, 0, &scratch, &result), -EINVAL);
    cr_expect_eq(descriptor_read_rights(PART_SACL | PART_LABEL), 0);
    cr_assert_eq(descriptor_select(open_text("O:SY"), PART_LABEL, &scratch, &result), 0);
    cr_expect_str_eq(to_text(&result), "", "no label is no SACL");
}
