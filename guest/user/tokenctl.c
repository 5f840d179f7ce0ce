/*
 * tokenctl - looks at tokens and descriptors, and changes what this process may:
 *
 *     tokenctl privilege enable|disable|remove NAME... [-- PROGRAM ARGUMENT...]
 *     tokenctl restrict [-p PRIVILEGE]... [-r SID]... -- PROGRAM ARGUMENT...   (needs SeAssignPrimaryToken)
 *     tokenctl getsd PID|token
 *     tokenctl setsd PID|token SDDL
 *     tokenctl check SDDL RIGHTS
 *
 * Descriptors are text (SDDL), rights numbers. Status 0; 1 refused or failed; 2 not understood.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vitrine/sddl.h"
#include "vitrine/token_text.h"

#define TEXT_MAX 65536u
#define SIDS_MAX 32u
#define PARTS    (SD_OWNER | SD_GROUP | SD_DACL)

static _Noreturn void usage(void)
{
    fputs("usage: tokenctl privilege enable|disable|remove NAME... [-- PROGRAM ARGUMENT...]\n"
          "       tokenctl restrict [-p PRIVILEGE]... [-r SID]... -- PROGRAM ARGUMENT...\n"
          "       tokenctl getsd PID|token\n"
          "       tokenctl setsd PID|token SDDL\n"
          "       tokenctl check SDDL RIGHTS\n",
          stderr);
    exit(2);
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "tokenctl: %s: %s\n", what, strerror(errno));
    exit(1);
}

static _Noreturn void not_understood(const char *what, const char *text)
{
    fprintf(stderr, "tokenctl: '%s' is no %s\n", text, what);
    exit(2);
}

static unsigned privilege_of(const char *name)
{
    int number = token_privilege_number(name);
    if (number < 0)
        not_understood("privilege", name);
    return (unsigned)number;
}

static void start(char **program)
{
    execvp(program[0], program);
    fail(program[0]);
}

static int change_privileges(char **words)
{
    static const char *const names[] = {"disable", "", "enable", "", "remove"};
    unsigned what = 0;
    while (what < 5 && (!words[0] || strcmp(words[0], names[what]) != 0))
        what++;
    if (what == 5 || !words[1])
        usage();
    int token = token_open_self(TOKEN_OPEN_REAL, TOKEN_ADJUST_PRIVILEGES);
    if (token < 0)
        fail("my own token");
    for (words++; *words && strcmp(*words, "--") != 0; words++)
        if (token_adjust_privilege(token, privilege_of(*words), what, NULL) != 0)
            fail(*words);
    close(token);
    if (*words && words[1])
        start(words + 1);
    return 0;
}

static int restrict_and_start(char **words)
{
    uint8_t sids[SIDS_MAX * SDDL_SID_BYTES_MAX];
    uint32_t count = 0, bytes = 0;
    uint64_t privileges = 0;
    const char *end;

    for (; words[0] && words[1] && strcmp(words[0], "--") != 0; words += 2) {
        if (strcmp(words[0], "-p") == 0) {
            privileges |= 1ull << privilege_of(words[1]);
        } else if (strcmp(words[0], "-r") == 0 && count < SIDS_MAX) {
            int length = sid_parse(words[1], sids + bytes, &end);
            if (length < 0 || *end)
                not_understood("SID", words[1]);
            bytes += (uint32_t)length;
            count++;
        } else {
            usage();
        }
    }
    if (!words[0] || strcmp(words[0], "--") != 0 || !words[1])
        usage();
    int own = token_open_self(TOKEN_OPEN_REAL, TOKEN_DUPLICATE | TOKEN_ASSIGN_PRIMARY);
    if (own < 0)
        fail("my own token");
    int less = token_restrict(own, privileges, NULL, 0, sids, count, bytes, 0);
    if (less < 0 || token_install(less) != 0)
        fail("a token with less");
    start(words + 1);
    return 1;
}

/* A descriptor of the token of this process, or of a process. */
static int open_object(const char *word)
{
    char *end;
    int fd = -1;
    if (strcmp(word, "token") == 0) {
        fd = token_open_self(TOKEN_OPEN_REAL, 0);
    } else {
        long pid = strtol(word, &end, 10);
        if (end == word || *end || pid <= 0 || pid > INT32_MAX)
            not_understood("process number", word);
        fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    }
    if (fd < 0)
        fail(word);
    return fd;
}

static int parse_descriptor(const char *text, uint8_t *bytes, size_t room)
{
    int length = sddl_parse(text, bytes, room, NULL);
    if (length < 0)
        not_understood("descriptor", text);
    return length;
}

static int get_descriptor(char **words)
{
    static uint8_t bytes[SDDL_DESCRIPTOR_BYTES_MAX];
    static char text[TEXT_MAX];
    if (!words[0] || words[1])
        usage();
    int length = sd_get(open_object(words[0]), PARTS, bytes, sizeof(bytes));
    if (length < 0)
        fail(words[0]);
    if (sddl_format(bytes, (size_t)length, text, sizeof(text)) < 0)
        fail("the descriptor as text");
    puts(text);
    return 0;
}

static int set_descriptor(char **words)
{
    static uint8_t bytes[SDDL_DESCRIPTOR_BYTES_MAX];
    if (!words[0] || !words[1] || words[2])
        usage();
    int length = parse_descriptor(words[1], bytes, sizeof(bytes));
    unsigned parts = 0; /* those that are there: offsets of owner, group, DACL */
    static const struct {
        unsigned at, part;
    } places[] = {{4, SD_OWNER}, {8, SD_GROUP}, {16, SD_DACL}};
    for (unsigned i = 0; i < 3; i++) {
        uint32_t offset;
        memcpy(&offset, bytes + places[i].at, sizeof(offset));
        parts |= offset ? places[i].part : 0;
    }
    if (sd_set(open_object(words[0]), parts, bytes, (uint32_t)length) != 0)
        fail(words[0]);
    return 0;
}

static int check(char **words)
{
    static uint8_t bytes[SDDL_DESCRIPTOR_BYTES_MAX];
    uint32_t granted = 0;
    if (!words[0] || !words[1] || words[2])
        usage();
    int length = parse_descriptor(words[0], bytes, sizeof(bytes));
    struct access_arguments asked = {
        .token_fd = -1,
        .descriptor = (uint64_t)(uintptr_t)bytes,
        .descriptor_bytes = (uint32_t)length,
        .desired = (uint32_t)strtoul(words[1], NULL, 0),
        .all = 0x1fffff,
        .granted_at = (uint64_t)(uintptr_t)&granted,
    };
    long result = sd_access_check(&asked);
    if (result < 0 && errno != EACCES)
        fail(words[0]);
    printf("%s, granted %#x\n", result < 0 ? "denied" : "allowed", granted);
    return result < 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*run)(char **words);
    } commands[] = {{"privilege", change_privileges},
                    {"restrict", restrict_and_start},
                    {"getsd", get_descriptor},
                    {"setsd", set_descriptor},
                    {"check", check}};

    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].word) == 0)
            return commands[i].run(argv + 2);
    usage();
}
