/*
 * vmm/image/hash.h - a fast 128-bit content hash for the image cache.
 *
 * Not a defence against forgery: whoever can write the cache could write any image into it. It must
 * only be fast (archives are hashed at every start) and spread well.
 */
#ifndef VITRINE_IMAGE_HASH_H
#define VITRINE_IMAGE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct image_hash {
    uint64_t lane[2];
    uint64_t bytes;
    uint8_t rest[32];
    size_t rest_bytes;
};

void image_hash_init(struct image_hash *hash);
void image_hash_add(struct image_hash *hash, const void *data, size_t bytes);
void image_hash_add_number(struct image_hash *hash, uint64_t number);
/* With its terminator, so that "a","bc" and "ab","c" differ. */
void image_hash_add_string(struct image_hash *hash, const char *text);
void image_hash_text(const struct image_hash *hash, char text[33]);

#endif
