/*
 * vmm/inspect/mailbox.c - commands to the kernel: one at a time, answered through glass.answer.
 *
 * mailbox_lock is held from the post to the answer, so commands of several threads queue up here.
 */
#include <string.h>

#include "vmm/inspect/guest.h"

#define COMMAND_TIMEOUT_US 5000000
#define SETTLE_TIMEOUT_US  1000000

static uint64_t post(struct vt_guest *guest, enum mailbox_command command,
                     const uint64_t arguments[4])
{
    struct glass_mailbox *mailbox = &guest->glass->control.mailbox;
    uint64_t sequence = GUEST_LOAD(&mailbox->sequence) + 1;

    GUEST_STORE(&mailbox->command, command);
    for (unsigned i = 0; i < 4; i++)
        GUEST_STORE(&mailbox->argument[i], arguments ? arguments[i] : 0);
    __atomic_store_n(&mailbox->sequence, sequence, __ATOMIC_SEQ_CST);
    guest->owner.kick(guest->owner.context);
    return sequence;
}

bool guest_mailbox_post(struct vt_guest *guest, enum mailbox_command command,
                        const uint64_t arguments[4])
{
    bool posted = false;

    if (!guest->own || !GUEST_LOAD(&guest->ready) ||
        pthread_mutex_trylock(&guest->mailbox_lock) != 0)
        return false;
    if (GUEST_LOAD(&guest->glass->answer.sequence) ==
        GUEST_LOAD(&guest->glass->control.mailbox.sequence)) {
        post(guest, command, arguments);
        posted = true;
    }
    pthread_mutex_unlock(&guest->mailbox_lock);
    return posted;
}

void guest_settle_control(struct vt_guest *guest)
{
    struct glass *glass = guest->glass;
    int64_t deadline = guest_clock_us() + SETTLE_TIMEOUT_US;

    /* A stopped world reads the control page when it is resumed, and cannot answer before. */
    if (guest_stands_still(guest) || pthread_mutex_trylock(&guest->mailbox_lock) != 0)
        return;
    uint64_t sequence = post(guest, MAILBOX_PING, NULL);
    for (;;) {
        uint64_t seen = guest_changes(guest);
        int64_t left = deadline - guest_clock_us();

        if (GUEST_LOAD(&glass->answer.sequence) == sequence || guest_stands_still(guest) ||
            left <= 0)
            break;
        guest_wait_change(guest, seen, left < 1000 ? left : 1000);
    }
    pthread_mutex_unlock(&guest->mailbox_lock);
}

static struct vt_error *carry_out(struct vt_guest *guest, const struct guest_command *command,
                                  int64_t *ret_result)
{
    struct glass_answer *answer = &guest->glass->answer;
    int64_t deadline = guest_clock_us() + COMMAND_TIMEOUT_US;

    memcpy(guest->glass->control.mailbox_data, command->data ? command->data : "", command->bytes);
    uint64_t sequence = post(guest, command->command, command->arguments);
    for (;;) {
        uint64_t seen = guest_changes(guest);

        if (GUEST_LOAD(&answer->sequence) == sequence) {
            *ret_result = GUEST_LOAD(&answer->result);
            return NULL;
        }
        if (guest_has_ended(guest))
            return vt_error_create(VT_ERROR_GONE, "the machine ended before it answered");
        int64_t left = deadline - guest_clock_us();
        if (left <= 0)
            return vt_error_create(
                VT_ERROR_TIMEOUT, "the kernel did not answer a command (%d) in 5 s%s",
                (int)command->command,
                guest_stands_still(guest) ? ": its world is stopped, resume it first" : "");
        guest_wait_change(guest, seen, left < 5000 ? left : 5000);
    }
}

struct vt_error *guest_send_command(struct vt_guest *guest, const struct guest_command *command,
                                    int64_t *ret_result)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    if (command->bytes > GLASS_MAILBOX_DATA)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "a command to the kernel carries at most %u bytes, not %zu",
                               GLASS_MAILBOX_DATA, command->bytes);
    if (!guest->own && !guest->owner.forward)
        return guest_require_own(guest, "send a command");
    pthread_mutex_lock(&guest->mailbox_lock);
    error = guest->own ? carry_out(guest, command, ret_result)
                       : guest->owner.forward(guest->owner.context, command, ret_result);
    pthread_mutex_unlock(&guest->mailbox_lock);
    return error;
}

struct vt_error *vt_guest_command(struct vt_guest *guest, enum mailbox_command command,
                                  const uint64_t arguments[4], int64_t *ret_result)
{
    struct guest_command plain = {.command = command};

    memcpy(plain.arguments, arguments, sizeof(plain.arguments));
    return guest_send_command(guest, &plain, ret_result);
}
