/* A security descriptor from text. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "guest/user/lib/sddl_words.h"
#include "vitrine/sddl.h"

#define LIST_BYTES_MAX 65532u
#define GUID_BYTES     16

struct output {
    uint8_t *bytes;
    size_t room, length;
};

struct parser {
    const char *at;
    struct output out;
    int error;
};

static bool fail(struct parser *parser, int error)
{
    if (!parser->error)
        parser->error = error;
    return false;
}

static bool put(struct parser *parser, const void *bytes, size_t count)
{
    struct output *out = &parser->out;
    if (count > out->room - out->length)
        return fail(parser, -E2BIG);
    if (count)
        memcpy(out->bytes + out->length, bytes, count);
    out->length += count;
    return true;
}

static bool put32(struct parser *parser, uint32_t value)
{
    uint8_t bytes[4];
    sddl_put32(bytes, value);
    return put(parser, bytes, sizeof(bytes));
}

static bool expect(struct parser *parser, char character)
{
    if (*parser->at != character)
        return fail(parser, -EINVAL);
    parser->at++;
    return true;
}

static bool put_sid(struct parser *parser)
{
    uint8_t sid[SDDL_SID_BYTES_MAX];
    const char *end;
    int bytes = sid_parse(parser->at, sid, &end);
    if (bytes < 0)
        return fail(parser, bytes);
    parser->at = end;
    return put(parser, sid, (size_t)bytes);
}

/* As many of the words as stand here, ORed. */
static uint32_t words(struct parser *parser, const struct sddl_word *table)
{
    uint32_t value = 0;
    const struct sddl_word *word = table;
    while (word->word) {
        size_t length = strlen(word->word);
        if (strncmp(parser->at, word->word, length) != 0) {
            word++;
            continue;
        }
        value |= word->value;
        parser->at += length;
        word = table;
    }
    return value;
}

static bool rights(struct parser *parser, uint8_t type, uint32_t *ret)
{
    if (*parser->at < '0' || *parser->at > '9') {
        *ret = words(parser, type == SDDL_LABEL_TYPE ? sddl_label_rights : sddl_rights);
        return true;
    }
    char *end;
    errno = 0;
    unsigned long value = strtoul(parser->at, &end, 0);
    if (errno || value > UINT32_MAX)
        return fail(parser, -EINVAL);
    parser->at = end;
    *ret = (uint32_t)value;
    return true;
}

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

static bool hex_byte(struct parser *parser, uint8_t *ret)
{
    int high = hex_digit(parser->at[0]);
    int low = high < 0 ? -1 : hex_digit(parser->at[1]);
    if (low < 0)
        return false;
    parser->at += 2;
    *ret = (uint8_t)(high << 4 | low);
    return true;
}

/* 8-4-4-4-12; the first three groups are numbers, so little-endian. */
static bool guid(struct parser *parser, uint8_t ret[GUID_BYTES])
{
    static const uint8_t places[GUID_BYTES] = {3, 2, 1,  0,  5,  4,  7,  6,
                                               8, 9, 10, 11, 12, 13, 14, 15};
    for (unsigned i = 0; i < GUID_BYTES; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && !expect(parser, '-'))
            return false;
        if (!hex_byte(parser, &ret[places[i]]))
            return fail(parser, -EINVAL);
    }
    return true;
}

static bool guids(struct parser *parser, bool object)
{
    uint8_t both[2][GUID_BYTES];
    uint32_t present = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (*parser->at != ';') {
            if (!object || !guid(parser, both[i]))
                return fail(parser, -EINVAL);
            present |= 1u << i;
        }
        if (!expect(parser, ';'))
            return false;
    }
    if (!object)
        return true;
    return put32(parser, present) && put(parser, both[0], present & 1 ? GUID_BYTES : 0) &&
           put(parser, both[1], present & 2 ? GUID_BYTES : 0);
}

/* Conditions and attributes: their bytes, "#" and two digits for each. */
static bool data(struct parser *parser)
{
    if (*parser->at != ';')
        return true;
    parser->at++;
    if (!expect(parser, '#'))
        return false;
    uint8_t byte;
    while (hex_byte(parser, &byte))
        if (!put(parser, &byte, 1))
            return false;
    return true;
}

static const struct sddl_type *type_here(struct parser *parser)
{
    size_t length = strcspn(parser->at, ";()");
    for (const struct sddl_type *type = sddl_types; type->word; type++)
        if (strlen(type->word) == length && !strncmp(parser->at, type->word, length)) {
            parser->at += length;
            return type;
        }
    fail(parser, -EINVAL);
    return NULL;
}

/* One "(type;flags;rights;object;inherited;sid[;data])". */
static bool entry(struct parser *parser, bool *wide)
{
    size_t start = parser->out.length;
    uint8_t header[4] = {0};
    uint32_t mask = 0;
    if (!expect(parser, '(') || !put(parser, header, sizeof(header)))
        return false;
    const struct sddl_type *type = type_here(parser);
    if (!type || !expect(parser, ';'))
        return false;
    uint8_t flags = (uint8_t)words(parser, sddl_ace_flags);
    if (!expect(parser, ';') || !rights(parser, type->type, &mask) || !expect(parser, ';') ||
        !put32(parser, mask) || !guids(parser, type->layout & SDDL_OBJECT) || !put_sid(parser))
        return false;
    if ((type->layout & SDDL_DATA) && !data(parser))
        return false;
    size_t pad = (4 - (parser->out.length - start) % 4) % 4;
    if (!expect(parser, ')') || !put32(parser, 0))
        return false;
    parser->out.length -= 4 - pad;
    size_t size = parser->out.length - start;
    if (size > LIST_BYTES_MAX)
        return fail(parser, -E2BIG);
    uint8_t *bytes = parser->out.bytes + start;
    bytes[0] = type->type;
    bytes[1] = flags;
    sddl_put16(bytes + 2, (uint32_t)size);
    *wide |= type->type >= 0x05 && type->type <= 0x10;
    return true;
}

/* A list; *control gets the bits of its flags, as the DACL has them. */
static bool list(struct parser *parser, uint16_t *control)
{
    size_t start = parser->out.length;
    uint8_t header[8] = {0};
    uint32_t count = 0;
    bool wide = false;
    *control = (uint16_t)words(parser, sddl_list_flags);
    if (!put(parser, header, sizeof(header)))
        return false;
    while (*parser->at == '(') {
        if (!entry(parser, &wide))
            return false;
        count++;
    }
    size_t size = parser->out.length - start;
    if (size > LIST_BYTES_MAX)
        return fail(parser, -E2BIG);
    uint8_t *bytes = parser->out.bytes + start;
    bytes[0] = wide ? 4 : 2;
    sddl_put16(bytes + 2, (uint32_t)size);
    sddl_put16(bytes + 4, count);
    return true;
}

/* One of O:, G:, D:, S:; `seen` has those that were there before. */
static bool component(struct parser *parser, uint16_t *control, unsigned *seen)
{
    static const struct {
        char letter;
        unsigned at; /* of the offset in the header */
        uint16_t present;
        unsigned shift; /* of the flags in the control word */
    } components[] = {
        {'O', 4, 0, 0},
        {'G', 8, 0, 0},
        {'S', 12, SDDL_SACL_PRESENT, 1},
        {'D', 16, SDDL_DACL_PRESENT, 0},
    };
    for (unsigned i = 0; i < 4; i++) {
        if (*parser->at != components[i].letter || (*seen & 1u << i))
            continue;
        *seen |= 1u << i;
        parser->at++;
        uint16_t flags = 0;
        size_t offset = parser->out.length;
        if (!expect(parser, ':') ||
            !(components[i].present ? list(parser, &flags) : put_sid(parser)))
            return false;
        *control |= components[i].present | (uint16_t)(flags << components[i].shift);
        sddl_put32(parser->out.bytes + components[i].at, (uint32_t)offset);
        return true;
    }
    return fail(parser, -EINVAL);
}

int sddl_parse(const char *text, uint8_t *bytes, size_t room, size_t *error_at)
{
    struct parser parser = {.at = text, .out = {bytes, room, 0}};
    uint8_t header[SDDL_HEADER_BYTES] = {1};
    uint16_t control = SDDL_SELF_RELATIVE;
    unsigned seen = 0;
    bool good = put(&parser, header, sizeof(header));
    while (good && *parser.at)
        good = component(&parser, &control, &seen);
    if (good && parser.out.length > SDDL_DESCRIPTOR_BYTES_MAX)
        good = fail(&parser, -E2BIG);
    if (error_at)
        *error_at = (size_t)(parser.at - text);
    if (!good)
        return parser.error;
    sddl_put16(bytes + 2, control);
    return (int)parser.out.length;
}
