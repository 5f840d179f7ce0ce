// SOURCES:
/* Does the kernel's formatting agree with the C library's, conversion by conversion? */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The kernel's functions under other names: the C library's are here to compare with. */
#define vsnprintf kernel_vsnprintf
#define snprintf  kernel_snprintf
#include "guest/kernel/lib/print.c"
#undef vsnprintf
#undef snprintf

#define same(...)                                                                                  \
    do {                                                                                           \
        char ours[128], theirs[128];                                                               \
        int our_length = kernel_snprintf(ours, sizeof(ours), __VA_ARGS__);                         \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                          \
        cr_expect_str_eq(ours, theirs);                                                            \
        cr_expect_eq(our_length, their_length);                                                    \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-truncation"

Test(print, numbers)
{
    static const int values[] = {0, 1, -1, 7, 42, -42, 1000000, INT_MAX, INT_MIN};

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        int v = values[i];
        same("%d %i %u %x %X %o", v, v, v, v, v, v);
        same("[%5d] [%-5d] [%05d] [%+d] [% d]", v, v, v, v, v);
        same("[%.3d] [%8.3d] [%-8.3d] [%08x] [%#x] [%#o]", v, v, v, v, v, v);
        same("[%*d] [%-*d] [%.*d]", 9, v, 9, v, 4, v);
        same("%hhd %hd %hhu %hu", v, v, v, v);
        same("%ld %lu %lx %lld %llu %zu %zd", (long)v, (long)v, (long)v, (long long)v, (long long)v,
             (size_t)v, (ssize_t)v);
    }
    same("%ld %lu %lo", LONG_MIN, ULONG_MAX, ULONG_MAX);
    same("[%*d]", -6, 5);
}

Test(print, text)
{
    same("%s|%10s|%-10s|%.2s|%10.2s|%-10.2s|", "hello", "hello", "hello", "hello", "hello",
         "hello");
    same("%.*s|%.0s|%s", 3, "hello", "hello", "");
    same("%c%c|%5c|%-5c|", 'a', 'b', 'c', 'd');
    same("100%%");
    same("%p", (void *)0x1234abcd);
}

Test(print, never_writes_past_the_end)
{
    char buffer[8] = "AAAAAAA";

    cr_assert_eq(kernel_snprintf(buffer, 4, "%s", "123456789"), 9);
    cr_assert_str_eq(buffer, "123");
    cr_assert_eq(buffer[4], 'A');
    cr_assert_eq(kernel_snprintf(buffer, 0, "%d", 12345), 5);
    cr_assert_eq(buffer[0], '1');
    cr_assert_eq(kernel_snprintf(NULL, 0, "%d", 12345), 5);
    cr_assert_eq(kernel_snprintf(buffer, 1, "x"), 1);
    cr_assert_eq(buffer[0], 0);
    /* A text that ends in the middle of a conversion. */
    cr_assert_eq(kernel_snprintf(buffer, sizeof(buffer), "ab%"), 2);
    cr_assert_eq(kernel_snprintf(buffer, sizeof(buffer), "ab%-5l"), 2);
}
