/*
 * vmm/audit/pid_numbers.c - in PID namespaces, too, a number leads to one task and back
 * (pid_namespaces(7)).
 *
 * Reads: the inner numbers of every global number, the tables of every PID namespace, processes and
 * tasks. Proves, in a world at rest: a global number has one number in each namespace from its own up to
 * the second, and that namespace's table leads from there back to it; a namespace counts as many numbers
 * as lead to somebody; its process 1 is the one that it names; a namespace is one level below its
 * parent; every task of a process in an inner namespace has numbers there. Cost: one pass over the tables.
 */
#include "vmm/audit/namespace_walk.h"

#include "vmm/audit/tally.h"

#define GLOBAL_CHUNKS 64u   /* guest/kernel/namespace/pid_namespace.c: of 512 places */
#define GLOBALS       512u  /* ... in each */
#define INNER_CHUNKS  32u   /* pid_namespace.h: PID_NUMBER_CHUNKS */
#define INNER         1024u /* ... PID_NUMBERS_PER_CHUNK */
#define LEVELS_MAX    33u
#define NUMBER_MAX    32767

struct judging {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_tally
        namespaces; /* struct pid_namespace; listed: yes; held: numbers that name it */
};

static const uint8_t *namespace_at(const struct judging *judging, uint64_t address)
{
    return audit_at(judging->world, address, judging->world->layout->pid_namespace_bytes);
}

/* Where the namespace's table leads from that number; 0: nowhere. */
static int32_t entry_of(const struct judging *judging, const uint8_t *namespace, int32_t number)
{
    uint64_t chunk;
    int32_t global = 0;

    if (number <= 0 || number > NUMBER_MAX)
        return 0;
    memcpy(&chunk,
           namespace + judging->world->layout->pid_namespace_chunks.offset +
               (size_t)number / INNER * 8,
           sizeof(chunk));
    const uint8_t *entry =
        chunk ? audit_at(judging->world, chunk + (uint64_t)number % INNER * 4, 4) : NULL;
    if (entry)
        memcpy(&global, entry, sizeof(global));
    return global;
}

/* struct pid_numbers of a global number; NULL: it has none. */
static const uint8_t *numbers_of(const struct audit_world *world, int32_t global)
{
    uint64_t chunk, address;
    const uint8_t *place =
        global <= 0 || global > NUMBER_MAX
            ? NULL
            : audit_at(world, AUDIT_ROOT(world, roots_pid_globals) + (uint64_t)global / GLOBALS * 8,
                       8);

    if (!place)
        return NULL;
    memcpy(&chunk, place, sizeof(chunk));
    place = chunk ? audit_at(world, chunk + (uint64_t)global % GLOBALS * 8, 8) : NULL;
    if (!place)
        return NULL;
    memcpy(&address, place, sizeof(address));
    return address ? audit_at(world, address, world->layout->numbers_number.offset + 4) : NULL;
}

/* One global number, level by level. */
static void check_numbers(struct judging *judging, int32_t global, const uint8_t *numbers)
{
    const struct audit_layout *l = judging->world->layout;
    uint64_t level = audit_get(numbers, l->numbers_level);
    uint64_t at = audit_get(numbers, l->numbers_namespace);
    struct audit_finding where = {.tid = global, .object = at};

    if (!level || level >= LEVELS_MAX) {
        audit_report(judging->audit, where, "number %d has inner numbers of level %lu", global,
                     (unsigned long)level);
        return;
    }
    for (; level; level--) {
        const uint8_t *namespace = namespace_at(judging, at);
        struct audit_tallied *known = audit_tallied(&judging->namespaces, at);
        int32_t number;

        memcpy(&number, numbers + l->numbers_number.offset + level * 4, sizeof(number));
        if (!namespace || !known || audit_get(namespace, l->pid_namespace_level) != level) {
            audit_report(
                judging->audit, where,
                "number %d is said to be in a PID namespace of level %lu that is not there", global,
                (unsigned long)level);
            return;
        }
        known->held++;
        if (entry_of(judging, namespace, number) != global)
            audit_report(judging->audit, where,
                         "number %d is %d at level %lu, and from there one comes to %d", global,
                         number, (unsigned long)level, entry_of(judging, namespace, number));
        at = audit_get(namespace, l->pid_namespace_parent);
    }
}

/* The global numbers of one chunk; most have no inner ones. */
static void check_chunk(struct judging *judging, uint32_t index)
{
    const struct audit_world *world = judging->world;
    const uint8_t *place = audit_at(world, AUDIT_ROOT(world, roots_pid_globals) + index * 8ul, 8);
    uint64_t address = 0;

    if (place)
        memcpy(&address, place, sizeof(address));
    const uint8_t *chunk = address ? audit_at(world, address, GLOBALS * 8ul) : NULL;
    for (uint32_t i = 0; chunk && i < GLOBALS; i++) {
        memcpy(&address, chunk + i * 8ul, sizeof(address));
        const uint8_t *numbers =
            address ? audit_at(world, address, world->layout->numbers_number.offset + 4) : NULL;
        if (numbers)
            check_numbers(judging, (int32_t)(index * GLOBALS + i), numbers);
    }
}

static void add_namespace(void *context, const struct audit_namespace *namespace)
{
    struct judging *judging = context;
    const struct audit_layout *l = judging->world->layout;
    struct audit_tallied *place =
        audit_tally(&judging->namespaces, namespace->address - l->pid_namespace_head.offset +
                                              l->namespace_references.offset);

    if (place)
        place->listed = 1;
}

static uint32_t entries_in(const struct judging *judging, const uint8_t *namespace)
{
    uint32_t found = 0;

    for (unsigned i = 0; i < INNER_CHUNKS; i++) {
        uint64_t chunk;

        memcpy(&chunk, namespace + judging->world->layout->pid_namespace_chunks.offset + i * 8ul,
               sizeof(chunk));
        const uint8_t *entries = chunk ? audit_at(judging->world, chunk, INNER * 4ul) : NULL;
        for (unsigned j = 0; entries && j < INNER; j++) {
            int32_t global;

            memcpy(&global, entries + j * 4ul, sizeof(global));
            found += global != 0;
        }
    }
    return found;
}

static void check_namespace(struct judging *judging, const struct audit_tallied *known)
{
    const struct audit_layout *l = judging->world->layout;
    const uint8_t *raw = namespace_at(judging, known->address), *parent;
    struct audit_finding where = {.object = known->address};

    if (!raw)
        return;
    uint64_t level = audit_get(raw, l->pid_namespace_level);
    parent = namespace_at(judging, audit_get(raw, l->pid_namespace_parent));
    if (level ? !parent || audit_get(parent, l->pid_namespace_level) + 1 != level : parent != NULL)
        audit_report(judging->audit, where,
                     "a PID namespace of level %lu is not below one of the level before",
                     (unsigned long)level);
    if (!level)
        return; /* its numbers are the PID table's */
    uint64_t counted = audit_get(raw, l->pid_namespace_count);
    uint32_t entries = entries_in(judging, raw);
    if (counted != known->held || entries != known->held)
        audit_report(judging->audit, where,
                     "a PID namespace counts %lu numbers and has %u in its table, %u are in use",
                     (unsigned long)counted, entries, known->held);
    uint64_t address = audit_get(raw, l->pid_namespace_init);
    const struct audit_process *init = audit_process_at(judging->world, address);
    int32_t first = entry_of(judging, raw, 1);
    if (address && (!init || init->pid != first))
        audit_report(judging->audit, where,
                     "process 1 of a PID namespace is %s, its number 1 leads to %d",
                     init ? "another process" : "freed", first);
}

static void check_tasks(const struct judging *judging)
{
    const struct audit_world *world = judging->world;

    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];
        const struct audit_process *process = audit_process_at(world, task->process);
        uint64_t own = process ? AUDIT_GET(world, process->raw, process_pid_namespace) : 0;
        const uint8_t *namespace = own ? namespace_at(judging, own) : NULL;

        if (!namespace || !task->in_pid_table || !AUDIT_GET(world, namespace, pid_namespace_level))
            continue;
        const uint8_t *numbers = numbers_of(world, task->tid);
        if (!numbers || AUDIT_GET(world, numbers, numbers_namespace) != own)
            audit_report(judging->audit,
                         (struct audit_finding){
                             .tid = task->tid, .pid = task->tgid, .object = task->address},
                         "task %d has no number in the PID namespace of its process", task->tid);
    }
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct judging judging = {.audit = audit, .world = world};

    if (!AUDIT_ROOT(world, roots_pid_globals))
        return;
    bool whole = audit_each_namespace(world, AUDIT_NAMESPACE_PID, add_namespace, &judging) &&
                 !judging.namespaces.out_of_memory;
    for (uint32_t i = 0; whole && i < GLOBAL_CHUNKS; i++)
        check_chunk(&judging, i);
    for (size_t i = 0; whole && i < judging.namespaces.room; i++)
        if (judging.namespaces.places[i].address)
            check_namespace(&judging, &judging.namespaces.places[i]);
    if (whole)
        check_tasks(&judging);
    audit_tally_free(&judging.namespaces);
}

const struct audit_invariant invariant_pid_numbers = {
    .name = "pid_numbers",
    .proves = "in each PID namespace numbers are unique, lead to their task, and back",
    .needs = AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_WAKES,
    .check = check,
};
