// SOURCES: guest/kernel/security/acl.c guest/kernel/security/descriptor.c
// guest/kernel/security/sid.c guest/user/lib/sddl_format.c guest/user/lib/sddl_parse.c
// guest/user/lib/sddl_words.c guest/user/lib/sid_text.c
/* Do SIDs and descriptors become text and come back the same, and is other text refused? */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/security/descriptor.h"
#include "vitrine/sddl.h"

Test(sddl, sids)
{
    static const char *const texts[] = {
        "S-1-5-18",
        "S-1-0-0",
        "S-1-5",
        "S-1-16-16384",
        "S-1-4294967295-1",
        "S-1-0x000100000000-7",
        "S-1-0xffffffffffff",
        "S-1-5-21-3623811015-3361044348-30300820-1013",
        "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-4294967295",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t sid[SDDL_SID_BYTES_MAX];
        char text[SDDL_SID_TEXT_MAX];
        const char *end;
        int bytes = sid_parse(texts[i], sid, &end);
        cr_assert_gt(bytes, 0, "%s", texts[i]);
        cr_expect_eq(*end, 0);
        cr_expect_eq(sid_format(sid, (size_t)bytes, text, sizeof(text)), (int)strlen(texts[i]));
        cr_expect_str_eq(text, texts[i]);
        cr_expect_eq(sid_format(sid, (size_t)bytes, text, strlen(texts[i])), -ERANGE);
        cr_expect_eq(sid_format(sid, (size_t)bytes - 1, text, sizeof(text)), -EINVAL);
    }
}

Test(sddl, no_sids)
{
    static const char *const texts[] = {"",
                                        "S",
                                        "S-1",
                                        "S-1-",
                                        "S-2-5-18",
                                        "S-1-x",
                                        "S-1-5-",
                                        "S-1-5-4294967296",
                                        "S-1-4294967296",
                                        "S-1-0x1234",
                                        "S-1-0x0000000000005",
                                        "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
                                        "ZZ",
                                        "s-1-5-18",
                                        "S-1-5--1",
                                        "S-1-5- 1",
                                        "S-1-99999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t sid[SDDL_SID_BYTES_MAX];
        const char *end = "";
        int bytes = sid_parse(texts[i], sid, &end);
        cr_expect(bytes < 0 || *end, "%s is a SID of %d bytes", texts[i], bytes);
    }
}

Test(sddl, round_trips)
{
    static const char *const texts[] = {
        "",
        "O:SY",
        "O:SYG:BA",
        "O:SYD:",
        "D:P(A;;GA;;;SY)",
        "D:AI(A;ID;GA;;;SY)",
        "O:BAG:SYD:PARAI(D;OICINPIOID;SDRCWDWO;;;WD)(A;;GRGWGX;;;S-1-5-21-1-2-3-1013)",
        "D:(A;;0x1f;;;AN)S:AI(AU;SAFA;0xf;;;WD)(AL;;0x1;;;OW)",
        "S:(ML;;NWNRNX;;;HI)(SP;;;;;S-1-17-1)(TL;;0x1;;;S-1-19-512-8192)",
        "D:(OA;;0x1;00112233-4455-6677-8899-aabbccddeeff;;PS)"
        "(OD;;0x1;;00112233-4455-6677-8899-aabbccddeeff;AU)(OU;SA;0x1;;;IU)(OL;;0x1;;;NU)",
        "D:(XA;;0x1;;;WD;#6172747801020304)(XD;;0x1;;;WD)(XU;;0x1;;;WD)(XL;;0x1;;;WD)",
        "D:(ZA;;0x1;;;WD;#61727478)(ZD;;0x1;;;WD)(ZU;;0x1;;;WD)(ZL;;0x1;;;WD)",
        "S:(RA;;;;;WD;#00112233)",
        "D:(A;;0x0;;;SY)",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t bytes[2000];
        char text[2000];
        size_t at;
        int length = sddl_parse(texts[i], bytes, sizeof(bytes), &at);
        cr_assert_gt(length, 0, "%s: from %s on", texts[i], texts[i] + at);
        struct descriptor descriptor;
        cr_expect_eq(descriptor_open((struct byte_span){bytes, (uint32_t)length}, &descriptor), 0,
                     "the kernel reads %s", texts[i]);
        int written = sddl_format(bytes, (size_t)length, text, sizeof(text));
        const char *expected = i == 13 ? "D:(A;;;;;SY)" : texts[i]; /* nothing has no word */
        cr_expect_str_eq(text, expected);
        cr_assert_eq(written, (int)strlen(expected));
        cr_expect_eq(sddl_format(bytes, (size_t)length, text, (size_t)written), -ERANGE);
        for (size_t room = 0; room < (size_t)length; room++) {
            uint8_t *exact = malloc(room ? room : 1);
            cr_expect_eq(sddl_parse(texts[i], exact, room, NULL), -E2BIG, "%zu bytes", room);
            free(exact);
        }
        for (size_t part = 0; part < (size_t)length; part++) {
            uint8_t *exact = malloc(part ? part : 1);
            memcpy(exact, bytes, part);
            (void)sddl_format(exact, part, text, sizeof(text));
            free(exact);
        }
    }
}

Test(sddl, errors)
{
    static const struct {
        const char *text;
        size_t at; /* so many characters are understood */
    } cases[] = {
        {"X:SY", 0},
        {"O:", 2},
        {"O:SYO:SY", 4},
        {"O:SY ", 4},
        {"D:(A;;GA;;;SY", 13},
        {"D:(A;;GA;;SY)", 10},
        {"D:(Q;;GA;;;SY)", 3},
        {"D:(A;;QQ;;;SY)", 6},
        {"D:(A;QQ;GA;;;SY)", 5},
        {"D:(A;;0x100000000;;;SY)", 6},
        {"D:(A;;GA;00112233-4455-6677-8899-aabbccddeeff;;SY)", 9},
        {"D:(OA;;GA;00112233-4455-6677-8899-aabbccddeef;;SY)", 44},
        {"D:(A;;GA;;;SY;#00)", 13},
        {"D:(XA;;GA;;;SY;00)", 15},
        {"D:(XA;;GA;;;SY;#0)", 16},
        {"D:A;;GA;;;SY", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[500];
        size_t at = 0;
        cr_expect_eq(sddl_parse(cases[i].text, bytes, sizeof(bytes), &at), -EINVAL, "%s",
                     cases[i].text);
        cr_expect_eq(at, cases[i].at, "%s: at %zu", cases[i].text, at);
    }
}

/* What has no text is said so, not left out. */
Test(sddl, unknown)
{
    uint8_t bytes[100];
    char text[200];
    int length = sddl_parse("D:(A;;GA;;;SY)", bytes, sizeof(bytes), NULL);
    bytes[20 + 8] = 0x15;
    cr_expect_eq(sddl_format(bytes, (size_t)length, text, sizeof(text)), -EINVAL);
    bytes[20 + 8] = 0;
    bytes[3] = 0;
    cr_expect_eq(sddl_format(bytes, (size_t)length, text, sizeof(text)), -EINVAL);
}
