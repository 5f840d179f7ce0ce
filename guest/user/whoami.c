/*
 * whoami - who this process is, by its token: the user's SID; with /all (or --all) groups, privileges, integrity
 * level and logon session as well.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vitrine/sddl.h"
#include "vitrine/token_text.h"

static void show_groups(int token)
{
    uint32_t bytes, count = 0, length, attributes;
    uint8_t *answer = token_answer(token, TOKEN_CLASS_GROUPS, &bytes);
    char text[SDDL_SID_TEXT_MAX];

    if (answer && bytes >= 4)
        memcpy(&count, answer, 4);
    for (uint32_t i = 0, at = 4; i < count && at + 4 <= bytes; i++) {
        memcpy(&length, answer + at, 4);
        if (length > bytes - at - 8)
            break;
        memcpy(&attributes, answer + at + 4 + length, 4);
        if (sid_format(answer + at + 4, length, text, sizeof(text)) < 0)
            break;
        printf("group      %s%s%s%s%s%s\n", text, attributes & 1 ? " mandatory" : "",
               attributes & 4 ? " enabled" : " disabled", attributes & 8 ? " owner" : "",
               attributes & 16 ? " deny-only" : "",
               (attributes & 0xc0000000u) == 0xc0000000u ? " logon" : "");
        at += 8 + length;
    }
    free(answer);
}

static void show_privileges(int token)
{
    struct token_privileges privileges;
    uint32_t bytes = sizeof(privileges);

    if (token_query(token, TOKEN_CLASS_PRIVILEGES, &privileges, &bytes) != 0)
        return;
    for (unsigned i = 0; i < 64; i++)
        if (privileges.present >> i & 1)
            printf("privilege  %s %s%s\n", token_privilege_name(i),
                   privileges.enabled >> i & 1 ? "enabled" : "disabled",
                   privileges.used >> i & 1 ? " used" : "");
}

static int show_all(int token)
{
    struct token_statistics statistics;
    uint32_t bytes = sizeof(statistics), level = 0;
    uint8_t integrity[12];
    char text[SDDL_SID_TEXT_MAX];

    if (token_query(token, TOKEN_CLASS_STATISTICS, &statistics, &bytes) != 0)
        return -1;
    bytes = sizeof(integrity);
    if (token_query(token, TOKEN_CLASS_INTEGRITY, integrity, &bytes) == 0)
        memcpy(&level, integrity + 8, sizeof(level));
    printf("user       %s\n", token_sid_text(token, TOKEN_CLASS_USER, text, sizeof(text)));
    show_groups(token);
    show_privileges(token);
    printf("integrity  %s\n", token_integrity_name(level));
    printf("session    %" PRIu64 "\ntoken      %" PRIu64 " (%s, adjusted %" PRIu64 " times)\n",
           statistics.session, statistics.token,
           statistics.type == TOKEN_PRIMARY ? "primary" : "impersonation", statistics.modified);
    return 0;
}

int main(int argc, char **argv)
{
    bool all = argc == 2 && (strcmp(argv[1], "/all") == 0 || strcmp(argv[1], "--all") == 0);
    char text[SDDL_SID_TEXT_MAX];

    if (argc > 1 && !all) {
        fprintf(stderr, "usage: whoami [/all]\n");
        return 2;
    }
    int token = token_open_self(0, TOKEN_QUERY);
    if (token < 0) {
        fprintf(stderr, "whoami: my own token: %s\n", strerror(errno));
        return 1;
    }
    if (!all)
        puts(token_sid_text(token, TOKEN_CLASS_USER, text, sizeof(text)));
    else if (show_all(token) != 0) {
        fprintf(stderr, "whoami: my own token: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
