/*
 * kernel/fs/proc/time_offsets.c - /proc/PID/timens_offsets (time_namespaces(7)): the offsets of the
 * time namespace that the process's children will be in, written while nobody is in it.
 */
#include "kernel/fs/proc/namespace.h"

#include "kernel/fs/proc/proc.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/time_namespace.h"
#include "kernel/process/process.h"
#include "kernel/time/timespec.h"

#define WRITE_MAX      4096u /* so many bytes are too many */
#define LINES_MAX      2u
#define CLOCK_NAME_MAX 9u

/* Where children of the task would be, counted; NULL: the thread has ended. */
static struct namespace *for_children(const struct proc_target *target)
{
    struct nsproxy *proxy = nsproxy_of_task(target->task);
    if (!proxy)
        return NULL;
    struct namespace *namespace = proxy->time_for_children;
    namespace_get(namespace);
    nsproxy_put(proxy);
    return namespace;
}

static void show_one(struct proc_text *text, const char *name, int64_t ns)
{
    int64_t seconds = ns / (int64_t)NS_PER_SECOND, rest = ns % (int64_t)NS_PER_SECOND;
    if (rest < 0) {
        rest += (int64_t)NS_PER_SECOND;
        seconds--;
    }
    text_print(text, "%-10s %10ld %9ld\n", name, seconds, rest);
}

int proc_show_time_offsets(struct proc_text *text, const struct proc_target *target)
{
    struct namespace *namespace = for_children(target);
    int64_t monotonic_ns, boottime_ns;
    if (!namespace)
        return 0;
    time_namespace_offsets(namespace, &monotonic_ns, &boottime_ns);
    namespace_put(namespace);
    show_one(text, "monotonic", monotonic_ns);
    show_one(text, "boottime", boottime_ns);
    return 0;
}

/* ---- writing ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A decimal number behind white space; false: there is none. More than 64 bits are the largest. */
static bool take_number(const char **at, uint64_t *ret)
{
    uint64_t value = 0;
    bool any = false;
    while (is_space(**at))
        (*at)++;
    for (; **at >= '0' && **at <= '9'; (*at)++, any = true) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
            value = UINT64_MAX;
    }
    *ret = value;
    return any;
}

static bool take_signed(const char **at, int64_t *ret)
{
    uint64_t value;
    while (is_space(**at))
        (*at)++;
    bool negative = **at == '-';
    if (negative && is_space((*at)[1]))
        return false;
    *at += negative;
    if (!take_number(at, &value))
        return false;
    value = min(value, (uint64_t)INT64_MAX);
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* "monotonic" or "boottime" (or the clock's number), seconds, nanoseconds; what follows is ignored. */
static bool parse_line(const char *line, struct time_offset *ret)
{
    char name[CLOCK_NAME_MAX + 1];
    size_t length = 0;
    uint64_t ns;
    while (is_space(*line))
        line++;
    for (; *line && !is_space(*line) && length < CLOCK_NAME_MAX; line++)
        name[length++] = *line;
    name[length] = 0;
    if (strcmp(name, "boottime") == 0 || strcmp(name, "7") == 0)
        ret->boottime = true;
    else if (strcmp(name, "monotonic") != 0 && strcmp(name, "1") != 0)
        return false;
    if (!take_signed(&line, &ret->value.seconds) || !take_number(&line, &ns) || ns >= NS_PER_SECOND)
        return false;
    ret->value.nanoseconds = (int64_t)ns;
    return true;
}

/* How many bytes were taken: two lines at most. Or -EINVAL. */
static ssize_t parse(char *text, size_t bytes, struct time_offset offsets[LINES_MAX],
                     unsigned *ret_count)
{
    char *line = text;
    *ret_count = 0;
    for (;;) {
        char *end = line;
        while (*end && *end != '\n')
            end++;
        bool more = *end && end[1];
        *end = 0;
        if (!parse_line(line, &offsets[*ret_count]))
            return -EINVAL;
        line = end + 1;
        if (++*ret_count == LINES_MAX || !more)
            return more ? line - text : (ssize_t)bytes;
    }
}

ssize_t proc_write_time_offsets(const struct proc_target *target, struct io_buffer *buffer,
                                uint64_t position)
{
    struct time_offset offsets[LINES_MAX] = {};
    size_t bytes = buffer->remaining;
    unsigned count;
    if (position || bytes >= WRITE_MAX)
        return -EINVAL;
    char *text = kzalloc(bytes + 1);
    if (!text)
        return -ENOMEM;
    ssize_t result = -EFAULT;
    if (io_copy_from(buffer, text, bytes) == bytes)
        result = parse(text, bytes, offsets, &count);
    kfree(text);
    if (result < 0)
        return result;
    struct namespace *namespace = for_children(target);
    if (!namespace)
        return -ESRCH;
    int error = process_has_capability(current->process, CAP_SYS_TIME) ? 0 : -EPERM;
    if (!error)
        error = time_namespace_set(namespace, offsets, count);
    namespace_put(namespace);
    return error ? error : result;
}
