#include "condition_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/security/bytes.h"
#include "kernel/security/sid.h"

#define CODE_MAX   200000u
#define CLAIMS_MAX 8192u

static const struct {
    const char *word;
    uint8_t code;
} operators[] = {
    {"==", 0x80},         {"!=", 0x81},      {"<", 0x82},           {"<=", 0x83},
    {">", 0x84},          {">=", 0x85},      {"contains", 0x86},    {"?", 0x87},
    {"any", 0x88},        {"member", 0x89},  {"device", 0x8a},      {"member_any", 0x8b},
    {"device_any", 0x8c}, {"!?", 0x8d},      {"!contains", 0x8e},   {"!any", 0x8f},
    {"!member", 0x90},    {"!device", 0x91}, {"!member_any", 0x92}, {"!device_any", 0x93},
    {"and", 0xa0},        {"or", 0xa1},      {"not", 0xa2},
};

struct code {
    uint8_t *bytes;
    uint32_t length;
};

static void byte(struct code *code, unsigned value)
{
    code->bytes[code->length++] = (uint8_t)value;
}

static void bytes(struct code *code, const void *data, size_t count)
{
    memcpy(code->bytes + code->length, data, count);
    code->length += (uint32_t)count;
}

static void counted(struct code *code, const void *data, uint32_t count)
{
    bytes(code, &count, 4);
    bytes(code, data, count);
}

static void wide(struct code *code, const char *text, size_t length)
{
    uint32_t count = 2 * (uint32_t)length;
    bytes(code, &count, 4);
    for (size_t i = 0; i < length; i++) {
        byte(code, (uint8_t)text[i]);
        byte(code, 0);
    }
}

static void integer(struct code *code, uint8_t type, long long value)
{
    byte(code, type);
    bytes(code, &value, 8);
    byte(code, value < 0 ? 2 : 1);
    byte(code, 2);
}

static void word(struct code *code, const char *text, size_t length);

static void list(struct code *code, const char *text, size_t length)
{
    byte(code, 0x50);
    uint32_t at = code->length;
    code->length += 4;
    while (length) {
        size_t part = 0;
        for (int depth = 0; part < length && (depth || text[part] != ','); part++)
            depth += text[part] == '{' ? 1 : text[part] == '}' ? -1 : 0;
        word(code, text, part);
        part += part < length;
        text += part;
        length -= part;
    }
    store32(code->bytes + at, code->length - at - 4);
}

static void octets(struct code *code, const char *text, size_t length)
{
    uint8_t data[100];
    for (size_t i = 0; i < length / 2; i++)
        data[i] = (uint8_t)strtol((const char[]){text[2 * i], text[2 * i + 1], 0}, NULL, 16);
    counted(code, data, (uint32_t)length / 2);
}

static bool attribute(struct code *code, const char *text, size_t length)
{
    static const char letters[] = "lurd";
    const char *letter = text[0] ? strchr(letters, text[0]) : NULL;
    if (length < 2 || !letter || text[1] != ':')
        return false;
    byte(code, 0xf8 + (unsigned)(letter - letters));
    wide(code, text + 2, length - 2);
    return true;
}

static void word(struct code *code, const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strlen(operators[i].word) == length && !strncmp(operators[i].word, text, length)) {
            byte(code, operators[i].code);
            return;
        }
    if (attribute(code, text, length))
        return;
    switch (text[0]) {
    case 'i':
        integer(code, 4, strtoll(text + 1, NULL, 10));
        break;
    case 'b':
        integer(code, 1, strtoll(text + 1, NULL, 10));
        break;
    case '\'':
        byte(code, 0x10);
        wide(code, text + 1, length - 2);
        break;
    case 'o':
        byte(code, 0x18);
        octets(code, text + 1, length - 1);
        break;
    case 's': {
        const struct sid *sid = test_sid(text + 1);
        byte(code, 0x51);
        counted(code, sid, sid_bytes(sid));
        break;
    }
    case '{':
        list(code, text + 1, length - 2);
        break;
    case 'x':
        byte(code, (unsigned)strtoul(text + 1, NULL, 16));
        break;
    default:
        cr_assert_fail("no word: %s", text);
    }
}

struct byte_span condition_code(const char *text)
{
    struct code code = {test_room(CODE_MAX), 0};
    bytes(&code, "artx", 4);
    while (*text) {
        size_t length = strcspn(text, " ");
        if (length)
            word(&code, text, length);
        text += length + (text[length] == ' ');
    }
    return test_bytes(code.bytes, code.length);
}

struct claim_text claims_begin(void)
{
    return (struct claim_text){test_room(CLAIMS_MAX), 0};
}

/* Begins an entry with its fixed part, the table of values and its name; where it begins. */
static uint8_t *begin_entry(struct code *code, const char *name, uint16_t type, uint32_t flags,
                            uint32_t count)
{
    uint8_t *entry = code->bytes;
    code->length = 16 + 4 * count;
    store32(entry, code->length);
    store16(entry + 4, type);
    store32(entry + 8, flags);
    store32(entry + 12, count);
    for (size_t i = 0; i <= strlen(name); i++) {
        byte(code, (uint8_t)name[i]);
        byte(code, 0);
    }
    return entry;
}

static void end_entry(struct claim_text *text, const struct code *code)
{
    store32(text->bytes + text->length, code->length);
    text->length += 4 + code->length;
}

void claims_number(struct claim_text *text, const char *name, uint16_t type, uint32_t flags,
                   uint32_t count, const int64_t *values)
{
    struct code code = {text->bytes + text->length + 4, 0};
    uint8_t *entry = begin_entry(&code, name, type, flags, count);
    for (uint32_t i = 0; i < count; i++) {
        store32(entry + 16 + 4 * i, code.length);
        bytes(&code, &values[i], 8);
    }
    end_entry(text, &code);
}

void claims_string(struct claim_text *text, const char *name, uint32_t flags, const char *value)
{
    struct code code = {text->bytes + text->length + 4, 0};
    uint8_t *entry = begin_entry(&code, name, CLAIM_STRING, flags, 1);
    store32(entry + 16, code.length);
    uint32_t place = code.length + 4;
    bytes(&code, &place, 4);
    for (size_t i = 0; i <= strlen(value); i++) {
        byte(&code, (uint8_t)value[i]);
        byte(&code, 0);
    }
    end_entry(text, &code);
}

struct byte_span claims_end(struct claim_text *text)
{
    return test_bytes(text->bytes, text->length);
}
