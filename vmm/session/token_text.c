/* vmm/session/token_text.c - see token_text.h. */
#include "vmm/session/token_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/user/lib/include/vitrine/sddl.h"
#include "guest/user/lib/include/vitrine/token_spec.h"
#include "vmm/include/vitrine.h"

#define ITEM_MAX       256u
#define SIDS_MAX       64u
#define SPEC_MAX       16384u
#define FILE_MAX_BYTES 65536u

#define GROUP_USUAL        0x7u /* mandatory, enabled by default, enabled */
#define GROUP_OPTIONAL     0x6u
#define GROUP_OWNER        0x8u
#define GROUP_DENY_ONLY    0x10u
#define POLICY_NO_WRITE_UP 1u

struct reading {
    struct token_spec spec;
    uint8_t user[SDDL_SID_BYTES_MAX];
    uint8_t sids[SIDS_MAX][SDDL_SID_BYTES_MAX];
    unsigned sid_count;
    struct token_spec_sid groups[SIDS_MAX], restricting[SIDS_MAX];
    bool has_user, has_uid, has_gid;
};

static struct vt_error *wrong(const char *item, const char *why)
{
    return vt_error_create(VT_ERROR_ARGUMENT, "the token's item '%s' cannot be: %s", item, why);
}

/* ---- items ---- */

/* A SID from the beginning of `value`; what follows it (":owner") is *ret_rest. */
static bool read_sid(const char *value, uint8_t *sid, const char **ret_rest)
{
    return sid_parse(value, sid, ret_rest) > 0;
}

static struct vt_error *read_group(struct reading *reading, const char *item, const char *value)
{
    static const struct {
        const char *word;
        uint32_t attributes;
    } words[] = {{"", GROUP_USUAL},
                 {":optional", GROUP_OPTIONAL},
                 {":owner", GROUP_USUAL | GROUP_OWNER},
                 {":deny", GROUP_USUAL | GROUP_DENY_ONLY}};
    const char *rest;

    if (reading->sid_count == SIDS_MAX)
        return wrong(item, "there are more than 64 SIDs");
    uint8_t *sid = reading->sids[reading->sid_count];
    if (!read_sid(value, sid, &rest))
        return wrong(item, "a SID is S-1-... or two letters, such as BU");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(rest, words[i].word) != 0)
            continue;
        reading->groups[reading->spec.group_count++] =
            (struct token_spec_sid){sid, words[i].attributes};
        reading->sid_count++;
        return NULL;
    }
    return wrong(item, "behind the SID stands nothing, :optional, :owner or :deny");
}

static struct vt_error *read_restricting(struct reading *reading, const char *item,
                                         const char *value)
{
    const char *rest;

    if (reading->sid_count == SIDS_MAX)
        return wrong(item, "there are more than 64 SIDs");
    uint8_t *sid = reading->sids[reading->sid_count];
    if (!read_sid(value, sid, &rest) || *rest)
        return wrong(item, "a SID is S-1-... or two letters, such as BU");
    reading->restricting[reading->spec.restricting_count++] =
        (struct token_spec_sid){sid, GROUP_USUAL};
    reading->sid_count++;
    return NULL;
}

static struct vt_error *read_privilege(struct reading *reading, const char *item, const char *value)
{
    const char *colon = strchr(value, ':');
    size_t length = colon ? (size_t)(colon - value) : strlen(value);
    bool disabled = colon && strcmp(colon, ":disabled") == 0;
    uint64_t bits = 0;

    if (colon && !disabled)
        return wrong(item, "behind the privilege stands nothing or :disabled");
    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = vt_privilege_name(bit);
        size_t full = name ? strlen(name) : 0, brief = full > 9 ? full - 9 : 0; /* "Privilege" */

        if (!name)
            continue;
        if ((length == 3 && strncmp(value, "all", 3) == 0) ||
            (length == full && strncmp(value, name, full) == 0) ||
            (length == brief && strncmp(value, name, brief) == 0))
            bits |= 1ull << bit;
    }
    if (!bits)
        return wrong(item, "a privilege is called SeDebugPrivilege or SeDebug and so on, or all");
    reading->spec.privileges_present |= bits;
    if (!disabled)
        reading->spec.privileges_enabled |= bits;
    return NULL;
}

static struct vt_error *read_integrity(struct reading *reading, const char *item, const char *value)
{
    for (uint32_t level = 0; level <= 16384; level += 4096) {
        if (strcmp(value, vt_integrity_name(level)) != 0)
            continue;
        reading->spec.integrity = level;
        return NULL;
    }
    return wrong(item, "a level is untrusted, low, medium, high or system");
}

static struct vt_error *read_number(const char *item, const char *value, uint32_t *ret)
{
    char *end;

    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (errno || end == value || *end || value[0] < '0' || value[0] > '9' || number >= UINT32_MAX)
        return wrong(item, "an id is a number below 4294967295");
    *ret = (uint32_t)number;
    return NULL;
}

static struct vt_error *read_item(struct reading *reading, const char *item)
{
    const char *equals = strchr(item, '='), *value = equals ? equals + 1 : "", *rest;
    size_t length = equals ? (size_t)(equals - item) : strlen(item);
#define IS(word) (length == sizeof(word) - 1 && strncmp(item, word, length) == 0)

    if (IS("write-restricted") && !equals) {
        reading->spec.write_restricted = reading->spec.user_deny_only = 1;
        return NULL;
    }
    if (IS("user")) {
        if (reading->has_user)
            return wrong(item, "there is one user");
        reading->has_user = true;
        return read_sid(value, reading->user, &rest) && !*rest
                   ? NULL
                   : wrong(item, "a SID is S-1-... or two letters, such as SY");
    }
    if (IS("group"))
        return read_group(reading, item, value);
    if (IS("restrict"))
        return read_restricting(reading, item, value);
    if (IS("privilege"))
        return read_privilege(reading, item, value);
    if (IS("integrity"))
        return read_integrity(reading, item, value);
    if (IS("uid")) {
        reading->has_uid = true;
        return read_number(item, value, &reading->spec.uid);
    }
    if (IS("gid")) {
        reading->has_gid = true;
        return read_number(item, value, &reading->spec.gid);
    }
#undef IS
    return wrong(item, "items are user=, group=, privilege=, integrity=, restrict=, uid=, gid= and "
                       "write-restricted");
}

/* Items between commas or ends of lines; blanks around them and what follows a # do not count. */
static struct vt_error *read_items(struct reading *reading, const char *text)
{
    struct vt_error *error = NULL;

    while (*text && !error) {
        char item[ITEM_MAX];
        size_t length = strcspn(text, ",\n"), first = strspn(text, " \t\r"), used = length;

        const char *mark = memchr(text, '#', length);
        if (mark) { /* to the end of the line, commas and all */
            used = (size_t)(mark - text);
            length = strcspn(text, "\n");
        }
        while (used > first && strchr(" \t\r", text[used - 1]))
            used--;
        if (used > first + ITEM_MAX - 1)
            return vt_error_create(VT_ERROR_ARGUMENT,
                                   "an item of the token is longer than %u bytes", ITEM_MAX - 1);
        if (used > first) {
            memcpy(item, text + first, used - first);
            item[used - first] = '\0';
            error = read_item(reading, item);
        }
        text += length + (text[length] != '\0');
    }
    return error;
}

/* ---- the whole ---- */

static struct vt_error *read_file(const char *path, char **ret)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return vt_error_system(errno, "cannot open the token's file '%s'", path);
    char *text = malloc(FILE_MAX_BYTES);
    size_t got = text ? fread(text, 1, FILE_MAX_BYTES - 1, file) : 0;
    bool good = text && !ferror(file) && feof(file);
    fclose(file);
    if (!good || strnlen(text, got) != got) {
        free(text);
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "the token's file '%s' is no text of less than %u bytes", path,
                               FILE_MAX_BYTES);
    }
    text[got] = '\0';
    *ret = text;
    return NULL;
}

static void fill_in(struct reading *reading)
{
    struct token_spec *spec = &reading->spec;
    bool system = reading->user[1] == 1 && reading->user[7] == 5 && reading->user[8] == 18;

    spec->user = reading->user;
    spec->groups = reading->groups;
    spec->restricting = reading->restricting;
    if (!reading->has_uid)
        spec->uid = system ? 0 : 1000;
    if (!reading->has_gid)
        spec->gid = spec->uid;
}

static struct vt_error *to_digits(const struct token_spec *spec, char **ret)
{
    uint8_t *bytes = malloc(SPEC_MAX);
    char *digits = malloc(2 * SPEC_MAX + 1);
    int length = bytes && digits ? token_spec_bytes(spec, bytes, SPEC_MAX) : 0;

    for (int i = 0; i < length; i++)
        snprintf(digits + (size_t)2 * (size_t)i, 3, "%02x", bytes[i]);
    free(bytes);
    if (length > 0) {
        *ret = digits;
        return NULL;
    }
    free(digits);
    return vt_error_create(VT_ERROR_MEMORY, "out of memory for the token");
}

struct vt_error *token_text_read(const char *text, char **ret)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    const char *slash = strchr(text, '/'), *equals = strchr(text, '=');
    struct vt_error *error = NULL;
    char *content = NULL;

    if (!reading)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the token");
    reading->spec.type = 1;
    reading->spec.integrity = 8192;
    reading->spec.mandatory_policy = POLICY_NO_WRITE_UP;
    /* What everybody who logs on is in. */
    error = read_items(reading, "group=WD,group=AU");
    if (!error && slash && (!equals || slash < equals))
        error = read_file(text, &content);
    if (!error)
        error = read_items(reading, content ? content : text);
    if (!error && !reading->has_user)
        error =
            vt_error_create(VT_ERROR_ARGUMENT, "the token names no user: begin with user=S-1-...");
    if (!error) {
        fill_in(reading);
        error = to_digits(&reading->spec, ret);
    }
    free(content);
    free(reading);
    return error;
}
