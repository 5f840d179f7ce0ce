/* Conditions and claims for tests, from text that follows the code word by word. */
#ifndef TESTS_UNIT_ACCESS_CONDITION_TEXT_H
#define TESTS_UNIT_ACCESS_CONDITION_TEXT_H

#include "fixture.h"

/*
 * Words in postfix order, with a space between any two: iN and bN numbers of 64 and 8 bits, 'text',
 * oHEX octets, sSID, {a,b} a list; u: d: r: l: and a name for an attribute of user, device, resource
 * or call; xHEX one byte as it is; operators by their names.
 */
struct byte_span condition_code(const char *text);

/* A claim array in the making. */
struct claim_text {
    uint8_t *bytes;
    uint32_t length;
};
struct claim_text claims_begin(void);
void claims_number(struct claim_text *text, const char *name, uint16_t type, uint32_t flags,
                   uint32_t count, const int64_t *values);
void claims_string(struct claim_text *text, const char *name, uint32_t flags, const char *value);
struct byte_span claims_end(struct claim_text *text);

#endif
