/*
 * kernel/syscall/traced.c - a system call with records around it.
 *
 * What does not fit into the two records goes in front of the one that it belongs to: arguments
 * four to six, and the beginnings of texts. The kernel reads a text itself, at the entry (or, for
 * what the call wrote, at the exit), because only then is it what the program gave: a reader
 * outside would come later. The call reads its arguments once more: a thread that changes them in
 * between can make the two differ. None of this happens unless somebody asked for it.
 */
#include "kernel/observe/trace.h"
#include "kernel/process/ptrace.h"
#include "kernel/syscall/dispatch.h"
#include "kernel/syscall/native.h"

#define PAGE_BYTES   4096u
#define STRINGS_MAX  8u  /* of a list of strings, as execve takes */
#define STRING_BYTES 96u /* of a path or another string */
#define MEMORY_BYTES 48u /* of what is read or written */
#define PIECE_BYTES  (3 * sizeof(uint64_t))

enum {
#define SYSCALL(number, name, arguments, part) CALL_##name = number,
#include "kernel/syscall/table.def"
#undef SYSCALL
};

/* Letters of table.def, one per argument; an empty string for numbers not in use. */
static const char arguments_of[SYSCALL_NUMBER_END][8] = {
#define SYSCALL(number, name, arguments, part) [number] = arguments,
#include "kernel/syscall/table.def"
#undef SYSCALL
};

static const char native_arguments_of[NATIVE_CALL_COUNT][8] = {
#define SYSCALL(number, name, arguments, part) [(number)-NATIVE_CALL_FIRST] = arguments,
#include "kernel/syscall/native.def"
#undef SYSCALL
};

static const char *letters_of(uint64_t number)
{
    if (number < SYSCALL_NUMBER_END)
        return arguments_of[number];
    number -= NATIVE_CALL_FIRST;
    return number < NATIVE_CALL_COUNT ? native_arguments_of[number] : "";
}

static bool wanted(enum trace_type type)
{
    return READ_ONCE(trace_active) & (1ull << type);
}

static uint64_t argument_of(const struct trap_frame *frame, unsigned index)
{
    const uint64_t values[6] = {frame->rdi, frame->rsi, frame->rdx,
                                frame->r10, frame->r8,  frame->r9};
    return values[index];
}

static void write_text(const char *text, size_t bytes, uint64_t header)
{
    size_t offset = 0;
    do {
        uint64_t words[3] = {0};
        size_t piece = bytes - offset < PIECE_BYTES ? bytes - offset : PIECE_BYTES;
        __builtin_memcpy(words, text + offset, piece);
        trace_event(TRACE_SYSCALL_TEXT,
                    header | piece << TRACE_TEXT_BYTES_SHIFT | offset << TRACE_TEXT_OFFSET_SHIFT,
                    words[0], words[1], words[2]);
        offset += piece;
    } while (offset < bytes);
}

/* Page by page, so that no page is touched behind the one where the string ends. */
static void write_string(uint64_t address, uint64_t header)
{
    char text[STRING_BYTES];
    size_t bytes = 0;
    bool whole = false;
    while (bytes < STRING_BYTES && !whole) {
        size_t piece = PAGE_BYTES - (address + bytes) % PAGE_BYTES;
        piece = piece < STRING_BYTES - bytes ? piece : STRING_BYTES - bytes;
        size_t got = copy_from_user_partial(text + bytes, address + bytes, piece);
        size_t end = bytes + got;
        while (bytes < end && text[bytes])
            bytes++;
        whole = bytes < end;
        if (got < piece)
            break;
    }
    if (whole || bytes)
        write_text(text, bytes, header | (whole ? 0 : TRACE_TEXT_CUT));
}

static void write_memory(uint64_t address, uint64_t bytes, uint64_t header)
{
    char text[MEMORY_BYTES];
    size_t kept = bytes < MEMORY_BYTES ? bytes : MEMORY_BYTES;
    size_t got = copy_from_user_partial(text, address, kept);
    if (got)
        write_text(text, got, header | (got < bytes ? TRACE_TEXT_CUT : 0));
}

/* A NULL-terminated list of strings. */
static void write_strings(uint64_t address, uint64_t header)
{
    for (uint64_t i = 0; i <= STRINGS_MAX; i++) {
        uint64_t string;
        if (get_user(string, address + i * sizeof(string)) != 0 || !string)
            return;
        if (i < STRINGS_MAX)
            write_string(string, header | i << TRACE_TEXT_ELEMENT_SHIFT);
        else
            write_text("", 0, header | i << TRACE_TEXT_ELEMENT_SHIFT | TRACE_TEXT_CUT);
    }
}

static void write_arguments(const struct trap_frame *frame, uint64_t number)
{
    const char *letters = letters_of(number);
    if (wanted(TRACE_SYSCALL_ARGUMENTS) && __builtin_strlen(letters) > 3)
        trace_event(TRACE_SYSCALL_ARGUMENTS, frame->r10, frame->r8, frame->r9, 0);
    if (!wanted(TRACE_SYSCALL_TEXT))
        return;
    for (unsigned i = 0; letters[i]; i++)
        if ((letters[i] == 'p' || letters[i] == 's') && argument_of(frame, i))
            write_string(argument_of(frame, i), i);
    if (number == CALL_write || number == CALL_pwrite64)
        write_memory(frame->rsi, frame->rdx, 1);
    else if (number == CALL_execve && frame->rsi)
        write_strings(frame->rsi, 1);
}

/* What the call left in the program's memory, where it is small and tells something. */
static void write_results(const struct trap_frame *frame, uint64_t number, int64_t result)
{
    if (result < 0)
        return;
    switch (number) {
    case CALL_read:
    case CALL_pread64:
        write_memory(frame->rsi, (uint64_t)result, 1 | TRACE_TEXT_RESULT);
        break;
    case CALL_getcwd: /* the result counts the NUL */
        write_memory(frame->rdi, (uint64_t)result - (result > 0), 0 | TRACE_TEXT_RESULT);
        break;
    case CALL_readlink:
        write_memory(frame->rsi, (uint64_t)result, 1 | TRACE_TEXT_RESULT);
        break;
    case CALL_readlinkat:
        write_memory(frame->rdx, (uint64_t)result, 2 | TRACE_TEXT_RESULT);
        break;
    case CALL_pipe:
    case CALL_pipe2:
        write_memory(frame->rdi, 2 * sizeof(int), 0 | TRACE_TEXT_RESULT);
        break;
    case CALL_wait4:
        if (result > 0 && frame->rsi)
            write_memory(frame->rsi, sizeof(int), 1 | TRACE_TEXT_RESULT);
        break;
    case CALL_stat: /* from st_mode to st_size: Linux's struct stat on x86-64 */
    case CALL_lstat:
    case CALL_fstat:
        write_memory(frame->rsi + 24, 32, 1 | TRACE_TEXT_RESULT);
        break;
    case CALL_newfstatat:
        write_memory(frame->rdx + 24, 32, 2 | TRACE_TEXT_RESULT);
        break;
    default:
        break;
    }
}

/* With the stops of a task that a program traces around it: the tracer may change the call, and its
 * result. */
void syscall_dispatch_traced(struct trap_frame *frame)
{
    if (task_is_traced(current))
        ptrace_syscall_enter(frame);
    uint64_t number = frame->original_rax;
    bool more = wanted(TRACE_SYSCALL_ARGUMENTS) || wanted(TRACE_SYSCALL_TEXT);
    if (more)
        write_arguments(frame, number);
    trace_event(TRACE_SYSCALL_ENTER, number, frame->rdi, frame->rsi, frame->rdx);
    frame->rax =
        (uint64_t)(number < SYSCALL_NUMBER_END ? syscall_handlers[number] : syscall_unknown)(frame);
    if (more && wanted(TRACE_SYSCALL_TEXT))
        write_results(frame, number, (int64_t)frame->rax);
    trace_event(TRACE_SYSCALL_EXIT, number, frame->rax, 0, 0);
    if (task_is_traced(current))
        ptrace_syscall_exit(frame);
}
