/*
 * tests/guest/guest.h - how a guest program talks to its test: whole lines on stdout, one line back
 * on stdin.
 */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_BYTES 4096

/* One line, in one write, so that lines of several processes never mix. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    char line[512];
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (write(1, line, (size_t)length) != length)
        _exit(98);
}

static inline _Noreturn void fail(const char *what)
{
    say("FAILED %s: %s", what, strerror(errno));
    _exit(99);
}

/* Blocks until the test has sent a line. */
static inline void await_host(void)
{
    char byte;
    ssize_t got;

    do
        got = read(0, &byte, 1);
    while (got == 1 && byte != '\n');
    if (got != 1)
        fail("the host closed stdin");
}

#endif
