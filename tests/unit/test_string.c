// SOURCES:
/* Do the memory and string functions do what the C library's do, for every length and overlap? */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define memset  kernel_memset
#define memcpy  kernel_memcpy
#define memmove kernel_memmove
#define memcmp  kernel_memcmp
#define strlen  kernel_strlen
#define strnlen kernel_strnlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#include "guest/kernel/lib/string.c"
#undef memset
#undef memcpy
#undef memmove
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define ROOM 200

static void fill(char *buffer)
{
    for (int i = 0; i < ROOM; i++)
        buffer[i] = (char)(i * 7 + 1);
}

Test(string, every_length_and_overlap)
{
    char ours[ROOM], theirs[ROOM], source[ROOM];

    fill(source);
    for (size_t bytes = 0; bytes <= 80; bytes++) {
        for (int to = 0; to < 20; to++) {
            fill(ours), fill(theirs);
            cr_assert(kernel_memset(ours + to, 0xa5, bytes) == ours + to);
            memset(theirs + to, 0xa5, bytes);
            cr_assert(memcmp(ours, theirs, ROOM) == 0, "memset %zu at %d", bytes, to);
            fill(ours), fill(theirs);
            kernel_memcpy(ours + to, source + 3, bytes);
            memcpy(theirs + to, source + 3, bytes);
            cr_assert(memcmp(ours, theirs, ROOM) == 0, "memcpy %zu at %d", bytes, to);
            for (int from = 0; from < 40; from++) {
                fill(ours), fill(theirs);
                kernel_memmove(ours + to, ours + from, bytes);
                memmove(theirs + to, theirs + from, bytes);
                cr_assert(memcmp(ours, theirs, ROOM) == 0, "memmove %zu from %d to %d", bytes, from,
                          to);
            }
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

Test(string, comparing)
{
    char a[40], b[40];

    for (int length = 0; length < 40; length++) {
        for (int differs = 0; differs < length; differs++) {
            memset(a, 'x', sizeof(a));
            memset(b, 'x', sizeof(b));
            b[differs] = (char)0xf0;
            cr_assert_eq(sign(kernel_memcmp(a, b, (size_t)length)), -1);
            cr_assert_eq(sign(kernel_memcmp(b, a, (size_t)length)), 1);
        }
        memcpy(b, a, sizeof(a));
        cr_assert_eq(kernel_memcmp(a, b, (size_t)length), 0);
    }
    static const char *const texts[] = {"", "a", "ab", "abc", "abd", "b", "\xff"};
    for (unsigned i = 0; i < 7; i++)
        for (unsigned j = 0; j < 7; j++) {
            cr_assert_eq(sign(kernel_strcmp(texts[i], texts[j])), sign(strcmp(texts[i], texts[j])));
            cr_assert_eq(sign(kernel_strncmp(texts[i], texts[j], 2)),
                         sign(strncmp(texts[i], texts[j], 2)));
        }
}

Test(string, text)
{
    char buffer[4];

    cr_assert_eq(kernel_strlen("hello"), 5);
    cr_assert_eq(kernel_strnlen("hello", 3), 3);
    cr_assert_eq(kernel_strnlen("hi", 3), 2);
    cr_assert_str_eq(kernel_strchr("hello", 'l'), "llo");
    cr_assert_null(kernel_strchr("hello", 'z'));
    cr_assert_eq(*kernel_strchr("hello", 0), 0);
    cr_assert_eq(string_copy(buffer, "hello", sizeof(buffer)), 3);
    cr_assert_str_eq(buffer, "hel");
    cr_assert_eq(string_copy(buffer, "x", 0), 0);
}
