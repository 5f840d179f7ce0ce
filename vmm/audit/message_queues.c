/*
 * vmm/audit/message_queues.c - messages wait, or receivers do, and not both (msgop(2), mq_overview(7)).
 *
 * Reads: the queues of System V of all IPC namespaces, every POSIX queue, their messages, who waits at
 * them. Proves, in a world at rest: a queue counts its messages and their bytes, and an IPC namespace
 * those of all its queues; nobody sleeps to receive from a System V queue that has a message for him, nor
 * to send while he alone could; the messages of a POSIX queue are in the order of their priority and no
 * more than it takes; nobody waits at one that has messages to read, or room to write, without being on
 * his way; one with a name is in its namespace's list. Cost: one pass over messages.
 */
#include "vmm/audit/ipc_walk.h"

#define MESSAGES_MAX 1000000u
#define QUEUES_MAX   100000u

/* guest/kernel/ipc/sysv/msg.h: enum message_match */
enum { MATCH_ANY, MATCH_EQUAL, MATCH_OTHER, MATCH_UP_TO, MATCH_NUMBER };

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_finding where;
    const uint8_t *raw; /* of the queue */
    uint64_t queue, messages, bytes, priority;
    const uint8_t *receiver; /* who is being judged */
    bool wanted, disordered;
    uint32_t asleep, named;
    uint64_t all_messages, all_bytes; /* of a namespace */
};

/* ---- System V ---- */

static struct vt_error *visit_message(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    const uint8_t *message =
        audit_at(judging->world, node - l->sysv_message_link.offset, l->sysv_message_bytes);

    if (!message)
        return vt_error_create(VT_ERROR_CORRUPT, "a message lies at no memory");
    judging->messages++;
    judging->bytes += audit_get(message, l->sysv_message_payload);
    if (!judging->receiver)
        return NULL;
    int64_t type = (int64_t)audit_get(message, l->sysv_message_type);
    int64_t wanted = (int64_t)audit_get(judging->receiver, l->sleeper_type);
    switch (audit_get(judging->receiver, l->sleeper_match)) {
    case MATCH_ANY:
        judging->wanted = true;
        break;
    case MATCH_EQUAL:
        judging->wanted = judging->wanted || type == wanted;
        break;
    case MATCH_OTHER:
        judging->wanted = judging->wanted || type != wanted;
        break;
    case MATCH_UP_TO:
        judging->wanted = judging->wanted || type <= wanted;
        break;
    default:
        break;
    }
    return NULL;
}

static bool walk_messages(struct judging *judging)
{
    judging->messages = judging->bytes = 0;
    judging->wanted = false;
    return audit_walked(guest_list_walk(
        judging->world->guest, judging->queue + judging->world->layout->queue_messages.offset,
        MESSAGES_MAX, "messages", visit_message, judging));
}

static struct vt_error *visit_receiver(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_world *world = judging->world;
    const struct audit_layout *l = world->layout;
    uint64_t address = node - l->sleeper_link.offset;

    judging->receiver = audit_at(world, address, l->message_sleeper_bytes);
    if (!judging->receiver)
        return vt_error_create(VT_ERROR_CORRUPT, "who waits for a message lies at no memory");
    const struct audit_task *task =
        audit_task_at(world, audit_get(judging->receiver, l->sleeper_task));
    judging->where.tid = task ? task->tid : 0;
    judging->where.address = address;
    if (!task)
        audit_report(judging->audit, judging->where, "who waits for a message at %#lx is no task",
                     (unsigned long)address);
    else if (task->state == TASK_BLOCKED && walk_messages(judging) && judging->wanted)
        audit_report(judging->audit, judging->where,
                     "task %d sleeps at a queue that has a message for it", task->tid);
    judging->receiver = NULL;
    judging->where.tid = 0;
    return NULL;
}

static void check_queue(struct judging *judging)
{
    const struct audit_layout *l = judging->world->layout;
    int32_t id = (int32_t)audit_get(judging->raw, l->ipc_id);

    judging->receiver = NULL;
    judging->where = (struct audit_finding){.object = judging->queue};
    if (!walk_messages(judging)) {
        audit_report(judging->audit, judging->where, "the messages of queue %d are no list", id);
        return;
    }
    uint64_t bytes = judging->bytes, messages = judging->messages;
    judging->all_bytes += bytes;
    judging->all_messages += messages;
    if (audit_get(judging->raw, l->queue_bytes) != bytes ||
        audit_get(judging->raw, l->queue_count) != messages)
        audit_report(judging->audit, judging->where,
                     "queue %d counts %lu messages of %lu bytes, %lu of %lu were found", id,
                     (unsigned long)audit_get(judging->raw, l->queue_count),
                     (unsigned long)audit_get(judging->raw, l->queue_bytes),
                     (unsigned long)messages, (unsigned long)bytes);
    if (!audit_walked(guest_list_walk(judging->world->guest,
                                      judging->queue + l->queue_receivers.offset, MESSAGES_MAX,
                                      "waits for messages", visit_receiver, judging)))
        audit_report(judging->audit, judging->where, "the receivers at queue %d are no list", id);
}

static void visit_table(void *context, const struct audit_ipc_table *table)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;

    judging->all_bytes = judging->all_messages = 0;
    for (uint32_t i = 0; i < table->found; i++) {
        judging->queue = table->objects[i];
        judging->raw = audit_at(judging->world, judging->queue, l->message_queue_bytes);
        if (judging->raw)
            check_queue(judging);
    }
    if (table->count != table->found ||
        audit_get(table->space, l->ipc_message_bytes) != judging->all_bytes ||
        audit_get(table->space, l->ipc_message_count) != judging->all_messages)
        audit_report(judging->audit, (struct audit_finding){.object = table->namespace},
                     "an IPC namespace counts %lu queues with %lu bytes of messages, %u with %lu "
                     "were found",
                     (unsigned long)table->count,
                     (unsigned long)audit_get(table->space, l->ipc_message_bytes), table->found,
                     (unsigned long)judging->all_bytes);
}

/* ---- POSIX ---- */

static struct vt_error *visit_mq_message(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    const uint8_t *message =
        audit_at(judging->world, node - l->mq_message_link.offset, l->mq_message_bytes);

    if (!message)
        return vt_error_create(VT_ERROR_CORRUPT, "a message lies at no memory");
    uint64_t priority = audit_get(message, l->mq_message_priority);
    judging->disordered =
        judging->disordered || (judging->messages && priority > judging->priority);
    judging->priority = priority;
    judging->messages++;
    judging->bytes += audit_get(message, l->mq_message_payload);
    return NULL;
}

/* Who waits there and is not on his way. */
static struct vt_error *visit_mq_waiter(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_world *world = judging->world;
    const uint8_t *waiter =
        audit_at(world, node - world->layout->waiter_link.offset, world->layout->waiter_bytes);

    if (!waiter)
        return vt_error_create(VT_ERROR_CORRUPT, "a waiter lies at no memory");
    const struct audit_task *task = audit_task_at(world, AUDIT_GET(world, waiter, waiter_task));
    judging->asleep +=
        task && task->state == TASK_BLOCKED &&
        (task->wait_kind == WAIT_MESSAGE_READ || task->wait_kind == WAIT_MESSAGE_WRITE);
    return NULL;
}

static uint32_t asleep_at(struct judging *judging, struct audit_field list)
{
    judging->asleep = 0;
    bool walked =
        audit_walked(guest_list_walk(judging->world->guest, judging->queue + list.offset,
                                     MESSAGES_MAX, "waits at a queue", visit_mq_waiter, judging));
    return walked ? judging->asleep : 0;
}

static struct vt_error *visit_named(void *context, uint64_t node)
{
    struct judging *judging = context;

    judging->named += node - judging->world->layout->mqueue_name_link.offset == judging->queue;
    return NULL;
}

static void check_name(struct judging *judging)
{
    const struct audit_world *world = judging->world;
    uint64_t namespace = AUDIT_GET(world, judging->raw, mqueue_space);

    judging->named = 0;
    if (!namespace)
        return;
    if (!audit_walked(guest_list_walk(world->guest, namespace + world->layout->ipc_mqueues.offset,
                                      QUEUES_MAX, "named queues", visit_named, judging)) ||
        judging->named != 1)
        audit_report(judging->audit, judging->where,
                     "a POSIX queue with a name is %u times in the list of its namespace",
                     judging->named);
}

static struct vt_error *visit_mqueue(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;

    judging->queue = node - l->mqueue_all_link.offset;
    judging->raw = audit_at(judging->world, judging->queue, l->mqueue_bytes);
    if (!judging->raw)
        return vt_error_create(VT_ERROR_CORRUPT, "a POSIX queue lies at no memory");
    judging->where = (struct audit_finding){.object = judging->queue};
    judging->messages = judging->bytes = 0;
    judging->disordered = false;
    if (!audit_walked(guest_list_walk(judging->world->guest,
                                      judging->queue + l->mqueue_messages.offset, MESSAGES_MAX,
                                      "messages", visit_mq_message, judging)))
        return vt_error_create(VT_ERROR_CORRUPT, "the messages of a POSIX queue are no list");
    uint64_t count = audit_get(judging->raw, l->mqueue_count);
    uint64_t most = audit_get(judging->raw, l->mqueue_messages_max);
    if (count != judging->messages || audit_get(judging->raw, l->mqueue_payload) != judging->bytes)
        audit_report(judging->audit, judging->where,
                     "a POSIX queue counts %lu messages of %lu bytes, %lu of %lu were found",
                     (unsigned long)count,
                     (unsigned long)audit_get(judging->raw, l->mqueue_payload),
                     (unsigned long)judging->messages, (unsigned long)judging->bytes);
    if (judging->messages > most)
        audit_report(judging->audit, judging->where, "a POSIX queue for %lu messages holds %lu",
                     (unsigned long)most, (unsigned long)judging->messages);
    if (judging->disordered)
        audit_report(judging->audit, judging->where,
                     "the messages of a POSIX queue are not in the order of their priority");
    /* One is woken for each message; the others may go on sleeping. */
    if (judging->messages &&
        asleep_at(judging, l->mqueue_readers) ==
            audit_get(judging->raw, l->mqueue_waiting_readers) &&
        judging->asleep)
        audit_report(judging->audit, judging->where,
                     "a POSIX queue has %lu messages, and all of its %u receivers sleep",
                     (unsigned long)judging->messages, judging->asleep);
    check_name(judging);
    return NULL;
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct judging judging = {.audit = audit, .world = world};
    uint64_t list = AUDIT_ROOT(world, roots_mqueues);

    audit_each_ipc_table(world, AUDIT_IPC_MESSAGES, visit_table, &judging);
    if (list && !audit_walked(guest_list_walk(world->guest, list, QUEUES_MAX, "POSIX queues",
                                              visit_mqueue, &judging)))
        audit_report(audit, (struct audit_finding){.object = list},
                     "the POSIX message queues are no list");
}

const struct audit_invariant invariant_message_queues = {
    .name = "message_queues",
    .proves =
        "queues count their messages, keep their order, and nobody sleeps while one is for him",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_WAKES,
    .check = check,
};
