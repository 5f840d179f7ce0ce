/* kernel/security/bytes.h - little-endian numbers at any address. */
#ifndef KERNEL_SECURITY_BYTES_H
#define KERNEL_SECURITY_BYTES_H

#include "kernel/lib/string.h"
#include "kernel/lib/types.h"

static inline uint16_t load16(const uint8_t *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint32_t load32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint64_t load64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline void store16(uint8_t *to, uint16_t value)
{
    memcpy(to, &value, sizeof(value));
}

static inline void store32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof(value));
}

#endif
