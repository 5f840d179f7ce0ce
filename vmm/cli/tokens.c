/* vmm/cli/tokens.c - `vitrine tokens`: who the processes of a machine are, and who threads act as. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

static const char *level_name(const struct vt_token *token)
{
    static const char *const names[] = {"anonymous", "identification", "impersonation",
                                        "delegation"};

    if (!token->impersonation)
        return "primary";
    return token->level < sizeof(names) / sizeof(names[0]) ? names[token->level] : "?";
}

static void print_numbers(const char *what, const int32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%s%d", i ? "," : what, numbers[i]);
}

static void print(const struct vt_token *token)
{
    printf("%6" PRIu64 " %-14s %-9s %7" PRIu64 " %5u %2d/%-2d %-12s", token->id, level_name(token),
           vt_integrity_name(token->integrity), token->session, token->references,
           __builtin_popcountll(token->privileges_enabled),
           __builtin_popcountll(token->privileges_present), token->user);
    print_numbers(" process ", token->pids, token->pid_count);
    print_numbers(" thread ", token->tids, token->tid_count);
    if (*token->restricting)
        printf(" (restricted%s to %s)", token->write_restricted ? " in writing" : "",
               token->restricting);
    putchar('\n');
}

static json_t *numbers_json(const int32_t *numbers, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(numbers[i]));
    return list;
}

/* SIDs of a text with a space between two; with their attributes, if there are any. */
static json_t *sids_json(const char *text, const uint32_t *attributes)
{
    json_t *list = json_array();

    for (size_t i = 0, length; *text; text += length + (text[length] == ' '), i++) {
        length = strcspn(text, " ");
        json_t *sid = json_stringn(text, length);
        json_array_append_new(list, attributes ? json_pack("{s:o,s:I}", "sid", sid, "attributes",
                                                           (json_int_t)attributes[i])
                                               : sid);
    }
    return list;
}

static json_t *privileges_json(const struct vt_token *token)
{
    json_t *list = json_array();

    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = vt_privilege_name(bit);

        if (name && token->privileges_present >> bit & 1)
            json_array_append_new(list,
                                  json_pack("{s:s,s:b,s:b,s:b}", "name", name, "enabled",
                                            (int)(token->privileges_enabled >> bit & 1), "default",
                                            (int)(token->privileges_default >> bit & 1), "used",
                                            (int)(token->privileges_used >> bit & 1)));
    }
    return list;
}

static json_t *guid_json(const uint8_t guid[16])
{
    char text[37];
    int used = 0;

    for (unsigned i = 0; i < 16; i++)
        used += snprintf(text + used, sizeof(text) - (size_t)used,
                         i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", guid[i]);
    return json_string(text);
}

static json_t *to_json(const struct vt_token *token)
{
    return json_pack(
        "{s:I,s:o,s:i,s:s,s:s,s:s,s:i,s:o,s:b,s:o,s:b,s:o,s:o,s:I,s:I,s:i,s:o,s:o,s:o}", "id",
        (json_int_t)token->id, "guid", guid_json(token->guid), "references", (int)token->references,
        "level", level_name(token), "integrity", vt_integrity_name(token->integrity), "user",
        token->user, "elevation", (int)token->elevation, "groups",
        sids_json(token->groups, token->attributes), "user_deny_only", token->user_deny_only,
        "restricting", sids_json(token->restricting, NULL), "write_restricted",
        token->write_restricted, "privileges", privileges_json(token), "privileges_used",
        json_word(token->privileges_used), "modified", (json_int_t)token->modified, "session",
        (json_int_t)token->session, "logon_type", (int)token->logon_type, "processes",
        numbers_json(token->pids, token->pid_count), "threads",
        numbers_json(token->tids, token->tid_count), "address", json_address(token->address));
}

int cli_tokens(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_token *tokens;
    size_t count;

    cli_parse_look(
        argc, argv,
        "List the tokens of a running machine: who its processes are and who its threads "
        "act as, with integrity level, logon session and privileges (enabled/present).",
        &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_tokens(guest, &tokens, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    json_t *list = options.json ? json_array() : NULL;
    if (!list)
        printf("%6s %-14s %-9s %7s %5s %5s %-12s %s\n", "TOKEN", "LEVEL", "INTEGRITY", "SESSION",
               "REFS", "PRIVS", "USER", "WHO");
    for (size_t i = 0; i < count; i++) {
        if (list)
            json_array_append_new(list, to_json(&tokens[i]));
        else
            print(&tokens[i]);
    }
    if (list)
        json_print(list);
    free(tokens);
    return 0;
}
