/* SIDs as text. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/user/lib/sddl_words.h"
#include "vitrine/sddl.h"

#define SUB_AUTHORITIES_MAX 15
#define AUTHORITY_DIGITS    12

static int store(uint8_t *sid, uint64_t authority, unsigned count, const uint32_t *subs)
{
    sid[0] = 1;
    sid[1] = (uint8_t)count;
    for (unsigned i = 0; i < 6; i++)
        sid[2 + i] = (uint8_t)(authority >> (8 * (5 - i)));
    for (unsigned i = 0; i < count; i++)
        sddl_put32(sid + 8 + (size_t)4 * i, subs[i]);
    return (int)(8 + 4 * count);
}

/* Two letters. All but BUILTIN's have one sub-authority. */
static int parse_word(const char *text, uint8_t *sid)
{
    for (const struct sddl_word *word = sddl_sids; word->word; word++) {
        if (strncmp(text, word->word, 2) != 0)
            continue;
        const uint32_t two[] = {32, word->value & 0xffff};
        bool builtin = word->value >> 16 & 0xff;
        return store(sid, word->value >> 24, builtin ? 2 : 1, builtin ? two : two + 1);
    }
    return -EINVAL;
}

/* A decimal number up to 32 bits. */
static bool number(const char **text, uint32_t *ret)
{
    uint64_t value = 0;
    const char *at = *text;
    while (*at >= '0' && *at <= '9' && value <= UINT32_MAX)
        value = value * 10 + (uint64_t)(*at++ - '0');
    if (at == *text || value > UINT32_MAX)
        return false;
    *text = at;
    *ret = (uint32_t)value;
    return true;
}

/* Decimal, or 0x and twelve digits: what follows may look like one more. */
static bool authority_of(const char **text, uint64_t *ret)
{
    uint32_t small;
    if ((*text)[0] != '0' || (*text)[1] != 'x') {
        bool good = number(text, &small);
        *ret = good ? small : 0;
        return good;
    }
    char digits[AUTHORITY_DIGITS + 1] = {0};
    strncpy(digits, *text + 2, AUTHORITY_DIGITS);
    if (strspn(digits, "0123456789abcdefABCDEF") != AUTHORITY_DIGITS)
        return false;
    *ret = strtoull(digits, NULL, 16);
    *text += 2 + AUTHORITY_DIGITS;
    return true;
}

int sid_parse(const char *text, uint8_t sid[SDDL_SID_BYTES_MAX], const char **end)
{
    if (strncmp(text, "S-1-", 4) != 0) {
        int bytes = parse_word(text, sid);
        if (end)
            *end = text + (bytes > 0 ? 2 : 0);
        return bytes;
    }
    const char *at = text + 4;
    uint64_t authority;
    uint32_t subs[SUB_AUTHORITIES_MAX];
    unsigned count = 0;
    if (!authority_of(&at, &authority))
        return -EINVAL;
    while (*at == '-') {
        at++;
        if (count == SUB_AUTHORITIES_MAX || !number(&at, &subs[count]))
            return -EINVAL;
        count++;
    }
    if (end)
        *end = at;
    return store(sid, authority, count, subs);
}

int sid_format(const uint8_t *sid, size_t bytes, char *text, size_t room)
{
    if (bytes < 8 || sid[0] != 1 || sid[1] > SUB_AUTHORITIES_MAX || bytes != 8 + 4u * sid[1])
        return -EINVAL;
    uint64_t authority = 0;
    for (unsigned i = 0; i < 6; i++)
        authority = authority << 8 | sid[2 + i];
    char whole[SDDL_SID_TEXT_MAX];
    const char *form = authority > UINT32_MAX ? "S-1-0x%012" PRIx64 : "S-1-%" PRIu64;
    int length = snprintf(whole, sizeof(whole), form, authority);
    for (unsigned i = 0; i < sid[1]; i++)
        length += snprintf(whole + length, sizeof(whole) - (size_t)length, "-%" PRIu32,
                           sddl_get32(sid + 8 + (size_t)4 * i));
    if ((size_t)length >= room)
        return -ERANGE;
    memcpy(text, whole, (size_t)length + 1);
    return length;
}
