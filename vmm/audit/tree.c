/*
 * vmm/audit/tree.c - processes are one tree, and everyone who ends has someone to notice.
 *
 * Reads: the PID table, every process's list of children and of threads. Proves: a process but init
 * has a parent; it is on that parent's list and on no other; from init every process of the PID
 * table is reached, once; a thread is on its own process's list; the count of threads is true; a
 * process without threads is a zombie, one with threads is not; a zombie's parent is alive, or
 * init. PIDs are unique, and the table leads to who has the number. Cost: one pass over processes
 * and tasks.
 */
#include "vmm/audit/audit.h"

static void read_pid_table(struct vt_audit *audit, const struct audit_world *world)
{
    uint32_t chunks = (uint32_t)AUDIT_ROOT(world, roots_pid_chunk_count);
    uint32_t bytes = world->layout->pid_entry_bytes, each = 4096 / bytes;
    const uint8_t *table =
        chunks > 4096 ? NULL : audit_at(world, AUDIT_ROOT(world, roots_pid_chunks), chunks * 8ul);

    for (uint32_t i = 0; table && i < chunks; i++) {
        uint64_t address;

        memcpy(&address, table + i * 8ul, 8);
        const uint8_t *entry = address ? audit_at(world, address, 4096) : NULL;
        for (uint32_t j = 0; entry && j < each; j++, entry += bytes) {
            int32_t number = (int32_t)(i * each + j);
            struct audit_task *task = audit_task_at(world, AUDIT_GET(world, entry, pid_task));
            struct audit_process *process =
                audit_process_at(world, AUDIT_GET(world, entry, pid_process));

            if (AUDIT_GET(world, entry, pid_task) && (!task || task->tid != number))
                audit_report(audit, (struct audit_finding){.tid = number},
                             "the PID table leads from %d to a task that is not there", number);
            else if (task)
                task->in_pid_table = true;
            if (AUDIT_GET(world, entry, pid_process) && (!process || process->pid != number))
                audit_report(audit, (struct audit_finding){.pid = number},
                             "the PID table leads from %d to a process that is not there", number);
            else if (process)
                process->in_pid_table = true;
        }
    }
}

/* What visits a list's members: of which process it is. */
struct visiting {
    struct vt_audit *audit;
    const struct audit_world *world;
    struct audit_process *process;
    uint32_t threads;
};

static bool for_list(struct visiting *visiting, struct audit_field head, size_t most,
                     guest_visit *visit)
{
    return audit_walked(guest_list_walk(visiting->world->guest,
                                        visiting->process->address + head.offset, (uint32_t)most,
                                        "a list", visit, visiting));
}

static struct vt_error *visit_child(void *context, uint64_t node)
{
    const struct visiting *visiting = context;
    const struct audit_process *parent = visiting->process;
    uint64_t object = node - visiting->world->layout->process_sibling.offset;
    struct audit_process *child = audit_process_at(visiting->world, object);

    if (!child) {
        audit_report(visiting->audit, (struct audit_finding){.pid = parent->pid, .object = object},
                     "process %d has a child at %#lx that is no process", parent->pid,
                     (unsigned long)object);
        return NULL;
    }
    child->children++;
    if (child->parent != parent->address)
        audit_report(visiting->audit, (struct audit_finding){.pid = child->pid, .object = object},
                     "process %d is on the list of %d's children, but has another parent",
                     child->pid, parent->pid);
    return NULL;
}

static struct vt_error *visit_thread(void *context, uint64_t node)
{
    struct visiting *visiting = context;
    const struct audit_process *process = visiting->process;
    uint64_t object = node - visiting->world->layout->task_thread_link.offset;
    struct audit_task *task = audit_task_at(visiting->world, object);

    if (!task || task->process != process->address) {
        audit_report(visiting->audit, (struct audit_finding){.pid = process->pid, .object = object},
                     "process %d has a thread at %#lx that is not its own", process->pid,
                     (unsigned long)object);
        return NULL;
    }
    task->families++;
    visiting->threads += task->state != TASK_ZOMBIE;
    return NULL;
}

static void check_process(struct vt_audit *audit, const struct audit_world *world,
                          struct audit_process *process)
{
    struct audit_finding where = {.pid = process->pid, .object = process->address};
    const struct audit_process *parent = audit_process_at(world, process->parent);
    bool is_init = process->address == world->guest->init_process;

    if (!process->in_pid_table)
        return; /* under construction, or reaped */
    if (is_init ? process->children != 0 : process->children != 1)
        audit_report(audit, where, "process %d is on the lists of %u parents", process->pid,
                     process->children);
    if (!is_init && (!parent || !parent->in_pid_table))
        audit_report(audit, where, "process %d has no parent in the tree", process->pid);
    if (process->zombie != (process->task_count == 0))
        audit_report(audit, where, "process %d has %u threads left and is %s zombie", process->pid,
                     process->task_count, process->zombie ? "a" : "no");
    if (process->zombie && parent && parent->zombie)
        audit_report(audit, where,
                     "zombie %d has the parent %d, which is dead itself: nobody will "
                     "notice it",
                     process->pid, parent->pid);
    struct visiting visiting = {.audit = audit, .world = world, .process = process};
    if (!for_list(&visiting, world->layout->process_threads, world->task_count + 1, visit_thread))
        audit_report(audit, where, "the threads of process %d are no list", process->pid);
    else if (visiting.threads != process->task_count)
        audit_report(audit, where, "process %d counts %u threads, %u were found", process->pid,
                     process->task_count, visiting.threads);
    /* Up to init: a longer way than there are processes is a circle. */
    size_t steps = 0;
    for (const struct audit_process *at = process; at && at->address != world->guest->init_process;
         at = audit_process_at(world, at->parent))
        if (steps++ > world->process_count) {
            audit_report(audit, where, "the ancestors of process %d are a circle", process->pid);
            break;
        }
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    for (size_t i = 0; i < world->process_count; i++)
        world->processes[i].children = 0;
    read_pid_table(audit, world);
    for (size_t i = 0; i < world->process_count; i++) {
        struct visiting visiting = {
            .audit = audit, .world = world, .process = &world->processes[i]};

        if (world->processes[i].in_pid_table &&
            !for_list(&visiting, world->layout->process_children, world->process_count + 1,
                      visit_child))
            audit_report(audit,
                         (struct audit_finding){.pid = world->processes[i].pid,
                                                .object = world->processes[i].address},
                         "the children of process %d are no list", world->processes[i].pid);
    }
    for (size_t i = 0; i < world->process_count; i++)
        check_process(audit, world, &world->processes[i]);
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->in_pid_table && task->families != 1)
            audit_report(audit, (struct audit_finding){.tid = task->tid, .object = task->address},
                         "task %d is on the lists of %u processes", task->tid, task->families);
    }
}

const struct audit_invariant invariant_tree = {
    .name = "tree",
    .proves = "processes are one tree from init on, lists and numbers agree, and every zombie has "
              "someone to notice it",
    .needs = AUDIT_NEEDS_FAMILY,
    .check = check,
};
