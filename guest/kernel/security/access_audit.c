#include "kernel/security/access_audit.h"

#include "kernel/lib/string.h"
#include "kernel/security/condition.h"

/* The lists of the central rules, effective or staged, one after the other. */
struct rule_lists {
    const struct central_rules *rules;
    bool staged;
    uint32_t policy, rule; /* the next one */
};

/* The next list that is there and well-formed; a malformed one says nothing. */
static bool next_list(struct rule_lists *lists, struct acl *ret)
{
    const struct central_rules *rules = lists->rules;
    for (; lists->policy < rules->policy_count; lists->policy++, lists->rule = 0) {
        const struct central_policy *policy = rules->policies[lists->policy];
        while (lists->rule < policy->rule_count && lists->rule < CENTRAL_RULES_MAX) {
            uint32_t index = lists->rule++;
            const struct central_rule *rule = &policy->rules[index];
            struct byte_span list =
                lists->staged && rule->staged_sacl.length ? rule->staged_sacl : rule->sacl;
            if (central_rule_applied(rules, lists->policy, index) && list.length &&
                !acl_open_exact(list, ret))
                return true;
        }
    }
    return false;
}

struct audit_walk {
    const struct access_evaluation *own;
    const struct identity *identity;
    const struct access_result *result;
};

/* Auditing sees most: groups that are for denying only count, and what is unknown is told. */
static bool concerns(const struct audit_walk *walk, const struct ace *ace)
{
    const struct access_evaluation *own = walk->own;
    if (!identity_applies(identity_match(walk->identity, ace->sid, own->meter), false))
        return false;
    if (ace->object_type && own->tree->types && object_tree_find(own->tree, ace->object_type) < 0)
        return false;
    if (!ace_is_conditional(ace->type))
        return true;
    const struct condition_context context = {
        .identity = walk->identity,
        .attributes = &own->descriptor->sacl,
        .local = own->request->local_claims,
        .meter = own->meter,
    };
    return condition_evaluate(ace->data, &context, false) != TRUTH_FALSE;
}

enum audit_finding {
    FINDING_END,
    FINDING_EVENT, /* *ret is an entry that fires */
};

/* Goes on to the next audit entry that fires; alarm entries on the way are added to *continuous. */
static enum audit_finding next_finding(const struct audit_walk *walk, const struct acl *acl,
                                       struct acl_cursor *cursor, struct ace *ret,
                                       uint32_t *continuous)
{
    const struct access_result *result = walk->result;
    uint8_t outcome = result->allowed ? ACE_FLAG_SUCCESS : ACE_FLAG_FAILURE;
    while (!walk->own->meter->spent && acl_next(acl, cursor, ret)) {
        enum ace_effect effect = ace_effect(ret->type);
        uint32_t mask = map_generic(ret->mask, &walk->own->request->mapping);
        if (!step_meter_use(walk->own->meter, 1) || (ret->flags & ACE_FLAG_INHERIT_ONLY))
            continue;
        if (effect == ACE_EFFECT_ALARM && concerns(walk, ret))
            *continuous |= mask & (ACCESS_LIST_RIGHTS | ACCESS_SYSTEM_SECURITY);
        if (effect == ACE_EFFECT_AUDIT && (mask & result->desired) && (ret->flags & outcome) &&
            concerns(walk, ret))
            return FINDING_EVENT;
    }
    return FINDING_END;
}

static void note(struct access_result *result, enum access_audit_source source, uint32_t offset)
{
    if (result->audit_count < ACCESS_AUDIT_MAX)
        result->audits[result->audit_count] = (struct access_audit){
            .source = source,
            .success = result->allowed,
            .ace_offset = offset,
        };
    result->audit_count++;
}

static void tell_list(const struct audit_walk *walk, const struct acl *acl,
                      enum access_audit_source source, struct access_result *result)
{
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (next_finding(walk, acl, &cursor, &ace, &result->continuous_audit) == FINDING_EVENT)
        note(result, source, ace.offset);
}

/* A sequence of findings over the rules' lists: effective or staged. */
struct finding_sequence {
    struct rule_lists lists;
    struct acl acl;
    struct acl_cursor cursor;
    bool open;
    uint32_t continuous;
};

static const uint8_t *next_in_sequence(const struct audit_walk *walk,
                                       struct finding_sequence *sequence, uint32_t *size)
{
    struct ace ace;
    for (;;) {
        if (!sequence->open) {
            if (!next_list(&sequence->lists, &sequence->acl))
                return NULL;
            sequence->cursor = (struct acl_cursor){0};
            sequence->open = true;
        }
        if (next_finding(walk, &sequence->acl, &sequence->cursor, &ace, &sequence->continuous) ==
            FINDING_EVENT) {
            *size = ace.size;
            return sequence->acl.bytes + ace.offset;
        }
        sequence->open = false;
    }
}

/* Whether the staged lists would have told other things, or in another order. */
static bool staged_tells_otherwise(const struct audit_walk *walk, const struct central_rules *rules,
                                   uint32_t continuous)
{
    struct finding_sequence now = {.lists = {.rules = rules}};
    struct finding_sequence then = {.lists = {.rules = rules, .staged = true}};
    const uint8_t *a, *b;
    do {
        uint32_t a_size = 0, b_size = 0;
        a = next_in_sequence(walk, &now, &a_size);
        b = next_in_sequence(walk, &then, &b_size);
        if (!a != !b || a_size != b_size || (a && memcmp(a, b, a_size) != 0))
            return true;
    } while (a);
    return (now.continuous | continuous) != (then.continuous | continuous);
}

void access_audit(const struct access_evaluation *own, const struct central_rules *rules,
                  struct access_result *result)
{
    const struct access_request *request = own->request;
    const struct identity identity =
        identity_of(request->subject, IDENTITY_NORMAL, own->descriptor->owner, request->self);
    const struct audit_walk walk = {own, &identity, result};
    if (own->descriptor->sacl.bytes)
        tell_list(&walk, &own->descriptor->sacl, AUDIT_BY_OBJECT, result);
    uint32_t objects_own = result->continuous_audit;
    struct rule_lists lists = {.rules = rules};
    struct acl acl;
    while (next_list(&lists, &acl))
        tell_list(&walk, &acl, AUDIT_BY_POLICY, result);
    if (rules->policy_count && staged_tells_otherwise(&walk, rules, objects_own))
        result->staging_mismatch = true;
    uint32_t wanted = result->allowed ? TOKEN_AUDIT_OBJECT_SUCCESS : TOKEN_AUDIT_OBJECT_FAILURE;
    if (request->subject->audit_policy & wanted)
        note(result, AUDIT_BY_TOKEN, 0);
}

void access_audit_privileges(const struct access_evaluation *own,
                             const struct access_rights *rights, struct access_result *result)
{
    const struct object_tree *tree = own->tree;
    uint32_t survived = tree->nodes[0].granted;
    for (uint32_t i = 1; own->request->per_node && i < tree->count; i++)
        survived |= tree->nodes[i].granted;
    for (unsigned i = 0; i < ACCESS_PRIVILEGES; i++) {
        uint32_t asked = rights->given[i] & result->desired;
        if (asked & survived)
            result->privileges_used |= access_privilege_bit((enum access_privilege)i);
        else if (asked)
            result->privileges_failed |= access_privilege_bit((enum access_privilege)i);
    }
}
