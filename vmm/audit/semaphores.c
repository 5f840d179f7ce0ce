/*
 * vmm/audit/semaphores.c - nobody waits for System V semaphores whose operations are possible (semop(2)).
 *
 * Reads: the sets of all IPC namespaces, their values, who waits and for what, what will be undone.
 * Proves, in a world at rest: values are in their range; a waiter on a set lies on the stack of a task that
 * sleeps for a semaphore, and its operations, tried one after the other, stop at one that must wait; what
 * is to be undone belongs to this set and to a list that some task has; a table counts the objects that it
 * holds, and its namespace all semaphores. Cost: one pass over semaphores and waiters.
 */
#include "vmm/audit/ipc_walk.h"

#include "vmm/audit/tally.h"

#define VALUE_MAX      32767
#define PER_SET_MAX    32000u
#define CHUNK          1024u /* guest/kernel/ipc/sysv/sem.h: SEMAPHORE_CHUNK */
#define OPERATIONS_MAX 4096u
#define WAITERS_MAX    65536u
#define WAITS          1   /* SEMAPHORE_WAITS */
#define TRIED_MAX      64u /* longer ones are not tried */

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_tally lists; /* of what tasks undo; held: tasks */
    uint64_t set;
    const uint8_t *raw; /* of the set */
    int32_t id;
};

static bool value_of(const struct judging *judging, uint32_t number, int32_t *ret)
{
    const struct audit_layout *l = judging->world->layout;
    uint64_t chunk;

    memcpy(&chunk, judging->raw + l->set_chunks.offset + number / CHUNK * 8ul, sizeof(chunk));
    const uint8_t *semaphore =
        audit_at(judging->world, chunk + (uint64_t)(number % CHUNK) * l->semaphore_bytes,
                 l->semaphore_bytes);
    if (semaphore)
        *ret = (int32_t)audit_get(semaphore, l->semaphore_value);
    return semaphore != NULL;
}

/* Must the waiter wait? Its operations are tried in their order, as the kernel would. */
static bool must_wait(const struct judging *judging, const uint8_t *waiter)
{
    const struct audit_layout *l = judging->world->layout;
    uint64_t count = audit_get(waiter, l->sem_waiter_count);
    uint64_t sets = audit_get(judging->raw, l->set_count);
    uint64_t first = audit_get(waiter, l->sem_waiter_operations);
    struct {
        uint64_t number;
        int32_t value;
    } tried[TRIED_MAX];

    if (!count || count > TRIED_MAX)
        return true; /* not judged */
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *operation = audit_at(
            judging->world, first + (uint64_t)i * l->linux_sembuf_bytes, l->linux_sembuf_bytes);

        if (!operation)
            return true;
        uint64_t number = audit_get(operation, l->sembuf_number);
        int32_t change = (int32_t)audit_get(operation, l->sembuf_operation), value = 0;
        if (number >= sets || !value_of(judging, (uint32_t)number, &value))
            return true;
        for (uint32_t j = 0; j < i; j++)
            if (tried[j].number == number)
                value = tried[j].value;
        if (value + change < 0 || (!change && value))
            return true;
        if (value + change > VALUE_MAX)
            return false; /* it would be told so */
        tried[i].number = number;
        tried[i].value = value + change;
    }
    return false;
}

static struct vt_error *visit_waiter(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_world *world = judging->world;
    const struct audit_layout *l = world->layout;
    uint64_t address = node - l->sem_waiter_link.offset;
    const uint8_t *waiter = audit_at(world, address, l->semaphore_waiter_bytes);

    if (!waiter)
        return vt_error_create(VT_ERROR_CORRUPT, "who waits for a semaphore lies at no memory");
    const struct audit_task *task = audit_task_at(world, audit_get(waiter, l->sem_waiter_task));
    struct audit_finding where = {
        .tid = task ? task->tid : 0, .object = judging->set, .address = address};
    uint64_t bottom = task ? task->stack_top - AUDIT_ROOT(world, roots_kernel_stack_bytes) : 0;
    if (!task || address < bottom || address >= task->stack_top) {
        audit_report(judging->audit, where,
                     "who waits for the semaphores %d lies where no task waits", judging->id);
        return NULL;
    }
    /* A signal or the end of its time may have woken it: then it looks itself. */
    if (task->state != TASK_BLOCKED || task->wait_kind != WAIT_SEMAPHORE)
        return NULL;
    if ((int32_t)audit_get(waiter, l->sem_waiter_result) != WAITS)
        audit_report(judging->audit, where,
                     "task %d sleeps for the semaphores %d, and its call is decided", task->tid,
                     judging->id);
    else if (!must_wait(judging, waiter))
        audit_report(judging->audit, where,
                     "task %d waits for the semaphores %d, and nothing is in its way", task->tid,
                     judging->id);
    return NULL;
}

static struct vt_error *visit_undo(void *context, uint64_t node)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    uint64_t address = node - l->undo_set_link.offset;
    const uint8_t *undo = audit_at(judging->world, address, l->sem_undo_bytes);

    if (!undo)
        return vt_error_create(VT_ERROR_CORRUPT, "what a task undoes lies at no memory");
    const struct audit_tallied *list =
        audit_tallied(&judging->lists, audit_get(undo, l->undo_owner));
    if (audit_get(undo, l->undo_set) != judging->set || !list)
        audit_report(judging->audit,
                     (struct audit_finding){.object = judging->set, .address = address},
                     "the semaphores %d have something to be undone that %s", judging->id,
                     list ? "is another set's" : "no task will undo");
    return NULL;
}

static void check_set(struct judging *judging, uint64_t *ret_count)
{
    const struct audit_layout *l = judging->world->layout;
    struct audit_finding where = {.object = judging->set};
    uint64_t count = audit_get(judging->raw, l->set_count);

    judging->id = (int32_t)audit_get(judging->raw, l->ipc_id);
    *ret_count += count;
    for (uint32_t i = 0; i < count && i < PER_SET_MAX; i++) {
        int32_t value = 0;

        if (!value_of(judging, i, &value) || value < 0 || value > VALUE_MAX)
            audit_report(judging->audit, where, "semaphore %u of the set %d has the value %d", i,
                         judging->id, value);
    }
    if (!audit_walked(guest_list_walk(judging->world->guest, judging->set + l->set_waiters.offset,
                                      WAITERS_MAX, "waits for semaphores", visit_waiter,
                                      judging)) ||
        !audit_walked(guest_list_walk(judging->world->guest, judging->set + l->set_undos.offset,
                                      WAITERS_MAX, "what tasks undo", visit_undo, judging)))
        audit_report(judging->audit, where, "the waiters or undos of the semaphores %d are no list",
                     judging->id);
}

static void visit_table(void *context, const struct audit_ipc_table *table)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    uint64_t semaphores = 0;

    for (uint32_t i = 0; i < table->found; i++) {
        judging->set = table->objects[i];
        judging->raw = audit_at(judging->world, judging->set, l->semaphore_set_bytes);
        if (judging->raw)
            check_set(judging, &semaphores);
    }
    if (table->count != table->found || audit_get(table->space, l->ipc_semaphores) != semaphores)
        audit_report(judging->audit, (struct audit_finding){.object = table->namespace},
                     "an IPC namespace counts %lu sets of %lu semaphores, %u of %lu were found",
                     (unsigned long)table->count,
                     (unsigned long)audit_get(table->space, l->ipc_semaphores), table->found,
                     (unsigned long)semaphores);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct judging judging = {.audit = audit, .world = world};

    for (size_t i = 0; i < world->task_count; i++)
        audit_tally_hold(&judging.lists, AUDIT_GET(world, world->tasks[i].raw, task_sem_undo));
    for (size_t i = 0; i < judging.lists.room; i++) {
        const struct audit_tallied *list = &judging.lists.places[i];
        const uint8_t *raw =
            list->address ? audit_at(world, list->address, world->layout->sem_undo_list_bytes)
                          : NULL;

        if (raw && AUDIT_GET(world, raw, undo_list_references) != list->held)
            audit_report(audit, (struct audit_finding){.object = list->address},
                         "a list of what to undo has %lu references, %u tasks share it",
                         (unsigned long)AUDIT_GET(world, raw, undo_list_references), list->held);
    }
    if (!judging.lists.out_of_memory)
        audit_each_ipc_table(world, AUDIT_IPC_SEMAPHORES, visit_table, &judging);
    audit_tally_free(&judging.lists);
}

const struct audit_invariant invariant_semaphores = {
    .name = "semaphores",
    .proves =
        "nobody waits for System V semaphores without need, and what is undone belongs to a task",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_WAKES,
    .check = check,
};
