/*
 * kernel/security/sid.h - security identifiers: checked, compared, made.
 * Pure: any context, no locks. Layout: access_types.h.
 */
#ifndef KERNEL_SECURITY_SID_H
#define KERNEL_SECURITY_SID_H

#include "kernel/security/access_types.h"

/* Room for any SID. */
struct sid_buffer {
    uint8_t bytes[SID_BYTES_MAX];
};

/* The SID that `bytes` begins with, or NULL: it is none, or longer than `available`. */
const struct sid *sid_at(const uint8_t *bytes, size_t available);

static inline uint32_t sid_bytes(const struct sid *sid)
{
    return SID_BYTES_MIN + 4u * sid->sub_authority_count;
}

bool sid_equal(const struct sid *a, const struct sid *b);

/* Sub-authority `index`, which the SID has. */
uint32_t sid_sub_authority(const struct sid *sid, unsigned index);

/* The authority if it is below 256, as all are that the kernel knows; else 256. */
unsigned sid_small_authority(const struct sid *sid);

/* Makes S-1-AUTHORITY-SUB... of `count` (at most 15) sub-authorities; returns `buffer` as a SID. */
const struct sid *sid_make(struct sid_buffer *buffer, uint8_t authority, unsigned count,
                           const uint32_t *sub_authorities);

/* S-1-5-5-HIGH-LOW: everyone of one logon session. */
const struct sid *sid_make_logon(struct sid_buffer *buffer, uint64_t session);

/* Whether it is S-1-16-LEVEL with one of the five levels; *level is set only then. */
bool sid_integrity(const struct sid *sid, uint32_t *level);

/* Whether it is S-1-19-TYPE-TRUST. */
bool sid_trust(const struct sid *sid, uint32_t *type, uint32_t *trust);

#endif
