/* guest/user/lib/sddl_words.h - the words of SDDL, for reading and writing. */
#ifndef USER_LIB_SDDL_WORDS_H
#define USER_LIB_SDDL_WORDS_H

#include <stdint.h>
#include <string.h>

/* What follows the header of an entry. */
enum sddl_layout {
    SDDL_SID = 0,
    SDDL_OBJECT = 1, /* with GUIDs */
    SDDL_DATA = 2,   /* with data behind the SID */
};

struct sddl_word {
    const char *word;
    uint32_t value;
};
struct sddl_type {
    const char *word;
    uint8_t type;
    uint8_t layout; /* enum sddl_layout, ORed */
};

extern const struct sddl_type sddl_types[];      /* ends with word NULL */
extern const struct sddl_word sddl_ace_flags[];  /* each of these ends so */
extern const struct sddl_word sddl_list_flags[]; /* control bits of the DACL */
extern const struct sddl_word sddl_rights[];
extern const struct sddl_word sddl_label_rights[];
extern const struct sddl_word sddl_sids[]; /* value: AUTHORITY << 24 | count - 1 << 16 | last */

#define SDDL_LABEL_TYPE 0x11

/* The descriptor's header. */
#define SDDL_HEADER_BYTES  20u
#define SDDL_DACL_PRESENT  0x0004u
#define SDDL_SACL_PRESENT  0x0010u
#define SDDL_SELF_RELATIVE 0x8000u
/* The SACL's control bits stand one higher than the DACL's. */
#define SDDL_DACL_CONTROL 0x1500u

static inline uint16_t sddl_get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static inline uint32_t sddl_get32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline void sddl_put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static inline void sddl_put32(uint8_t *to, uint32_t value)
{
    sddl_put16(to, value & 0xffff);
    sddl_put16(to + 2, value >> 16);
}

#endif
