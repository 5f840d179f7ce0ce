/* kernel/observe/log.c - see log.h. The lock is the innermost of all, so that any code may log. */
#include "kernel/observe/log.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/print.h"
#include "kernel/sync/spinlock.h"
#include "kernel/time/clock.h"

#define LINE_BYTES 256

struct glass_log kernel_log;
uint64_t log_cleared;
static struct spinlock log_lock = SPINLOCK_INIT(RANK_LOG);

static void put(const char *text)
{
    uint64_t head = kernel_log.head;
    for (; *text; text++)
        kernel_log.text[head++ % GLASS_LOG_BYTES] = *text;
    store_release(&kernel_log.head, head);
}

void log_line(const char *format, ...)
{
    char line[LINE_BYTES], stamp[24];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    uint64_t us = clock_monotonic_ns() / 1000;
    snprintf(stamp, sizeof(stamp), "[%5lu.%06lu] ", us / 1000000, us % 1000000);
    spin_lock(&log_lock);
    put(stamp);
    put(line);
    put("\n");
    spin_unlock(&log_lock);
    doorbell(HYPERCALL_LOG);
}

uint64_t log_oldest(void)
{
    uint64_t head = kernel_log.head;
    return head > GLASS_LOG_BYTES ? head - GLASS_LOG_BYTES : 0;
}

size_t log_read(uint64_t position, char *buffer, size_t bytes)
{
    size_t done = 0;
    spin_lock(&log_lock);
    position = max(position, log_oldest());
    while (done < bytes && position < kernel_log.head)
        buffer[done++] = kernel_log.text[position++ % GLASS_LOG_BYTES];
    spin_unlock(&log_lock);
    return done;
}
