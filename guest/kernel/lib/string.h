/* kernel/lib/string.h - the C library's memory and string functions, as far as the kernel needs
 * them. */
#ifndef KERNEL_LIB_STRING_H
#define KERNEL_LIB_STRING_H

#include "kernel/lib/types.h"

void *memset(void *destination, int value, size_t bytes);
void *memcpy(void *destination, const void *source, size_t bytes);
void *memmove(void *destination, const void *source, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *string);
size_t strnlen(const char *string, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
char *strchr(const char *string, int character);
/*
 * A freestanding compiler takes these for functions like any other. The builtins let it expand
 * small, constant sizes in place; everything else still calls the functions.
 */
#ifndef KERNEL_STRING_FUNCTIONS
#define memset(destination, value, bytes)   __builtin_memset(destination, value, bytes)
#define memcpy(destination, source, bytes)  __builtin_memcpy(destination, source, bytes)
#define memmove(destination, source, bytes) __builtin_memmove(destination, source, bytes)
#define memcmp(a, b, bytes)                 __builtin_memcmp(a, b, bytes)
#define strlen(string)                      __builtin_strlen(string)
#define strcmp(a, b)                        __builtin_strcmp(a, b)
#endif

/* Copies at most size-1 characters and always terminates; returns the length copied. */
size_t string_copy(char *destination, const char *source, size_t size);

#endif
