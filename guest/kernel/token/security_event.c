/* kernel/token/security_event.c - see security_event.h. */
#include "kernel/token/security_event.h"

#include "arch/cpu.h"
#include "kernel/process/process.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/thread_token.h"

void security_token_made(const struct token_object *token, enum security_origin how)
{
    if (trace_wanted(TRACE_SECURITY))
        security_event(SECURITY_TOKEN_MADE, how, token->object.id, token->session->id,
                       token->state->token.privileges_present);
}

void security_token_adjusted(const struct token_object *token, const struct token_state *says)
{
    security_event(SECURITY_TOKEN_ADJUSTED, 0, token->object.id, says->token.privileges_present,
                   says->token.subject.privileges);
}

void security_denied(enum security_object object, uint64_t target, uint32_t asked, uint32_t granted)
{
    if (!trace_wanted(TRACE_SECURITY))
        return;
    struct token_object *acting = task_token_get(current),
                        *being = process_token_get(current->process);
    security_event(SECURITY_DENIED, SECURITY_GATE_TOKEN | (uint32_t)object << 8, target,
                   asked | (uint64_t)granted << 32,
                   (uint32_t)acting->object.id | being->object.id << 32);
    token_put(being);
    token_put(acting);
}
