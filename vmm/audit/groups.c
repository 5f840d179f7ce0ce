/*
 * vmm/audit/groups.c - process groups and sessions are what POSIX says, and their members are
 * found.
 *
 * Reads: group and session of every process, the rings of their members, the PID table. Proves, in
 * a world at rest: all members of a group are in one session; who leads a session leads its group;
 * from the PID table's entry of a group or session one comes, by its ring, to as many processes as
 * say that they are in it, and to no other - whom a signal to the group would miss or hit. Cost:
 * two passes over processes for each process.
 */
#include "vmm/audit/audit.h"

struct ring {
    const struct audit_world *world;
    struct audit_field link, number; /* group or session */
    uint64_t wanted;
    uint32_t members;
    bool strangers;
};

static const uint8_t *pid_entry(const struct audit_world *world, uint64_t number)
{
    uint32_t bytes = world->layout->pid_entry_bytes, each = 4096 / bytes;
    const uint8_t *chunk =
        number / each < AUDIT_ROOT(world, roots_pid_chunk_count)
            ? audit_at(world, AUDIT_ROOT(world, roots_pid_chunks) + number / each * 8, 8)
            : NULL;
    uint64_t address = 0;

    if (chunk)
        memcpy(&address, chunk, 8);
    return address ? audit_at(world, address + number % each * bytes, bytes) : NULL;
}

static struct vt_error *count_member(void *context, uint64_t node)
{
    struct ring *ring = context;
    const struct audit_process *process = audit_process_at(ring->world, node - ring->link.offset);

    ring->members++;
    if (!process || audit_get(process->raw, ring->number) != ring->wanted)
        ring->strangers = true;
    return NULL;
}

static void check_ring(struct vt_audit *audit, const struct audit_process *process,
                       struct ring ring, struct audit_field entry_field, const char *what)
{
    const struct audit_world *world = ring.world;
    uint32_t expected = 0;

    ring.wanted = audit_get(process->raw, ring.number);
    for (size_t i = 0; i < world->process_count; i++)
        if (world->processes[i].in_pid_table &&
            audit_get(world->processes[i].raw, ring.number) == ring.wanted) {
            if (&world->processes[i] < process)
                return; /* judged already */
            expected++;
        }
    const uint8_t *entry = pid_entry(world, ring.wanted);
    uint64_t first = entry ? audit_get(entry, entry_field) : 0;
    bool whole = first != 0;
    if (whole) {
        /* The ring has no head: any member stands for it, and is not visited. */
        whole = audit_walked(guest_list_walk(world->guest, first + ring.link.offset,
                                             (uint32_t)world->process_count, what, count_member,
                                             &ring));
        count_member(&ring, first + ring.link.offset);
    }
    if (!whole || ring.strangers || ring.members != expected)
        audit_report(audit, (struct audit_finding){.pid = process->pid, .object = process->address},
                     "%u processes say that they are in %s %lu, %u are found there%s", expected,
                     what, (unsigned long)ring.wanted, ring.members,
                     ring.strangers ? ", of which some are not" : "");
}

static void check_session(struct vt_audit *audit, const struct audit_world *world,
                          const struct audit_process *process)
{
    uint64_t group = AUDIT_GET(world, process->raw, process_group);
    uint64_t session = AUDIT_GET(world, process->raw, process_session);
    struct audit_finding where = {.pid = process->pid, .object = process->address};

    if (session == (uint64_t)process->pid && group != session)
        audit_report(audit, where, "process %d leads a session and is in group %lu", process->pid,
                     (unsigned long)group);
    for (const struct audit_process *other = world->processes; other < process; other++) {
        if (!other->in_pid_table || AUDIT_GET(world, other->raw, process_group) != group ||
            AUDIT_GET(world, other->raw, process_session) == session)
            continue;
        audit_report(audit, where,
                     "processes %d and %d are in group %lu, but in sessions %lu and "
                     "%lu",
                     other->pid, process->pid, (unsigned long)group,
                     (unsigned long)AUDIT_GET(world, other->raw, process_session),
                     (unsigned long)session);
        return;
    }
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;

    for (size_t i = 0; i < world->process_count; i++) {
        const struct audit_process *process = &world->processes[i];
        struct ring group = {
            .world = world, .link = l->process_group_link, .number = l->process_group};
        struct ring session = {
            .world = world, .link = l->process_session_link, .number = l->process_session};

        if (!process->in_pid_table)
            continue;
        check_session(audit, world, process);
        check_ring(audit, process, group, l->pid_group, "group");
        check_ring(audit, process, session, l->pid_session, "session");
    }
}

const struct audit_invariant invariant_groups = {
    .name = "groups",
    .proves = "the members of a process group are in one session, and groups and sessions lead to "
              "all their members",
    .needs = AUDIT_NEEDS_FAMILY,
    .check = check,
};
