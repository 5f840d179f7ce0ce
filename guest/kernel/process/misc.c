/*
 * misc.c - random bytes, the kernel's log, and per-thread registrations.
 */
#include "kernel/lib/string.h"
#include "kernel/observe/log.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

/* ---- random ---- */

#define GRND_NONBLOCK               1u
#define GRND_RANDOM                 2u
#define GRND_INSECURE               4u
#define PIECES_PER_PREEMPTION_POINT 64u

SYSCALL3(getrandom, uint64_t, address, size_t, bytes, uint32_t, flags)
{
    uint8_t piece[256];
    size_t done = 0;
    if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    bytes = min(bytes, (size_t)INT32_MAX);
    for (unsigned pieces = 1; done < bytes; pieces++) {
        size_t count = min(bytes - done, sizeof(piece));
        random_bytes(piece, count);
        size_t copied = copy_to_user_partial(address + done, piece, count);
        done += copied;
        if (copied < count)
            return done ? (int64_t)done : -EFAULT;
        if (task_interrupted(current))
            break; /* never before the first 256 bytes: getrandom(2) */
        if (pieces % PIECES_PER_PREEMPTION_POINT == 0)
            preemption_point();
    }
    __builtin_memset(piece, 0, sizeof(piece));
    return (int64_t)done;
}

/* ---- log ---- */

enum syslog_action {
    SYSLOG_CLOSE = 0,
    SYSLOG_OPEN = 1,
    SYSLOG_READ = 2,
    SYSLOG_READ_ALL = 3,
    SYSLOG_READ_CLEAR = 4,
    SYSLOG_CLEAR = 5,
    SYSLOG_CONSOLE_OFF = 6,
    SYSLOG_CONSOLE_ON = 7,
    SYSLOG_CONSOLE_LEVEL = 8,
    SYSLOG_SIZE_UNREAD = 9,
    SYSLOG_SIZE_BUFFER = 10,
};

static uint64_t log_read_to; /* READ goes on here */

/* Copies from position on; a negative error, or bytes. */
static int64_t copy_log(uint64_t position, uint64_t address, uint64_t bytes)
{
    char piece[256];
    uint64_t done = 0;
    while (done < bytes) {
        size_t count = log_read(position + done, piece, min(bytes - done, sizeof(piece)));
        if (!count)
            break;
        if (copy_to_user(address + done, piece, count))
            return -EFAULT;
        done += count;
    }
    return (int64_t)done;
}

SYSCALL3(syslog, int, action, uint64_t, address, int, length)
{
    uint64_t head = load_acquire(&kernel_log.head), oldest = log_oldest(), from;
    bool only_look = action == SYSLOG_READ_ALL || action == SYSLOG_SIZE_BUFFER;
    if (!only_look && !process_has_capability(current->process, CAP_SYSLOG))
        return -EPERM;
    switch (action) {
    case SYSLOG_CLOSE:
    case SYSLOG_OPEN:
    case SYSLOG_CONSOLE_OFF:
    case SYSLOG_CONSOLE_ON:
        return 0; /* the log never goes to the console here */
    case SYSLOG_CONSOLE_LEVEL:
        return length >= 1 && length <= 8 ? 0 : -EINVAL;
    case SYSLOG_READ:
    case SYSLOG_READ_ALL:
    case SYSLOG_READ_CLEAR:
        if (!address || length < 0)
            return -EINVAL;
        if (!length)
            return 0;
        if (action == SYSLOG_READ) {
            from = max(READ_ONCE(log_read_to), oldest);
            int64_t copied = copy_log(from, address, (uint64_t)length);
            if (copied > 0)
                WRITE_ONCE(log_read_to, from + (uint64_t)copied);
            return copied;
        }
        /* The newest `length` bytes. */
        from = max(READ_ONCE(log_cleared), oldest);
        if (head - from > (uint64_t)length)
            from = head - (uint64_t)length;
        if (action == SYSLOG_READ_CLEAR)
            WRITE_ONCE(log_cleared, head);
        return copy_log(from, address, (uint64_t)length);
    case SYSLOG_CLEAR:
        WRITE_ONCE(log_cleared, head);
        return 0;
    case SYSLOG_SIZE_UNREAD:
        return (int64_t)(head - max(READ_ONCE(log_read_to), oldest));
    case SYSLOG_SIZE_BUFFER:
        return GLASS_LOG_BYTES;
    default:
        return -EINVAL;
    }
}

/* ---- threads ---- */

SYSCALL1(set_tid_address, uint64_t, address)
{
    current->clear_child_tid = address;
    return current->seen_tid;
}

/*
 * Restartable sequences are refused: their promise (the CPU number is always right, a sequence that
 * was interrupted is restarted) would cost every switch, and C libraries do without when the call
 * is missing.
 */
SYSCALL4(rseq, uint64_t, area, uint32_t, bytes, int, flags, uint32_t, signature)
{
    return -ENOSYS;
}
