/*
 * vitrine/sddl.h - SIDs and security descriptors as text, both ways (docs/access.md; the language is
 * that of MS-DTYP 2.5.1). For programs inside the guest, and for the host, which builds the same
 * files: nothing here calls anything but the C library.
 *
 * Text goes in and comes out without loss: what sddl_format() wrote, sddl_parse() reads to the same
 * rights of the same people. Bytes and text may be hostile; nothing outside of them is read.
 */
#ifndef VITRINE_SDDL_H
#define VITRINE_SDDL_H

#include <stddef.h>
#include <stdint.h>

#define SDDL_SID_BYTES_MAX        68u
#define SDDL_SID_TEXT_MAX         190u /* with the end */
#define SDDL_DESCRIPTOR_BYTES_MAX 65535u

/*
 * Reads a SID, S-1-... or two letters for a well-known one, from the beginning of `text`. The length
 * in bytes, or -EINVAL. *end (may be NULL): the first character that does not belong to it.
 */
int sid_parse(const char *text, uint8_t sid[SDDL_SID_BYTES_MAX], const char **end);

/*
 * Writes S-1-... and an end. The number of characters, or -EINVAL (not exactly one SID), -ERANGE (no
 * room).
 */
int sid_format(const uint8_t *sid, size_t bytes, char *text, size_t room);

/*
 * Makes a self-relative descriptor of text such as "O:SYG:BAD:(A;;0x1f;;;WD)". The length in bytes;
 * -EINVAL: not understood, *error_at (may be NULL) is how many characters were; -E2BIG: no room.
 */
int sddl_parse(const char *text, uint8_t *bytes, size_t room, size_t *error_at);

/*
 * The other way. The number of characters without the end; -EINVAL: malformed, or with entries that
 * have no text (unknown types); -ERANGE: no room.
 */
int sddl_format(const uint8_t *bytes, size_t length, char *text, size_t room);

#endif
