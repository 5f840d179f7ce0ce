/* kernel/token/process_gate.c - see process_gate.h. */
#include "kernel/token/process_gate.h"

#include "arch/cpu.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/security/access_check.h"
#include "kernel/token/security_event.h"
#include "kernel/token/thread_token.h"

void descriptor_copy_put(struct descriptor_copy *copy)
{
    if (copy && reference_put(&copy->references))
        kfree(copy);
}

/*
 * All that the subject may do to the target: by the descriptor that it was given, then *ret_token is 0; or by the
 * usual one, made in `room`, of this token of the target.
 */
static int find_granted(struct process *target, const struct token_state *subject, uint32_t rights,
                        uint8_t room[DEFAULT_DESCRIPTOR_BYTES_MAX], uint64_t *ret_token,
                        struct access_result *result)
{
    *ret_token = 0;
    spin_lock(&target->parts_lock);
    struct descriptor_copy *given = target->descriptor;
    if (given)
        reference_get(&given->references);
    spin_unlock(&target->parts_lock);
    struct access_request request = {
        .subject = &subject->token.subject,
        .desired = given ? rights : ACCESS_MAXIMUM_ALLOWED,
        .mapping = process_mapping,
    };
    if (given) {
        request.descriptor = (struct byte_span){given->data, given->bytes};
    } else {
        struct token_object *token = process_token_get(target);
        struct token_state *says = token_state_get(token);
        *ret_token = token->object.id;
        int bytes = process_default_descriptor(says->token.subject.user, room,
                                               DEFAULT_DESCRIPTOR_BYTES_MAX);
        token_state_put(says);
        token_put(token);
        request.descriptor = (struct byte_span){room, bytes < 0 ? 0 : (uint32_t)bytes};
    }
    int error = access_check(&request, NULL, result);
    descriptor_copy_put(given);
    return error;
}

int process_gate_decide(struct process *target, uint32_t rights)
{
    uint8_t room[DEFAULT_DESCRIPTOR_BYTES_MAX];
    struct access_result result;
    struct token_object *subject = task_token_get(current);
    struct token_state *says = token_state_get(subject);
    uint64_t usual;
    int error = find_granted(target, says, rights, room, &usual, &result);
    if (!error && usual) {
        /* The usual one has nothing to tell anybody, and a token's user stays: it may be remembered. */
        spin_lock(&target->parts_lock);
        if (!target->descriptor && target->token->object.id == usual)
            WRITE_ONCE(target->gate_verdict,
                       says->serial << GATE_RIGHTS_BITS | (result.granted & ACCESS_LIST_RIGHTS));
        spin_unlock(&target->parts_lock);
    }
    if (!error && rights & ~result.granted)
        error = token_has_privilege(subject, SE_DEBUG) ? 0 : -EACCES;
    if (error)
        security_denied(SECURITY_PROCESS, (uint64_t)target->pid, rights, result.granted);
    token_state_put(says);
    token_put(subject);
    return error ? -EACCES : 0;
}
