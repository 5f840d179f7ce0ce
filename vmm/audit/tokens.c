/*
 * vmm/audit/tokens.c - everybody acts as somebody, and tokens are held as often as their counts say.
 *
 * Reads: every token, what it says, its logon session, the list of all sessions, processes and tasks. Proves, in
 * a world at rest: a process has a primary token, a task that impersonates has an impersonation token, both
 * alive; what is enabled or enabled by default of a token's privileges is present; a token has as many
 * references as processes, tasks, handles, sockets and pairs that have it were found, what it says as many as
 * tokens that say it, a logon session as many as tokens of it; and a token is of the session that it
 * names. So nobody is nobody, nothing that somebody acts as can be freed, and a session ends with its
 * last token. On records: what a token that was made and adjusted has of privileges only shrinks. Cost: one pass over tokens, processes and tasks.
 */
#include <stdlib.h>

#include "vmm/audit/socket_set.h"
#include "vmm/audit/tally.h"
#include "vmm/inspect/objects.h"

#define SESSIONS_MAX       1000000u
#define TYPE_PRIMARY       1u /* guest/kernel/security/access_types.h */
#define TYPE_IMPERSONATION 2u

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_tally tokens;   /* held; listed: it is in its slot */
    struct audit_tally states;   /* held: tokens that say it */
    struct audit_tally sessions; /* held: tokens of it; listed: it is in the list of all */
    uint32_t slack;              /* handles that may be held by system calls alone */
};

static const uint8_t *state_of(const struct audit_world *world, uint64_t token)
{
    const uint8_t *raw = audit_at(world, token, world->layout->token_object_bytes);

    return raw ? audit_at(world, AUDIT_GET(world, raw, token_state),
                          world->layout->token_state_bytes)
               : NULL;
}

/* ---- what there is ---- */

static struct vt_error *visit_session(void *context, uint64_t node)
{
    struct judging *judging = context;
    struct audit_tallied *place =
        audit_tally(&judging->sessions, node - judging->world->layout->session_link.offset);

    if (place)
        place->listed++;
    const uint8_t *raw = place ? audit_at(judging->world, place->address,
                                          judging->world->layout->logon_session_bytes)
                               : NULL;
    if (raw) { /* a pair is held by its session */
        audit_tally_hold(&judging->tokens, AUDIT_GET(judging->world, raw, session_elevated));
        audit_tally_hold(&judging->tokens, AUDIT_GET(judging->world, raw, session_limited));
    }
    return NULL;
}

static bool find_sessions(struct judging *judging)
{
    const struct audit_world *world = judging->world;

    return audit_walked(guest_list_walk(world->guest, AUDIT_ROOT(world, roots_logon_sessions),
                                        SESSIONS_MAX, "the list of logon sessions", visit_session,
                                        judging));
}

static bool find_tokens(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    const struct audit_layout *l = world->layout;
    struct guest_slots slots;

    if (!audit_walked(
            guest_slots_open(world->guest, l->token_slots->address, "token_object", &slots)))
        return false;
    for (uint32_t i = 0; i < slots.high_water; i++) {
        uint64_t address = guest_slots_address(&slots, i);
        const uint8_t *raw = audit_at(world, address, l->token_object_bytes);

        if (!raw)
            return false;
        if (!audit_get(raw, l->object_id))
            continue;
        struct audit_tallied *place = audit_tally(&judging->tokens, address);
        if (place)
            place->listed = 1;
        audit_tally_hold(&judging->states, audit_get(raw, l->token_state));
        audit_tally_hold(&judging->sessions, audit_get(raw, l->token_session));
    }
    return true;
}

/* ---- who has which ---- */

/* Somebody has it: as a primary token, or to act as. */
static void hold(struct judging *judging, uint64_t token, uint32_t type, struct audit_finding where,
                 const char *who, int32_t number)
{
    const struct audit_world *world = judging->world;
    const struct audit_tallied *known = audit_tallied(&judging->tokens, token);
    const uint8_t *state = known && known->listed ? state_of(world, token) : NULL;

    if (!state) {
        audit_report(judging->audit, where, "%s %d acts as %s", who, number,
                     token ? "a token that has been freed" : "nobody");
        return;
    }
    if (AUDIT_GET(world, state, state_type) != type)
        audit_report(judging->audit, where, "%s %d has a token of the wrong type (%lu)", who,
                     number, (unsigned long)AUDIT_GET(world, state, state_type));
    audit_tally_hold(&judging->tokens, token);
}

static void hold_all(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    const struct audit_layout *l = world->layout;

    for (size_t i = 0; i < world->process_count; i++) {
        const struct audit_process *process = &world->processes[i];

        hold(judging, AUDIT_GET(world, process->raw, process_token), TYPE_PRIMARY,
             (struct audit_finding){.pid = process->pid, .object = process->address}, "process",
             process->pid);
    }
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];
        uint64_t token = AUDIT_GET(world, task->raw, task_impersonation);

        if (token)
            hold(judging, token, TYPE_IMPERSONATION,
                 (struct audit_finding){
                     .tid = task->tid, .pid = task->tgid, .object = task->address},
                 "task", task->tid);
    }
    const struct audit_field own[] = {l->roots_token_system, l->roots_token_anonymous};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        const uint8_t *place = audit_at(world, audit_get(world->roots, own[i]), 8);
        uint64_t token = 0;

        if (place)
            memcpy(&token, place, sizeof(token));
        audit_tally_hold(&judging->tokens, token);
    }
}

/* Open handles, and sockets that keep who connected. False: not all could be found. */
static bool hold_open(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    struct audit_sockets sockets;

    if (!audit_sockets_find(world, &sockets))
        return false;
    for (size_t i = 0; i < sockets.files.count; i++) {
        const uint8_t *file = sockets.files.files[i].raw;

        if (!file ||
            AUDIT_GET(world, file, file_operations) != AUDIT_ROOT(world, roots_token_operations))
            continue;
        const uint8_t *handle = audit_at(world, AUDIT_GET(world, file, file_private_data),
                                         world->layout->token_handle_bytes);
        if (handle)
            audit_tally_hold(&judging->tokens, AUDIT_GET(world, handle, handle_token));
    }
    for (size_t i = 0; i < sockets.count; i++)
        audit_tally_hold(&judging->tokens, AUDIT_GET(world, sockets.sockets[i].raw, socket_client));
    judging->slack = sockets.files.slack;
    bool whole = sockets.whole;
    audit_sockets_free(&sockets);
    return whole;
}

/* ---- what is said of them ---- */

static void check_token(struct judging *judging, const struct audit_tallied *one)
{
    const struct audit_world *world = judging->world;
    const uint8_t *raw = audit_at(world, one->address, world->layout->token_object_bytes);
    const uint8_t *state = state_of(world, one->address);
    struct audit_finding where = {.object = one->address};

    if (!raw || !one->listed)
        return;
    unsigned long id = (unsigned long)AUDIT_GET(world, raw, object_id);
    uint64_t counted = AUDIT_GET(world, raw, object_references);
    if (counted < one->held || counted > one->held + judging->slack)
        audit_report(judging->audit, where, "token %lu has %lu references, %u holders were found",
                     id, (unsigned long)counted, one->held);
    const uint8_t *session =
        audit_at(world, AUDIT_GET(world, raw, token_session), world->layout->logon_session_bytes);
    if (!state || !session) {
        audit_report(judging->audit, where, "token %lu %s", id,
                     state ? "is of no logon session" : "says nothing");
        return;
    }
    if (AUDIT_GET(world, state, state_session) != AUDIT_GET(world, session, session_id))
        audit_report(judging->audit, where, "token %lu names another logon session than its own",
                     id);
    uint64_t present = AUDIT_GET(world, state, state_present);
    if ((AUDIT_GET(world, state, state_enabled) | AUDIT_GET(world, state, state_default)) &
        ~present)
        audit_report(
            judging->audit, where,
            "token %lu has privileges enabled (%#lx, by default %#lx) that it does not have "
            "(%#lx)",
            id, (unsigned long)AUDIT_GET(world, state, state_enabled),
            (unsigned long)AUDIT_GET(world, state, state_default), (unsigned long)present);
}

static void check_state(struct judging *judging, const struct audit_tallied *one)
{
    const struct audit_world *world = judging->world;
    const uint8_t *raw = audit_at(world, one->address, world->layout->token_state_bytes);

    if (raw && AUDIT_GET(world, raw, state_references) != one->held)
        audit_report(judging->audit, (struct audit_finding){.object = one->address},
                     "what tokens say has %lu references, %u tokens say it",
                     (unsigned long)AUDIT_GET(world, raw, state_references), one->held);
}

static void check_session(struct judging *judging, const struct audit_tallied *one)
{
    const struct audit_world *world = judging->world;
    const uint8_t *raw = audit_at(world, one->address, world->layout->logon_session_bytes);
    struct audit_finding where = {.object = one->address};

    if (!raw)
        return;
    unsigned long id = (unsigned long)AUDIT_GET(world, raw, session_id);
    if (one->listed != 1)
        audit_report(judging->audit, where, "logon session %lu is %u times in the list of all", id,
                     one->listed);
    if (AUDIT_GET(world, raw, session_references) != one->held)
        audit_report(judging->audit, where,
                     "logon session %lu has %lu references, %u tokens of it were found", id,
                     (unsigned long)AUDIT_GET(world, raw, session_references), one->held);
}

static void check_each(struct judging *judging, const struct audit_tally *tally,
                       void (*check_one)(struct judging *, const struct audit_tallied *))
{
    for (size_t i = 0; i < tally->room; i++)
        if (tally->places[i].address)
            check_one(judging, &tally->places[i]);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct judging judging = {.audit = audit, .world = world};

    if (!AUDIT_ROOT(world, roots_logon_sessions))
        return;
    if (!find_sessions(&judging) || !find_tokens(&judging)) {
        audit_report(audit, (struct audit_finding){0},
                     "tokens and logon sessions cannot be walked to their end");
    } else {
        hold_all(&judging);
        if (hold_open(&judging) && !judging.tokens.out_of_memory && !judging.states.out_of_memory &&
            !judging.sessions.out_of_memory) {
            check_each(&judging, &judging.tokens, check_token);
            check_each(&judging, &judging.states, check_state);
            check_each(&judging, &judging.sessions, check_session);
        }
    }
    audit_tally_free(&judging.tokens);
    audit_tally_free(&judging.states);
    audit_tally_free(&judging.sessions);
}

/* ---- records: what privileges a token had when it was last heard of ---- */

#define REMEMBERED 4096u /* tokens, by number; a later one takes the place of an earlier */

struct remembered {
    struct {
        uint64_t token, present;
    } tokens[REMEMBERED];
};

static void *create(void)
{
    return calloc(1, sizeof(struct remembered));
}

static void record(struct vt_audit *audit, const struct trace_record *record)
{
    struct remembered *remembered = audit_state(audit);
    uint32_t event = (uint32_t)record->arg[0];
    bool made = event == SECURITY_TOKEN_MADE;
    uint64_t token = record->arg[1], present = record->arg[made ? 3 : 2];

    if (record->type != TRACE_SECURITY || (!made && event != SECURITY_TOKEN_ADJUSTED))
        return;
    uint64_t before = remembered->tokens[token % REMEMBERED].present;
    if (!made && remembered->tokens[token % REMEMBERED].token == token && present & ~before)
        audit_report(audit, (struct audit_finding){.tid = record->tid, .pid = record->tgid},
                     "token %lu got privileges that it had not or no more (%#lx, had %#lx)",
                     (unsigned long)token, (unsigned long)present, (unsigned long)before);
    remembered->tokens[token % REMEMBERED].token = token;
    remembered->tokens[token % REMEMBERED].present = present;
}

const struct audit_invariant invariant_tokens = {
    .name = "tokens",
    .proves = "everybody acts as somebody, privileges are there and only shrink, and tokens and "
              "logon sessions "
              "have as many references as holders",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_WAKES,
    .check = check,
    .record = record,
    .state_create = create,
    .state_destroy = free,
};
