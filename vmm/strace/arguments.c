/*
 * vmm/strace/arguments.c - see arguments.h. The forms are those of strace(1), so that people can
 * read them and tools can compare.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "shared/trace.h"
#include "vmm/export/event_text.h"
#include "vmm/strace/arguments.h"
#include "vmm/strace/flags.h"

#define PIECE_BYTES 24u
#define SHOWN_BYTES 32u /* of memory that is read or written, as strace shows */

void call_add_text(struct call *call, const uint64_t record[4])
{
    uint8_t argument = (uint8_t)record[0],
            element = (uint8_t)(record[0] >> TRACE_TEXT_ELEMENT_SHIFT);
    size_t bytes = (uint8_t)(record[0] >> TRACE_TEXT_BYTES_SHIFT);
    size_t offset = (uint16_t)(record[0] >> TRACE_TEXT_OFFSET_SHIFT);
    bool result = record[0] & TRACE_TEXT_RESULT;
    struct call_text *text = NULL;

    if (argument >= SYSCALL_ARGUMENTS_MAX || bytes > PIECE_BYTES ||
        offset + bytes > CALL_TEXT_BYTES)
        return;
    for (unsigned i = 0; i < call->text_count; i++)
        if (call->texts[i].argument == argument && call->texts[i].element == element &&
            call->texts[i].result == result)
            text = &call->texts[i];
    if (!text) {
        if (call->text_count == CALL_TEXTS)
            return;
        text = &call->texts[call->text_count++];
        *text = (struct call_text){.argument = argument, .element = element, .result = result};
    }
    memcpy(text->data + offset, &record[1], bytes);
    if (offset + bytes > text->bytes)
        text->bytes = (uint8_t)(offset + bytes);
    text->cut = record[0] & TRACE_TEXT_CUT;
}

static const struct call_text *text_of(const struct call *call, unsigned argument, unsigned element,
                                       bool result)
{
    for (unsigned i = 0; i < call->text_count; i++)
        if (call->texts[i].argument == argument && call->texts[i].element == element &&
            call->texts[i].result == result)
            return &call->texts[i];
    return NULL;
}

/* In quotes, as a C string; control characters never reach a terminal. */
static void write_quoted(FILE *out, const struct call_text *text, size_t most)
{
    size_t shown = text->bytes < most ? text->bytes : most;

    fputc('"', out);
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text->data[i];
        static const char special[] = "\n\t\r\v\f", letters[] = "ntrvf";
        const char *found = c ? strchr(special, c) : NULL;

        if (found)
            fprintf(out, "\\%c", letters[found - special]);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c >= ' ' && c < 0x7f)
            fputc(c, out);
        else /* three digits where the next one could be taken for a part of it */
            fprintf(out,
                    i + 1 < shown && text->data[i + 1] >= '0' && text->data[i + 1] <= '9' ? "\\%03o"
                                                                                          : "\\%o",
                    c);
    }
    fputs(text->cut || text->bytes > shown ? "\"..." : "\"", out);
}

static void write_address(FILE *out, uint64_t value)
{
    if (value)
        fprintf(out, "%#" PRIx64, value);
    else
        fputs("NULL", out);
}

static void write_text(FILE *out, const struct call *call, unsigned i, bool result, size_t most)
{
    const struct call_text *text = text_of(call, i, 0, result);

    if (text)
        write_quoted(out, text, most);
    else
        write_address(out, call->arguments[i]);
}

static void write_strings(FILE *out, const struct call *call, unsigned i)
{
    const struct call_text *text = text_of(call, i, 0, false);

    if (!text) {
        write_address(out, call->arguments[i]);
        return;
    }
    fputc('[', out);
    for (unsigned element = 0; (text = text_of(call, i, element, false)) != NULL; element++) {
        if (element)
            fputs(", ", out);
        if (text->bytes == 0 && text->cut)
            fputs("...", out);
        else
            write_quoted(out, text, CALL_TEXT_BYTES);
    }
    fputc(']', out);
}

static void write_signal(FILE *out, uint64_t value)
{
    int signal = (int)value;

    if (signal > 0 && signal < 65 && sigabbrev_np(signal))
        fprintf(out, "SIG%s", event_signal_name(signal));
    else if (signal >= 32 && signal < 65)
        fprintf(out, "SIGRT_%d", signal - 32);
    else
        fprintf(out, "%d", signal);
}

static void write_status(FILE *out, const struct call *call, unsigned i)
{
    const struct call_text *text = text_of(call, i, 0, true);
    int status;

    if (!text || text->bytes < sizeof(status)) {
        write_address(out, call->arguments[i]);
        return;
    }
    memcpy(&status, text->data, sizeof(status));
    if (WIFEXITED(status))
        fprintf(out, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        fprintf(out, "[{WIFSIGNALED(s) && WTERMSIG(s) == SIG%s%s}]",
                event_signal_name(WTERMSIG(status)), WCOREDUMP(status) ? " && WCOREDUMP(s)" : "");
    else if (WIFSTOPPED(status))
        fprintf(out, "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIG%s}]",
                event_signal_name(WSTOPSIG(status)));
    else if (WIFCONTINUED(status))
        fputs("[{WIFCONTINUED(s)}]", out);
    else
        fprintf(out, "[%#x]", (unsigned)status);
}

static void write_pipe(FILE *out, const struct call *call, unsigned i)
{
    const struct call_text *text = text_of(call, i, 0, true);
    int ends[2];

    if (!text || text->bytes < sizeof(ends)) {
        write_address(out, call->arguments[i]);
        return;
    }
    memcpy(ends, text->data, sizeof(ends));
    fprintf(out, "[%d, %d]", ends[0], ends[1]);
}

/* The recorded part begins at st_mode (offset 24 of Linux's struct stat) and ends behind st_size.
 */
static void write_stat(FILE *out, const struct call *call, unsigned i)
{
    static const struct {
        uint32_t type;
        const char *name;
    } types[] = {{S_IFREG, "S_IFREG"},  {S_IFDIR, "S_IFDIR"}, {S_IFCHR, "S_IFCHR"},
                 {S_IFBLK, "S_IFBLK"},  {S_IFIFO, "S_IFIFO"}, {S_IFLNK, "S_IFLNK"},
                 {S_IFSOCK, "S_IFSOCK"}};
    const struct call_text *text = text_of(call, i, 0, true);
    uint32_t mode;
    uint64_t size;

    if (!text || text->bytes < 32) {
        write_address(out, call->arguments[i]);
        return;
    }
    memcpy(&mode, text->data, sizeof(mode));
    memcpy(&size, text->data + 24, sizeof(size));
    fputs("{st_mode=", out);
    for (size_t type = 0; type < sizeof(types) / sizeof(types[0]); type++)
        if ((mode & S_IFMT) == types[type].type)
            fprintf(out, "%s|", types[type].name);
    fprintf(out, "%#o, st_size=%" PRIu64 ", ...}", mode & 07777, size);
}

static void write_fcntl_value(FILE *out, const struct call *call, unsigned i)
{
    uint64_t value = call->arguments[i];

    switch ((int)call->arguments[1]) {
    case F_SETFD:
        fputs(value == FD_CLOEXEC ? "FD_CLOEXEC" : value ? "?" : "0", out);
        break;
    case F_SETFL:
        flags_write(out, 'O', value);
        break;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        fprintf(out, "%d", (int)value);
        break;
    default:
        fprintf(out, "%#" PRIx64, value);
        break;
    }
}

static void write_any_number(FILE *out, uint64_t value)
{
    int64_t number = (int64_t)value;

    /* Most are ints, whose upper half programs leave as it is; what is neither small nor an int is
     * bits. */
    if (value >> 32 == 0 && (int32_t)value >= -65536 && (int32_t)value < 0)
        number = (int32_t)value;
    if (number >= -65536 && number < 1 << 30)
        fprintf(out, "%" PRId64, number);
    else
        fprintf(out, "%#" PRIx64, value);
}

static void write_argument(FILE *out, const struct call *call, unsigned i, char kind,
                           int64_t result)
{
    uint64_t value = call->arguments[i];

    if (kind != KIND_CLONE && flags_write(out, kind, value))
        return;
    switch (kind) {
    case KIND_INT:
        fprintf(out, "%d", (int)value);
        break;
    case KIND_LONG:
        fprintf(out, "%" PRId64, (int64_t)value);
        break;
    case KIND_UNSIGNED:
        fprintf(out, "%" PRIu64, value);
        break;
    case KIND_OFFSET:
        fprintf(out, value ? "%#" PRIx64 : "%" PRIu64, value);
        break;
    case KIND_DESCRIPTOR:
        fprintf(out, "%d", (int)value);
        break;
    case KIND_DIRECTORY:
        if ((int)value == AT_FDCWD)
            fputs("AT_FDCWD", out);
        else
            fprintf(out, "%d", (int)value);
        break;
    case KIND_STRING:
        write_text(out, call, i, false, CALL_TEXT_BYTES);
        break;
    case KIND_STRINGS:
        write_strings(out, call, i);
        break;
    case KIND_MEMORY:
        write_text(out, call, i, false, SHOWN_BYTES);
        break;
    case KIND_RESULT_MEMORY:
        if (result == 0 && value && !text_of(call, i, 0, true))
            fputs("\"\"", out);
        else
            write_text(out, call, i, true, SHOWN_BYTES);
        break;
    case KIND_MODE:
        fprintf(out, "%#" PRIo64, value);
        break;
    case KIND_SIGNAL:
        write_signal(out, value);
        break;
    case KIND_CLONE:
        if (value & ~0xffull) {
            flags_write(out, KIND_CLONE, value & ~0xffull);
            if (value & 0xff)
                fputc('|', out);
        }
        if ((value & 0xff) || !value)
            write_signal(out, value & 0xff);
        break;
    case KIND_STAT:
        if (result < 0)
            write_address(out, value);
        else
            write_stat(out, call, i);
        break;
    case KIND_PIPE:
        write_pipe(out, call, i);
        break;
    case KIND_STATUS:
        write_status(out, call, i);
        break;
    case KIND_FCNTL_VALUE:
        write_fcntl_value(out, call, i);
        break;
    case KIND_HEX:
        write_address(out, value);
        break;
    default:
        write_any_number(out, value);
        break;
    }
}

void call_write_name(FILE *out, const struct call *call)
{
    const struct syscall_info *info = syscall_info(call->number);

    if (info->name)
        fputs(info->name, out);
    else
        fprintf(out, "syscall_%#" PRIx64, call->number);
}

unsigned call_argument_count(const struct call *call)
{
    const struct syscall_info *info = syscall_info(call->number);
    unsigned count = (unsigned)strlen(info->kinds);
    const char *open_flags = strchr(info->kinds, 'O'),
               *fcntl = strchr(info->kinds, KIND_FCNTL_VALUE);

    /* The mode of an open means something only if a file may be made. */
    if (open_flags && open_flags[1] == KIND_MODE) {
        uint64_t flags = call->arguments[open_flags - info->kinds];

        if (!(flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE)
            count--;
    }
    if (fcntl && (call->arguments[1] == F_GETFD || call->arguments[1] == F_GETFL))
        count--;
    return count;
}

unsigned call_first_result(const struct call *call)
{
    const char *kinds = syscall_info(call->number)->kinds;
    unsigned count = call_argument_count(call), first = (unsigned)strcspn(kinds, "otpS");

    return first < count ? first : count;
}

void call_write_arguments(FILE *out, const struct call *call, unsigned first, unsigned end,
                          int64_t result)
{
    const char *kinds = syscall_info(call->number)->kinds;

    for (unsigned i = first; i < end; i++) {
        if (i > first)
            fputs(", ", out);
        if (i < call->known)
            write_argument(out, call, i, kinds[i], result);
        else
            fputc('?', out); /* the record that has it was lost, or not asked for */
    }
}

static void write_fcntl_result(FILE *out, const struct call *call, int64_t result)
{
    switch ((int)call->arguments[1]) {
    case F_GETFD:
        fprintf(out, "%#" PRIx64 "%s", (uint64_t)result,
                result == FD_CLOEXEC ? " (flags FD_CLOEXEC)" : "");
        break;
    case F_GETFL:
        fprintf(out, "%#" PRIx64 " (flags ", (uint64_t)result);
        flags_write(out, 'O', (uint64_t)result);
        fputc(')', out);
        break;
    default:
        fprintf(out, "%" PRId64, result);
        break;
    }
}

void call_write_result(FILE *out, const struct call *call, int64_t result)
{
    const char *name = result < 0 && result >= -4095 ? flags_errno_name((int)-result) : NULL;

    if (name && result <= -512)
        fprintf(out, "? %s (interrupted)", name);
    else if (name)
        fprintf(out, "-1 %s (%s)", name, strerrordesc_np((int)-result));
    else if (result > 0 &&
             (call->number == SYS_mmap || call->number == SYS_brk || call->number == SYS_mremap))
        fprintf(out, "%#" PRIx64, (uint64_t)result);
    else if (call->number == SYS_umask)
        fprintf(out, "%#03o", (unsigned)result);
    else if (result > 0 && call->number == SYS_fcntl && call->known > 1)
        write_fcntl_result(out, call, result);
    else
        fprintf(out, "%" PRId64, result);
}
