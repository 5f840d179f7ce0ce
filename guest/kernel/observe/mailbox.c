/*
 * kernel/observe/mailbox.c - carrying out what the host asks. The host is trusted with the machine
 * (it can end it), but its numbers are checked like anybody's.
 */
#include "kernel/observe/mailbox.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/failing.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/act.h"
#include "kernel/observe/control.h"
#include "kernel/observe/done.h"
#include "kernel/observe/glass.h"
#include "kernel/observe/stop.h"
#include "kernel/process/process.h"
#include "kernel/sync/spinlock.h"

#define ANSWERED_LATER INT64_MIN

static uint64_t accepted; /* the last command taken on */
static struct spinlock answer_lock = SPINLOCK_INIT(RANK_CHANNEL);
static uint64_t stops_taken;

/*
 * An answer may come late, from a task that the command started: it is dropped if the host has
 * given up waiting for it and a later one was answered meanwhile.
 */
static void answer(uint64_t sequence, int64_t result)
{
    spin_lock(&answer_lock);
    if (sequence > glass.answer.sequence) {
        glass.answer.result = result;
        store_release(&glass.answer.sequence, sequence);
    }
    spin_unlock(&answer_lock);
    doorbell(HYPERCALL_MAILBOX);
}

static int64_t spawn(uint64_t sequence, const uint64_t *argument)
{
    if (argument[0] > GLASS_MAILBOX_DATA || argument[1] > GLASS_MAILBOX_DATA ||
        argument[2] > GLASS_MAILBOX_DATA)
        return -EINVAL;
    int error = process_spawn(glass.control.mailbox_data, argument[0], (uint32_t)argument[1],
                              (uint32_t)argument[2], answer, sequence);
    return error ? error : ANSWERED_LATER;
}

static int64_t fail(const uint64_t *argument)
{
    if (argument[0] > UINT32_MAX || argument[1] > INT32_MAX || argument[2] > UINT32_MAX ||
        argument[3] > UINT32_MAX)
        return -EINVAL;
    return failing_start((uint32_t)argument[0], (int32_t)argument[1], (uint32_t)argument[2],
                         (uint32_t)argument[3]);
}

static int64_t carry_out(uint32_t command, uint64_t sequence, const uint64_t *argument)
{
    switch (command) {
    case MAILBOX_PING:
        return (int64_t)argument[0];
    case MAILBOX_SIGNAL:
        return act_signal_process(argument[0], argument[1]);
    case MAILBOX_SIGNAL_THREAD:
        return act_signal_thread(argument[0], argument[1]);
    case MAILBOX_HOLD:
        return act_hold(argument[0]);
    case MAILBOX_RELEASE:
        return act_release(argument[0]);
    case MAILBOX_FREEZE:
        return act_freeze(argument[0]);
    case MAILBOX_THAW:
        return act_thaw(argument[0]);
    case MAILBOX_WINDOW:
        console_set_window((uint16_t)argument[0], (uint16_t)argument[1]);
        return 0;
    case MAILBOX_SET_NICE:
        return act_set_nice(argument[0], argument[1]);
    case MAILBOX_SET_POLICY:
        return act_set_policy(argument[0], argument[1], argument[2]);
    case MAILBOX_SET_AFFINITY:
        return act_set_affinity(argument[0], argument[1]);
    case MAILBOX_SPAWN:
        return spawn(sequence, argument);
    case MAILBOX_FAIL:
        return fail(argument);
    case MAILBOX_FAIL_END:
        return failing_end();
    case MAILBOX_SHUTDOWN:
        machine_done(SIGKILL);
    default:
        return -ENOSYS;
    }
}

void mailbox_kicked(void)
{
    const struct glass_mailbox *mailbox = &glass.control.mailbox;
    control_refresh();
    glass.frames_free = frames_free_count();
    console_host_notified();
    uint64_t sequence = load_acquire(&mailbox->sequence);
    if (sequence != accepted) {
        uint64_t argument[4];
        for (unsigned i = 0; i < 4; i++)
            argument[i] = READ_ONCE(mailbox->argument[i]);
        accepted = sequence;
        int64_t result = carry_out(READ_ONCE(mailbox->command), sequence, argument);
        if (result != ANSWERED_LATER)
            answer(sequence, result);
    }
    uint64_t wanted = READ_ONCE(glass.control.stop_request);
    if (wanted != stops_taken) {
        stops_taken = wanted;
        stop_here();
    }
}
