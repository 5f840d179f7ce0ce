/*
 * vmm/image/hash.c - two lanes of multiply-and-fold over 32-byte blocks.
 *
 * The 64x64->128 bit product mixes every input bit into both halves; folding them keeps 64 bits of
 * state a lane.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/image/hash.h"

/* Odd constants with about half of their bits set. */
#define KEY_0 0x9e6c63d0876a9a47ull
#define KEY_1 0xc2b2ae3d27d4eb4full
#define KEY_2 0xd6e8feb86659fd93ull
#define KEY_3 0xa0761d6478bd642full

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void add_block(struct image_hash *hash, const uint8_t block[32])
{
    uint64_t words[4];

    memcpy(words, block, sizeof(words));
    /* The lanes keep their old value besides the product, so that a zero factor cannot erase the
     * past. */
    hash->lane[0] = (hash->lane[0] << 23 | hash->lane[0] >> 41) ^
                    fold(words[0] ^ KEY_0, words[1] ^ hash->lane[0]) ^
                    fold(words[2] ^ KEY_3, KEY_1);
    hash->lane[1] = (hash->lane[1] << 37 | hash->lane[1] >> 27) ^
                    fold(words[2] ^ KEY_2, words[3] ^ hash->lane[1]) ^
                    fold(words[0] ^ KEY_1, KEY_3);
}

void image_hash_init(struct image_hash *hash)
{
    *hash = (struct image_hash){.lane = {KEY_2, KEY_0}};
}

void image_hash_add(struct image_hash *hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;

    hash->bytes += bytes;
    if (hash->rest_bytes) {
        size_t part = sizeof(hash->rest) - hash->rest_bytes;

        if (part > bytes)
            part = bytes;
        memcpy(hash->rest + hash->rest_bytes, at, part);
        hash->rest_bytes += part;
        at += part;
        bytes -= part;
        if (hash->rest_bytes < sizeof(hash->rest))
            return;
        add_block(hash, hash->rest);
        hash->rest_bytes = 0;
    }
    for (; bytes >= 32; at += 32, bytes -= 32)
        add_block(hash, at);
    if (bytes)
        memcpy(hash->rest, at, bytes);
    hash->rest_bytes = bytes;
}

void image_hash_add_number(struct image_hash *hash, uint64_t number)
{
    image_hash_add(hash, &number, sizeof(number));
}

void image_hash_add_string(struct image_hash *hash, const char *text)
{
    image_hash_add(hash, text, strlen(text) + 1);
}

void image_hash_text(const struct image_hash *hash, char text[33])
{
    struct image_hash copy = *hash;

    memset(copy.rest + copy.rest_bytes, 0, sizeof(copy.rest) - copy.rest_bytes);
    add_block(&copy, copy.rest);
    uint64_t high = fold(copy.lane[0] ^ copy.bytes, KEY_1 ^ copy.lane[1]);
    uint64_t low = fold(copy.lane[1] ^ KEY_3, copy.lane[0] ^ (copy.bytes * KEY_0));
    snprintf(text, 33, "%016lx%016lx", (unsigned long)high, (unsigned long)low);
}
