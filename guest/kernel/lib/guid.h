/*
 * kernel/lib/guid.h - UUIDs of version 4 that are never given out twice. Any context, no lock.
 *
 * The last 62 bits are a counter under a secret mask, the rest is that counter mixed with a secret (the
 * finalizer of MurmurHash3, a permutation). Cheaper than fresh randomness, and unlike it certain.
 */
#ifndef KERNEL_LIB_GUID_H
#define KERNEL_LIB_GUID_H

#include "kernel/lib/string.h"
#include "kernel/lib/types.h"

struct guid_source {
    uint64_t counter;
    uint64_t secret[2]; /* [0] is odd once both are there */
};
extern struct guid_source guid_source;
void guid_begin(void);

static inline void guid_make(uint8_t guid[16])
{
    if (unlikely(!load_acquire(&guid_source.secret[0])))
        guid_begin();
    uint64_t number = __atomic_fetch_add(&guid_source.counter, 1, __ATOMIC_RELAXED);
    uint64_t mixed = number + guid_source.secret[0];
    mixed = (mixed ^ mixed >> 33) * 0xff51afd7ed558ccdull;
    mixed = (mixed ^ mixed >> 33) * 0xc4ceb9fe1a85ec53ull;
    mixed ^= mixed >> 33;
    uint64_t halves[2] = {(mixed & ~(0xf0ull << 48)) | 0x40ull << 48,
                          ((number ^ guid_source.secret[1]) & ~(3ull << 62)) | 2ull << 62};
    /* Byte 6 has the version, byte 8 the variant (RFC 4122, 4.1): the second half is stored big end
     * first. */
    halves[1] = __builtin_bswap64(halves[1]);
    memcpy(guid, halves, sizeof(halves));
}

#endif
