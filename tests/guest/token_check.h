/*
 * tests/guest/token_check.h - for programs that judge tokens from inside: cases, each in a process of its own
 * that begins as SYSTEM, and the people in them.
 */
#ifndef TESTS_GUEST_TOKEN_CHECK_H
#define TESTS_GUEST_TOKEN_CHECK_H

#include "tests/guest/guest.h"
#include "vitrine/sddl.h"
#include "vitrine/token.h"
#include "vitrine/token_spec.h"

#include <sys/wait.h>

#define SE_CREATE_TOKEN   2
#define SE_ASSIGN_PRIMARY 3
#define SE_TCB            7
#define SE_DEBUG          20
#define SE_IMPERSONATE    29

#define INTEGRITY_LOW    4096u
#define INTEGRITY_MEDIUM 8192u
#define INTEGRITY_HIGH   12288u

/* The case ends if it is not so. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            say("line %d: %s (errno %d)", __LINE__, #condition, errno);                            \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)
/* The call fails with that errno. */
#define CHECK_ERROR(call, number) CHECK((errno = 0, (call) == -1 && errno == (number)))

struct test_case {
    const char *name;
    void (*run)(void);
};

/* Runs them all: "NAME: fine" or what was wrong, and last how many were not. */
static inline void run_cases(const struct test_case *cases, size_t count)
{
    unsigned failed = 0;
    for (size_t i = 0; i < count; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            cases[i].run();
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            fail("a case");
        failed += status != 0;
        say(status ? "%s: FAILED (%#x)" : "%s: fine", cases[i].name, status);
    }
    say("%u of %zu failed", failed, count);
}

/* A binary SID; good until the eighth call after this. */
static inline const uint8_t *sid(const char *text)
{
    static uint8_t sids[8][SDDL_SID_BYTES_MAX];
    static unsigned next;
    uint8_t *made = sids[next++ % 8];
    if (sid_parse(text, made, NULL) < 0)
        fail(text);
    return made;
}

#define USER_ANNA "S-1-5-21-1-2-3-1001"
#define USER_BODO "S-1-5-21-1-2-3-1002"

/* What somebody is; the rest is as usual for a user. */
struct somebody {
    const char *user;
    uint32_t type, level, integrity;
    uint64_t privileges;
    uint32_t policy;
};

/* A token of them, of SYSTEM's logon session: groups Users (mandatory), S-1-5-32-900 (not), Everyone. */
static inline int token_of(struct somebody who)
{
    uint8_t bytes[1024];
    const struct token_spec_sid groups[] = {
        {sid("S-1-5-32-545"), 7}, {sid("S-1-5-32-900"), 6 | 8}, {sid("S-1-1-0"), 7}};
    const struct token_spec spec = {
        .type = (uint8_t)(who.type ? who.type : TOKEN_PRIMARY),
        .level = (uint8_t)who.level,
        .integrity = who.integrity ? who.integrity : INTEGRITY_MEDIUM,
        .mandatory_policy = who.policy,
        .privileges_present = who.privileges,
        .privileges_enabled = who.privileges,
        .uid = 1000,
        .gid = 1000,
        .session = 999,
        .user = sid(who.user),
        .groups = groups,
        .group_count = 3,
    };
    int length = token_spec_bytes(&spec, bytes, sizeof bytes);
    return length < 0 ? -1 : token_create(bytes, (size_t)length);
}

/* From here on the process is that. */
static inline void become(struct somebody who)
{
    int token = token_of(who);
    CHECK(token >= 0);
    CHECK(token_install(token) == 0);
    close(token);
}

static inline int is_user(int token, const char *user)
{
    uint8_t answer[SDDL_SID_BYTES_MAX];
    uint32_t bytes = sizeof answer;
    const uint8_t *wanted = sid(user);
    return token_query(token, TOKEN_CLASS_USER, answer, &bytes) == 0 &&
           bytes == 8u + 4u * wanted[1] && memcmp(answer, wanted, bytes) == 0;
}

/* Whom this thread acts as, or who the process is. */
static inline int acting_as(const char *user)
{
    int token = token_open_self(0, TOKEN_QUERY);
    int is = token >= 0 && is_user(token, user);
    close(token);
    return is;
}
static inline int being(const char *user)
{
    int token = token_open_self(TOKEN_OPEN_REAL, TOKEN_QUERY);
    int is = token >= 0 && is_user(token, user);
    close(token);
    return is;
}

static inline uint32_t ask_number(int token, enum token_class what)
{
    uint32_t value = 0, bytes = sizeof value;
    CHECK(token_query(token, what, &value, &bytes) == 0 && bytes == sizeof value);
    return value;
}

static inline struct token_privileges privileges_of(int token)
{
    struct token_privileges answer;
    uint32_t bytes = sizeof answer;
    CHECK(token_query(token, TOKEN_CLASS_PRIVILEGES, &answer, &bytes) == 0);
    return answer;
}

static inline struct token_statistics statistics_of(int token)
{
    struct token_statistics answer;
    uint32_t bytes = sizeof answer;
    CHECK(token_query(token, TOKEN_CLASS_STATISTICS, &answer, &bytes) == 0);
    return answer;
}

#endif
