/*
 * kernel/lib/string.c - memory and string functions of the kernel.
 *
 * Costs are counted in executed instructions here (docs/hosts.md: some hosts interpret them one by
 * one), so bulk work is `rep` string instructions on 8-byte words, and short pieces are two
 * overlapping words. Vector registers belong to the user. The functions keep the C library's names
 * because the compiler calls them.
 */
#define KERNEL_STRING_FUNCTIONS /* the functions themselves, not the builtins */
#include "kernel/lib/string.h"

/* Unaligned words that may alias anything. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word64;
typedef uint32_t __attribute__((may_alias, aligned(1))) word32;
typedef uint16_t __attribute__((may_alias, aligned(1))) word16;

/* Up to 16 bytes: everything is loaded before anything is stored, so overlap does not matter. */
static inline void move_short(char *destination, const char *source, size_t bytes)
{
    if (bytes >= 8) {
        uint64_t first = *(const word64 *)source, last = *(const word64 *)(source + bytes - 8);
        *(word64 *)destination = first;
        *(word64 *)(destination + bytes - 8) = last;
    } else if (bytes >= 4) {
        uint32_t first = *(const word32 *)source, last = *(const word32 *)(source + bytes - 4);
        *(word32 *)destination = first;
        *(word32 *)(destination + bytes - 4) = last;
    } else if (bytes >= 2) {
        uint16_t first = *(const word16 *)source, last = *(const word16 *)(source + bytes - 2);
        *(word16 *)destination = first;
        *(word16 *)(destination + bytes - 2) = last;
    } else if (bytes) {
        *destination = *source;
    }
}

void *memset(void *destination, int value, size_t bytes)
{
    char *to = destination;
    uint64_t pattern = (uint8_t)value * 0x0101010101010101ull;

    if (bytes < 8) {
        while (bytes)
            ((volatile char *)to)[--bytes] = (char)value; /* volatile: not a call of memset again */
        return destination;
    }
    *(word64 *)(to + bytes - 8) = pattern;
    size_t words = (bytes - 1) >> 3; /* the last, perhaps partial word is stored already */
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    return destination;
}

void *memcpy(void *destination, const void *source, size_t bytes)
{
    char *to = destination;
    const char *from = source;

    if (bytes <= 16) {
        move_short(to, from, bytes);
        return destination;
    }
    *(word64 *)(to + bytes - 8) = *(const word64 *)(from + bytes - 8);
    size_t words = (bytes - 1) >> 3;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
    return destination;
}

void *memmove(void *destination, const void *source, size_t bytes)
{
    char *to = destination;
    const char *from = source;

    if (bytes <= 16) {
        move_short(to, from, bytes);
        return destination;
    }
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        /* Forward. The tail is read first: the words before it may overwrite it when `to` is below.
         */
        uint64_t tail = *(const word64 *)(from + bytes - 8);
        char *end = to + bytes - 8;
        size_t words = (bytes - 1) >> 3;
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
        *(word64 *)end = tail;
        return destination;
    }
    while (bytes >= 8) {
        bytes -= 8;
        uint64_t word = *(const word64 *)(from + bytes);
        *(volatile word64 *)(to + bytes) = word;
    }
    move_short(to, from, bytes);
    return destination;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const uint8_t *left = a, *right = b;

    while (bytes >= 8 && *(const word64 *)left == *(const word64 *)right) {
        left += 8;
        right += 8;
        bytes -= 8;
    }
    for (; bytes; left++, right++, bytes--)
        if (*left != *right)
            return *left - *right;
    return 0;
}

size_t strlen(const char *string)
{
    const char *end = string;

    while (*end)
        end++;
    return (size_t)(end - string);
}

size_t strnlen(const char *string, size_t limit)
{
    size_t length = 0;

    while (length < limit && string[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (; limit; a++, b++, limit--)
        if (*a != *b || !*a)
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

char *strchr(const char *string, int character)
{
    for (;; string++) {
        if (*string == (char)character)
            return (char *)string;
        if (!*string)
            return NULL;
    }
}

size_t string_copy(char *destination, const char *source, size_t size)
{
    size_t length = 0;

    if (size == 0)
        return 0;
    while (length < size - 1 && source[length]) {
        destination[length] = source[length];
        length++;
    }
    destination[length] = 0;
    return length;
}
