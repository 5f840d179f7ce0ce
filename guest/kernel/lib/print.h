/* kernel/lib/print.h - formatted text into buffers (%d %i %u %x %X %o %c %s %p %%, width, 0, -, l,
 * ll, z, .*). */
#ifndef KERNEL_LIB_PRINT_H
#define KERNEL_LIB_PRINT_H

#include <stdarg.h>

#include "kernel/lib/types.h"

/* As the C library's: returns the length that the whole text would have. */
int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
int snprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
