/* tests/unit/host/kernel.c - what every kernel source may call: panic, log, spinlocks. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/lib/panic.h"
#include "kernel/mm/failing.h"
#include "kernel/sync/spinlock.h"

void panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("panic: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void log_line(const char *format, ...)
{
    (void)format;
}

void spin_lock_contended(struct spinlock *lock)
{
    panic("a spinlock of rank %u is taken twice by the only CPU", lock->rank);
}

/* Nothing fails on request here. */
uint32_t failing_kinds;

bool allocation_chosen(uint32_t kind)
{
    (void)kind;
    return false;
}
