/*
 * kernel/security/claim.h - named values: resource attributes of an object, claims of a token or of
 * one call. An entry has the layout of CLAIM_SECURITY_ATTRIBUTE_RELATIVE_V1 (MS-DTYP 2.4.10.1); an
 * array of them is a sequence of a 32-bit length and an entry.
 *
 * The check looks at everything once, in time linear in the bytes; reading looks at every offset
 * again and never leaves the entry. Pure: any context, no locks.
 */
#ifndef KERNEL_SECURITY_CLAIM_H
#define KERNEL_SECURITY_CLAIM_H

#include "kernel/security/access_types.h"

#define CLAIM_HEADER_BYTES 16u

struct claim {
    struct byte_span entry;
    uint16_t type; /* CLAIM_* */
    uint32_t flags;
    uint32_t count;
};

/* Whether `entry` is well-formed in all its parts. */
bool claim_check(struct byte_span entry);
/* Whether `array` is filled exactly by well-formed entries; an empty one is. */
bool claim_array_check(struct byte_span array);

/* Reads the fixed part; false if there is no room for it and the table of values. */
bool claim_open(struct byte_span entry, struct claim *ret);
/* The next entry of an array: begin with *offset 0. False at the end, or where it is malformed. */
bool claim_array_next(struct byte_span array, uint32_t *offset, struct byte_span *ret);

/* The name, or a string value: UTF-16 without its end. False: not within the entry. */
bool claim_name(const struct claim *claim, struct byte_span *ret);
/* Value `index`: the number's eight bytes, the string, the octets or the SID's bytes. */
bool claim_value(const struct claim *claim, uint32_t index, struct byte_span *ret);

/* Upper case of what has a case in ASCII; everything else as it is. */
static inline uint16_t fold_case(uint16_t unit)
{
    return unit >= 'a' && unit <= 'z' ? unit - ('a' - 'A') : unit;
}
/* Whether two UTF-16 names are the same but for case. */
bool claim_names_equal(struct byte_span a, struct byte_span b);

#endif
