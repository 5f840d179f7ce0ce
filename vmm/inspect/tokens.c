/*
 * vmm/inspect/tokens.c - every token, what it says, and who has it.
 *
 * A token is an identity in a slot with a version; what it says is another object, which never changes but
 * may be exchanged and freed meanwhile. So a reading is proven by what each token points to. Who has one
 * is told by processes and tasks themselves.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/layout.h"
#include "vmm/inspect/objects.h"
#include "vmm/inspect/paths.h"

#define GROUPS_MAX         4096u /* more than any token has */
#define SUBS_MAX           15u
#define SID_TEXT_MAX       200u
#define ENTRY_BYTES        16u /* struct sid_attributes: address of the SID, attributes */
#define TYPE_IMPERSONATION 2u

#define OBJECT_FIELDS(F)                                                                           \
    F(session, "session")                                                                          \
    F(state, "state") F(guid, "guid") F(modified, "modified") F(used, "privileges_used")
LAYOUT(object_layout, OBJECT_FIELDS);

#define STATE_FIELDS(F) F(token, "token") F(serial, "serial")
LAYOUT(state_layout, STATE_FIELDS);

#define TOKEN_FIELDS(F)                                                                            \
    F(type_of, "subject.type")                                                                     \
    F(user, "subject.user")                                                                        \
    F(groups, "subject.groups.entries")                                                            \
    F(group_count, "subject.groups.count")                                                         \
    F(restricting, "subject.restricting.entries")                                                  \
    F(restricting_count, "subject.restricting.count")                                              \
    F(level, "subject.level")                                                                      \
    F(integrity, "subject.integrity")                                                              \
    F(enabled, "subject.privileges")                                                               \
    F(present, "privileges_present")                                                               \
    F(by_default, "privileges_default")                                                            \
    F(user_deny_only, "subject.user_deny_only")                                                    \
    F(write_restricted, "subject.write_restricted") F(elevation, "elevation")
LAYOUT(token_layout, TOKEN_FIELDS);

#define SESSION_FIELDS(F) F(id, "id") F(logon_type, "logon_type")
LAYOUT(session_layout, SESSION_FIELDS);

#define PROCESS_FIELDS(F) F(token, "token") F(pid, "pid")
LAYOUT(process_layout, PROCESS_FIELDS);

#define TASK_FIELDS(F) F(impersonation, "impersonation") F(tid, "tid")
LAYOUT(task_layout, TASK_FIELDS);

/* Somebody who has a token. */
struct holder {
    uint64_t token;
    int32_t number;
};

struct token_walk {
    struct vt_guest *guest;
    struct guest_list *list;
    struct guest_loads loads;
    struct object_layout object;
    struct state_layout state;
    struct token_layout token;
    struct session_layout session;
    struct process_layout process;
    struct task_layout task;
    struct guest_slots tokens, processes, tasks;
    struct guest_list owners, actors; /* struct holder, by token, then number */
};

/* ---- who has which ---- */

static int by_token(const void *a, const void *b)
{
    const struct holder *left = a, *right = b;

    return left->token != right->token
               ? (left->token < right->token ? -1 : 1)
               : (left->number > right->number) - (left->number < right->number);
}

static struct vt_error *find_holders(struct token_walk *walk, const struct guest_slots *slots,
                                     const struct glass_field *token,
                                     const struct glass_field *number, struct guest_list *ret)
{
    uint8_t *copy = malloc(slots->type->size);
    struct vt_error *error =
        copy ? NULL : vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's tokens");

    ret->count = 0;
    for (uint32_t i = 0; i < slots->high_water && !error; i++) {
        uint64_t id;

        error = guest_slots_read(walk->guest, slots, i, copy, &id);
        if (error || !id || !guest_field_value(token, copy))
            continue;
        struct holder *holder = guest_list_add(ret);
        if (!holder)
            break;
        *holder = (struct holder){guest_field_value(token, copy),
                                  (int32_t)guest_field_value(number, copy)};
        guest_list_prove(walk->list, holder->token);
        guest_list_prove(walk->list, (uint64_t)holder->number);
    }
    free(copy);
    if (!error && ret->out_of_memory)
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's tokens");
    if (!error && ret->count)
        qsort(ret->items, ret->count, sizeof(struct holder), by_token);
    return error;
}

/* The numbers of those that have the token, as an inner array. */
static const int32_t *numbers_of(struct token_walk *walk, const struct guest_list *holders,
                                 uint64_t token, size_t *ret_count)
{
    const struct holder *all = (const struct holder *)holders->items;
    size_t first = 0, high = holders->count;

    while (first < high) {
        size_t middle = (first + high) / 2;
        if (all[middle].token < token)
            first = middle + 1;
        else
            high = middle;
    }
    while (high < holders->count && all[high].token == token)
        high++;
    *ret_count = high - first;
    int32_t *numbers = *ret_count ? malloc(*ret_count * sizeof(*numbers)) : NULL;
    if (!numbers) {
        walk->list->out_of_memory = walk->list->out_of_memory || *ret_count;
        *ret_count = 0;
        return NULL;
    }
    for (size_t i = 0; i < *ret_count; i++)
        numbers[i] = all[first + i].number;
    const int32_t *kept = guest_list_bytes(walk->list, numbers, *ret_count * sizeof(*numbers));
    free(numbers);
    return kept;
}

/* ---- SIDs ---- */

/* "S-1-5-18"; at most SID_TEXT_MAX bytes. False: no SID lies there. */
static bool sid_text(struct token_walk *walk, uint64_t address, char *text)
{
    uint8_t sid[8 + 4 * SUBS_MAX];
    uint64_t authority = 0;

    if (!address || !guest_load_bytes(&walk->loads, address, sid, 8) || sid[0] != 1 ||
        sid[1] > SUBS_MAX ||
        (sid[1] && !guest_load_bytes(&walk->loads, address + 8, sid + 8, (size_t)4 * sid[1])))
        return false;
    for (unsigned i = 2; i < 8; i++)
        authority = authority << 8 | sid[i];
    int used = snprintf(text, SID_TEXT_MAX, "S-1-%" PRIu64, authority);
    for (unsigned i = 0; i < sid[1]; i++) {
        uint32_t sub;
        memcpy(&sub, sid + 8 + (size_t)4 * i, sizeof(sub));
        used += snprintf(text + used, SID_TEXT_MAX - (size_t)used, "-%" PRIu32, sub);
    }
    return true;
}

static struct vt_error *no_sid(void)
{
    return vt_error_create(VT_ERROR_CORRUPT, "a SID of one of the guest's tokens makes no sense");
}

/* A list of a token as text, and the attributes of its entries. */
static struct vt_error *take_list(struct token_walk *walk, uint64_t entries, uint64_t count,
                                  const char **ret_text, const uint32_t **ret_attributes)
{
    if (count > GROUPS_MAX)
        return vt_error_create(VT_ERROR_CORRUPT, "a token of the guest has %" PRIu64 " groups",
                               count);
    char *text = calloc(1, count * SID_TEXT_MAX + 1);
    uint32_t *attributes = malloc((count + 1) * sizeof(*attributes));
    struct vt_error *error = NULL;
    size_t used = 0;

    if (!text || !attributes) {
        walk->list->out_of_memory = true;
        count = 0;
    }
    for (uint64_t i = 0; i < count && !error; i++) {
        uint64_t entry[ENTRY_BYTES / 8] = {0};

        if (i)
            text[used++] = ' ';
        if (!guest_load_bytes(&walk->loads, entries + i * ENTRY_BYTES, entry, sizeof(entry)) ||
            !sid_text(walk, entry[0], text + used))
            error = no_sid();
        else
            used += strlen(text + used);
        attributes[i] = (uint32_t)entry[1];
    }
    if (!error && text) {
        *ret_text = guest_list_text(walk->list, text, used);
        if (ret_attributes && count)
            *ret_attributes = guest_list_bytes(walk->list, attributes, count * sizeof(*attributes));
    }
    free(text);
    free(attributes);
    return error;
}

/* ---- the tokens ---- */

static struct vt_error *take_state(struct token_walk *walk, uint64_t state, struct vt_token *ret)
{
    uint64_t token = guest_part(&walk->loads, state, walk->state.token);
#define LOAD(field) guest_load(&walk->loads, token, walk->token.field)
    char user[SID_TEXT_MAX];

    guest_list_prove(walk->list, guest_load(&walk->loads, state, walk->state.serial));
    ret->impersonation = LOAD(type_of) == TYPE_IMPERSONATION;
    ret->level = (uint32_t)LOAD(level);
    ret->integrity = (uint32_t)LOAD(integrity);
    ret->elevation = (uint32_t)LOAD(elevation);
    ret->user_deny_only = LOAD(user_deny_only);
    ret->write_restricted = LOAD(write_restricted);
    ret->privileges_present = LOAD(present);
    ret->privileges_enabled = LOAD(enabled);
    ret->privileges_default = LOAD(by_default);
    ret->group_count = LOAD(group_count);
    if (!sid_text(walk, LOAD(user), user))
        return no_sid();
    ret->user = guest_list_text(walk->list, user, strlen(user));
    struct vt_error *error =
        take_list(walk, LOAD(groups), ret->group_count, &ret->groups, &ret->attributes);
    if (!error)
        error =
            take_list(walk, LOAD(restricting), LOAD(restricting_count), &ret->restricting, NULL);
#undef LOAD
    return error;
}

static struct vt_error *take_token(struct token_walk *walk, uint64_t address, const uint8_t *copy,
                                   struct vt_token *ret)
{
    struct glass_object header = guest_object_header(walk->guest, walk->tokens.type, copy);
    uint64_t session = guest_field_value(walk->object.session, copy);
    uint64_t state = guest_field_value(walk->object.state, copy);

    *ret = (struct vt_token){
        .id = header.id,
        .address = address,
        .references = header.references,
        .modified = guest_field_value(walk->object.modified, copy),
        .privileges_used = guest_field_value(walk->object.used, copy),
        .session = guest_load(&walk->loads, session, walk->session.id),
        .logon_type = (uint32_t)guest_load(&walk->loads, session, walk->session.logon_type),
    };
    if (walk->object.guid && walk->object.guid->size == sizeof(ret->guid))
        memcpy(ret->guid, copy + walk->object.guid->offset, sizeof(ret->guid));
    guest_list_prove(walk->list, header.id);
    guest_list_prove(walk->list, state);
    struct vt_error *error = take_state(walk, state, ret);
    ret->pids = numbers_of(walk, &walk->owners, address, &ret->pid_count);
    ret->tids = numbers_of(walk, &walk->actors, address, &ret->tid_count);
    return error ? error : guest_loads_error(&walk->loads, "a token");
}

static struct vt_error *walk_tokens(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct token_walk *walk = context;

    walk->list = list;
    walk->loads = (struct guest_loads){.guest = guest};
    struct vt_error *error =
        find_holders(walk, &walk->processes, walk->process.token, walk->process.pid, &walk->owners);
    if (!error)
        error = find_holders(walk, &walk->tasks, walk->task.impersonation, walk->task.tid,
                             &walk->actors);
    uint8_t *copy = error ? NULL : malloc(walk->tokens.type->size);
    for (uint32_t i = 0; copy && i < walk->tokens.high_water && !error; i++) {
        struct vt_token found;
        uint64_t id;

        error = guest_slots_read(guest, &walk->tokens, i, copy, &id);
        if (error || !id)
            continue;
        error = take_token(walk, guest_slots_address(&walk->tokens, i), copy, &found);
        struct vt_token *item = error ? NULL : guest_list_add(list);
        if (item)
            *item = found;
    }
    free(copy);
    return error;
}

static struct vt_error *find_layouts(struct vt_guest *guest, struct token_walk *walk)
{
    const struct glass_root *root;
    struct vt_error *error = LAYOUT_FIND(guest, &walk->object, "token_object", 2, OBJECT_FIELDS);

    if (!error)
        error = LAYOUT_FIND(guest, &walk->state, "token_state", 1, STATE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk->token, "token", 6, TOKEN_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk->session, "logon_session", 1, SESSION_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk->process, "process", 2, PROCESS_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk->task, "task", 2, TASK_FIELDS);
    if (!error)
        error = guest_root_require(guest, "token_slots", "slot_table", &root);
    if (!error)
        error = guest_slots_open(guest, root->address, "token_object", &walk->tokens);
    if (!error)
        error = guest_slots_open(guest, guest->processes, "process", &walk->processes);
    if (!error)
        error = guest_slots_open(guest, guest->tasks, "task", &walk->tasks);
    return error;
}

struct vt_error *vt_guest_tokens(struct vt_guest *guest, struct vt_token **ret_tokens,
                                 size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "the list of tokens",
        .item_bytes = sizeof(struct vt_token),
        .text_at = {offsetof(struct vt_token, user), offsetof(struct vt_token, groups),
                    offsetof(struct vt_token, restricting), offsetof(struct vt_token, attributes),
                    offsetof(struct vt_token, pids), offsetof(struct vt_token, tids)},
        .text_count = 6,
        .walk = walk_tokens,
    };
    struct token_walk walk = {
        .guest = guest,
        .owners = {.item_bytes = sizeof(struct holder)},
        .actors = {.item_bytes = sizeof(struct holder)},
    };
    void *tokens = NULL;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = find_layouts(guest, &walk);
    if (!error)
        error = guest_settle(guest, &listing, &walk, &tokens, ret_count);
    free(walk.owners.items);
    free(walk.actors.items);
    if (!error)
        *ret_tokens = tokens;
    return error;
}
