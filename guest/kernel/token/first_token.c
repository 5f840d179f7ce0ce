/* kernel/token/first_token.c - see first_token.h. */
#include "kernel/token/first_token.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/security/sid.h"
#include "kernel/security/token_spec.h"
#include "kernel/time/clock.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_make.h"
#include "kernel/token/token_memory.h"

static int digit(char character)
{
    return character >= '0' && character <= '9'   ? character - '0'
           : character >= 'a' && character <= 'f' ? character - 'a' + 10
                                                  : -1;
}

/* The bytes in `memory`, of which there is room for half as many as digits; or -EINVAL. */
static int read_digits(const char *digits, uint8_t *memory)
{
    int bytes = 0;
    for (; digits[0]; digits += 2, bytes++) {
        int high = digit(digits[0]), low = digits[1] ? digit(digits[1]) : -1;
        if (high < 0 || low < 0)
            return -EINVAL;
        memory[bytes] = (uint8_t)(high << 4 | low);
    }
    return bytes;
}

static int install(struct byte_span spec, struct sid_attributes *entries)
{
    static const uint8_t package[] = "vitrine run";
    struct sid_buffer logon;
    struct token token;
    uint64_t session;
    int error = token_spec_read(spec, entries, &logon, &token);
    if (!error && token.subject.type != TOKEN_PRIMARY)
        error = -EINVAL;
    if (!error)
        error = logon_session_create(0, LOGON_INTERACTIVE, token.subject.user,
                                     (struct byte_span){package, sizeof(package) - 1}, &session);
    if (error)
        return error;
    sid_make_logon(&logon, session); /* the last group points there */
    token.created = clock_realtime_ns();
    struct token_object *made = token_make(&token, session, SECURITY_CREATED, &error);
    if (made)
        process_token_install(made);
    return error;
}

int first_token_install(const char *digits)
{
    size_t length = strlen(digits);
    if (!length)
        return 0;
    uint8_t *memory = token_memory(length / 2 + 1);
    if (!memory)
        return -ENOMEM;
    int bytes = read_digits(digits, memory);
    struct byte_span spec = {memory, bytes < 0 ? 0 : (uint32_t)bytes};
    int count = bytes < 0 ? bytes : token_spec_entries(spec);
    struct sid_attributes *entries =
        count < 0 ? NULL : token_memory((size_t)count * sizeof(*entries));
    int error = count < 0 ? count : entries ? install(spec, entries) : -ENOMEM;
    kfree(entries);
    kfree(memory);
    return error;
}
