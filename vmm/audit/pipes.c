/*
 * vmm/audit/pipes.c - pipes hold what they may, and nobody sleeps at one that is ready.
 *
 * Reads: every pipe that an open file or a sleeping task leads to. Proves, in a world at rest: the
 * bytes in it are not more than its capacity; it counts as many readers and writers as open files
 * are found (one more can only be a leaked file: then readers never see the end); no reader sleeps
 * while there are bytes or no writer is left, no writer while there is room or no reader is left -
 * unless another sleeper was woken and is on its way, which passes the wake-up on. Cost: one pass
 * over open files, and one over tasks.
 */
#include <stdlib.h>

#include "vmm/audit/files.h"

#define ROOM_TO_WAKE_FOR 4096u /* PIPE_BUF: guest/kernel/fs/pipe.c */
#define ACCESS_MODE      3u
#define WRITE_ONLY       1u

struct ends {
    uint32_t readers, writers;
    bool any;
};

static struct ends open_ends(const struct audit_world *world, const struct audit_files *files,
                             uint64_t pipe)
{
    struct ends ends = {0};

    for (size_t i = 0; i < files->count; i++) {
        const uint8_t *file = files->files[i].raw;

        if (!file ||
            AUDIT_GET(world, file, file_operations) != AUDIT_ROOT(world, roots_pipe_operations) ||
            AUDIT_GET(world, file, file_private_data) != pipe)
            continue;
        uint64_t mode = AUDIT_GET(world, file, file_flags) & ACCESS_MODE;
        ends.readers += mode != WRITE_ONLY;
        ends.writers += mode != 0;
        ends.any = true;
    }
    return ends;
}

static void check_pipe(struct vt_audit *audit, const struct audit_world *world,
                       const struct audit_files *files, uint64_t address)
{
    const uint8_t *pipe = audit_at(world, address, world->layout->pipe_bytes);
    struct audit_finding where = {.object = address};

    if (!pipe) {
        audit_report(audit, where, "a pipe would lie at %#lx, which is no kernel memory",
                     (unsigned long)address);
        return;
    }
    if (AUDIT_GET(world, pipe, pipe_lock))
        return; /* its owner is in the middle of a change */
    uint64_t both = AUDIT_GET(world, pipe, pipe_ends);
    uint32_t used = (uint32_t)both - (uint32_t)(both >> 32);
    uint64_t capacity = AUDIT_GET(world, pipe, pipe_capacity);
    if (used > capacity)
        audit_report(audit, where, "the pipe at %#lx holds %u bytes of %lu", (unsigned long)address,
                     used, (unsigned long)capacity);
    struct ends ends = open_ends(world, files, address);
    uint64_t readers = AUDIT_GET(world, pipe, pipe_readers);
    uint64_t writers = AUDIT_GET(world, pipe, pipe_writers);
    if (readers < ends.readers || readers > ends.readers + files->slack || writers < ends.writers ||
        writers > ends.writers + files->slack)
        audit_report(
            audit, where,
            "the pipe at %#lx counts %lu readers and %lu writers, %u and %u open files were "
            "found",
            (unsigned long)address, (unsigned long)readers, (unsigned long)writers, ends.readers,
            ends.writers);
}

static bool on_its_way(const struct audit_world *world, uint64_t pipe, unsigned kind)
{
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->state == TASK_READY && task->wait_kind == kind &&
            AUDIT_GET(world, task->raw, task_wait_object) == pipe)
            return true;
    }
    return false;
}

static void check_sleeper(struct vt_audit *audit, const struct audit_world *world,
                          const struct audit_task *task)
{
    uint64_t address = AUDIT_GET(world, task->raw, task_wait_object);
    const uint8_t *pipe = audit_at(world, address, world->layout->pipe_bytes);

    if (!pipe)
        return;
    uint64_t both = AUDIT_GET(world, pipe, pipe_ends);
    uint32_t used = (uint32_t)both - (uint32_t)(both >> 32);
    uint64_t capacity = AUDIT_GET(world, pipe, pipe_capacity);
    bool reads = task->wait_kind == WAIT_PIPE_READ;
    bool ready = reads ? used || !AUDIT_GET(world, pipe, pipe_writers)
                       : (used < capacity && capacity - used >= ROOM_TO_WAKE_FOR) ||
                             !AUDIT_GET(world, pipe, pipe_readers);
    if (ready && !on_its_way(world, address, task->wait_kind))
        audit_report(audit,
                     (struct audit_finding){.tid = task->tid, .pid = task->tgid, .object = address},
                     "task %d sleeps to %s a pipe with %u of %lu bytes: its wake-up was lost",
                     task->tid, reads ? "read from" : "write to", used, (unsigned long)capacity);
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_files files;
    uint64_t pipes = AUDIT_ROOT(world, roots_pipe_operations);

    if (!audit_files_find(world, &files))
        return;
    for (size_t i = 0; i < files.count; i++)
        if (files.files[i].raw && AUDIT_GET(world, files.files[i].raw, file_operations) == pipes)
            check_pipe(audit, world, &files,
                       AUDIT_GET(world, files.files[i].raw, file_private_data));
    for (size_t i = 0; i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];

        if (task->state == TASK_BLOCKED &&
            (task->wait_kind == WAIT_PIPE_READ || task->wait_kind == WAIT_PIPE_WRITE))
            check_sleeper(audit, world, task);
    }
    audit_files_free(&files);
}

const struct audit_invariant invariant_pipes = {
    .name = "pipes",
    .proves =
        "pipes hold no more than they may, count their open ends, and nobody sleeps at one that "
        "is ready",
    .needs = AUDIT_NEEDS_WAKES | AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_FAMILY,
    .check = check,
};
