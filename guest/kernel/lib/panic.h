/*
 * kernel/lib/panic.h - the end of the kernel, said well: registers, backtrace and message go into
 * the glass, the doorbell rings, every CPU stops. The host prints the report with symbols.
 */
#ifndef KERNEL_LIB_PANIC_H
#define KERNEL_LIB_PANIC_H

__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);

/* An invariant of the kernel's own; never for anything that a program or the host can cause. */
#define kernel_assert(condition)                                                                   \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            panic("%s:%d: invariant broken: %s", __FILE__, __LINE__, #condition);                  \
    } while (0)

/* One line of the kernel's log, readable from outside. A newline is added. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
