/*
 * vmm/audit/wait_queues.c - who is on a wait queue waits, and is still there.
 *
 * Reads: the wait queues that processes, address spaces, open files, pipes and sockets have, and the waiters
 * on them, which lie on kernel stacks and in tasks. Proves, in a world at rest: the links of a queue
 * lead back; a waiter on it knows that it is; it is some task's, which is not in user mode, and lies
 * in that task or in the part of its kernel stack that is in use - so no queue leads to memory that
 * its owner has left. What watches without sleeping (epoll) has no task. Cost: one pass over queues
 * and waiters.
 */
#include "vmm/audit/files.h"

#define WAITERS_MAX 65536u

struct walk {
    struct vt_audit *audit;
    const struct audit_world *world;
    uint64_t queue;
    const char *what;
};

/* In the task, or in the part of its stack that it has not given up. In user mode there is neither.
 */
static bool still_waits(const struct audit_world *world, const struct audit_task *task,
                        uint64_t address)
{
    bool own = address == task->address + world->layout->task_waiter.offset;
    uint64_t from = task->stack_top - AUDIT_ROOT(world, roots_kernel_stack_bytes);

    if (task->state == TASK_RUNNING && task->cpu < world->cpu_count) {
        if (world->cpus[task->cpu].at_rest)
            return false;
        from = world->cpus[task->cpu].glass.parked_rsp;
    } else if (task->kernel_rsp > from) {
        from = task->kernel_rsp;
    }
    if (own)
        return !audit_left_user_mode(world, task);
    return address >= from && address + world->layout->waiter_bytes <= task->stack_top;
}

static struct vt_error *visit(void *context, uint64_t node)
{
    const struct walk *walk = context;
    const struct audit_world *world = walk->world;
    const struct audit_layout *l = world->layout;
    uint64_t address = node - l->waiter_link.offset;
    const uint8_t *waiter = audit_at(world, address, l->waiter_bytes);
    struct audit_finding where = {.object = walk->queue, .address = address};

    if (!waiter)
        return vt_error_create(VT_ERROR_CORRUPT, "a waiter lies at no memory");
    if (audit_get(waiter, l->waiter_queue) != walk->queue) {
        audit_report(walk->audit, where,
                     "a waiter at %#lx is linked in %s and does not know it: a wake-up left it "
                     "behind",
                     (unsigned long)address, walk->what);
        return NULL;
    }
    if (audit_get(waiter, l->waiter_notify))
        return NULL;
    const struct audit_task *task = audit_task_at(world, audit_get(waiter, l->waiter_task));
    if (!task || !still_waits(world, task, address)) {
        where.tid = task ? task->tid : 0;
        audit_report(walk->audit, where, "a waiter at %#lx in %s lies where no task waits any more",
                     (unsigned long)address, walk->what);
    }
    return NULL;
}

static void check_queue(struct vt_audit *audit, const struct audit_world *world, uint64_t object,
                        struct audit_field queue, const char *what)
{
    const struct audit_layout *l = world->layout;
    struct walk walk = {
        .audit = audit, .world = world, .queue = object + queue.offset, .what = what};
    const uint8_t *raw = audit_at(world, walk.queue, l->wait_queue_bytes);

    if (!raw || audit_get(raw, l->wait_queue_lock))
        return;
    if (!audit_walked(guest_list_walk(world->guest, walk.queue + l->wait_queue_waiters.offset,
                                      WAITERS_MAX, what, visit, &walk)))
        audit_report(audit, (struct audit_finding){.object = walk.queue},
                     "the waiters at %#lx, in %s, are no list", (unsigned long)walk.queue, what);
}

static void check_socket(struct vt_audit *audit, const struct audit_world *world, uint64_t socket)
{
    const struct audit_layout *l = world->layout;

    check_queue(audit, world, socket, l->socket_read_waiters, "a socket's receivers");
    check_queue(audit, world, socket, l->socket_write_waiters, "a socket's senders");
    check_queue(audit, world, socket, l->socket_room_waiters, "waits for room at a socket");
    check_queue(audit, world, socket, l->socket_lock_waiters, "a socket's lock");
}

static void check_files(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    uint64_t pipes = AUDIT_ROOT(world, roots_pipe_operations);
    struct audit_files files;

    if (!audit_files_find(world, &files))
        return;
    for (size_t i = 0; i < files.count; i++) {
        const struct audit_file *file = &files.files[i];

        if (!file->raw)
            continue;
        check_queue(audit, world, file->address, l->file_position_waiters,
                    "a file's position lock");
        uint64_t operations = audit_get(file->raw, l->file_operations);
        if (operations == AUDIT_ROOT(world, roots_socket_operations))
            check_socket(audit, world, audit_get(file->raw, l->file_private_data));
        if (operations != pipes)
            continue;
        uint64_t pipe = audit_get(file->raw, l->file_private_data);
        check_queue(audit, world, pipe, l->pipe_read_waiters, "a pipe's readers");
        check_queue(audit, world, pipe, l->pipe_write_waiters, "a pipe's writers");
        check_queue(audit, world, pipe, l->pipe_lock_waiters, "a pipe's lock");
    }
    audit_files_free(&files);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    const struct audit_layout *l = world->layout;

    for (size_t i = 0; i < world->process_count; i++) {
        const struct audit_process *process = &world->processes[i];

        if (!process->in_pid_table)
            continue;
        check_queue(audit, world, process->address, l->process_child_events, "waits for children");
        check_queue(audit, world, process->address, l->process_thread_events, "waits for threads");
        check_queue(audit, world, process->address, l->process_signal_waiters, "waits for signals");
    }
    for (size_t i = 0; i < world->space_count; i++)
        if (world->spaces[i].root)
            check_queue(audit, world, world->spaces[i].address, l->space_lock_waiters,
                        "an address space's lock");
    check_files(audit, world);
}

const struct audit_invariant invariant_wait_queues = {
    .name = "wait_queues",
    .proves = "wait queues lead to tasks that wait, and to no stack that its owner has left",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_FAMILY | AUDIT_NEEDS_MEMORY,
    .check = check,
};
