/*
 * vmm/audit/files.c - open files are held as often as their counts say.
 *
 * Reads: every descriptor table, every mapping's file, every program's file, descriptors that
 * travel in messages of sockets. Proves, in a world at
 * rest: a file has as many references as holders were found, so that none is freed in use and none
 * is leaked; except for what tasks in the middle of a system call on a shared table hold meanwhile:
 * one file each, unless they sleep for something that has to do with none; and who waits at a POSIX
 * message queue holds one of its files.
 * Cost: one pass over descriptors and mappings, and a sort of what was found.
 */
#include "vmm/audit/files.h"

#include <stdlib.h>

#define DESCRIPTORS_MAX 65536u
#define RIGHTS_LIST_MAX 1000000u
#define RIGHTS_MAX      253u /* SCM_MAX_FD */

static bool add(struct audit_files *files, size_t *room, uint64_t address)
{
    if (!address)
        return true;
    if (files->count == *room) {
        *room = *room ? *room * 2 : 256;
        struct audit_file *larger = realloc(files->files, *room * sizeof(*larger));

        if (!larger)
            return false;
        files->files = larger;
    }
    files->files[files->count++] = (struct audit_file){.address = address, .holders = 1};
    return true;
}

static bool add_table(const struct audit_world *world, struct audit_files *files, size_t *room,
                      uint64_t address)
{
    const uint8_t *table = audit_at(world, address, world->layout->file_table_bytes);

    if (!table)
        return true;
    uint64_t capacity = AUDIT_GET(world, table, table_capacity);
    if (capacity > DESCRIPTORS_MAX)
        return true;
    const uint8_t *list = audit_at(world, AUDIT_GET(world, table, table_files), capacity * 8);
    const uint8_t *open = audit_at(world, AUDIT_GET(world, table, table_open), capacity / 8);
    for (uint64_t fd = 0; list && open && fd < capacity; fd++) {
        uint64_t file;

        if (!(open[fd / 8] >> fd % 8 & 1))
            continue;
        memcpy(&file, list + fd * 8, 8);
        if (!add(files, room, file))
            return false;
    }
    return true;
}

/* Files that travel in messages of sockets. `link` is the first word of a rights structure. */
static bool add_rights(const struct audit_world *world, struct audit_files *files, size_t *room)
{
    const struct audit_layout *layout = world->layout;
    uint64_t head = AUDIT_ROOT(world, roots_rights), next;
    const uint8_t *at = audit_at(world, head, sizeof(next));

    for (uint32_t left = RIGHTS_LIST_MAX; at && left; left--) {
        memcpy(&next, at, sizeof(next));
        if (next == head)
            break;
        at = audit_at(world, next - layout->rights_next.offset, layout->rights_bytes);
        uint64_t count = at ? AUDIT_GET(world, at, rights_count) : 0;
        for (uint64_t i = 0; i < count && i < RIGHTS_MAX; i++) {
            uint64_t file;

            memcpy(&file, at + layout->rights_files.offset + i * sizeof(file), sizeof(file));
            if (!add(files, room, file))
                return false;
        }
        if (at)
            at += layout->rights_next.offset;
    }
    return true;
}

static int by_address(const void *a, const void *b)
{
    const struct audit_file *left = a, *right = b;

    return left->address < right->address ? -1 : left->address > right->address;
}

/* With a shared table, a system call counts the file that it works on. */
static bool may_hold_one(const struct audit_world *world, const struct audit_task *task)
{
    if (task->state == TASK_ZOMBIE || audit_left_user_mode(world, task))
        return false;
    if (task->state != TASK_BLOCKED)
        return true;
    return task->wait_kind != WAIT_FUTEX && task->wait_kind != WAIT_SLEEP &&
           task->wait_kind != WAIT_CHILD && task->wait_kind != WAIT_SIGNAL;
}

bool audit_files_find(const struct audit_world *world, struct audit_files *ret)
{
    size_t room = 0;
    bool good = true;

    *ret = (struct audit_files){0};
    for (size_t i = 0; good && i < world->task_count; i++) {
        const struct audit_task *task = &world->tasks[i];
        bool seen = false;
        uint32_t users = 0;

        for (size_t j = 0; task->files && j < world->task_count; j++) {
            seen = seen || (j < i && world->tasks[j].files == task->files);
            users += world->tasks[j].files == task->files;
        }
        if (users > 1 && may_hold_one(world, task))
            ret->slack++;
        if (task->files && !seen)
            good = add_table(world, ret, &room, task->files);
    }
    for (size_t i = 0; good && i < world->space_count; i++) {
        const struct audit_space *space = &world->spaces[i];

        good = add(ret, &room, AUDIT_GET(world, space->raw, space_executable));
        for (size_t j = 0; good && j < space->vma_count; j++)
            good = add(ret, &room, space->vmas[j].file);
    }
    good = good && add_rights(world, ret, &room);
    if (!good) {
        audit_files_free(ret);
        return false;
    }
    if (ret->count)
        qsort(ret->files, ret->count, sizeof(*ret->files), by_address);
    size_t kept = 0;
    for (size_t i = 0; i < ret->count; i++) {
        if (kept && ret->files[kept - 1].address == ret->files[i].address)
            ret->files[kept - 1].holders++;
        else
            ret->files[kept++] = ret->files[i];
    }
    ret->count = kept;
    for (size_t i = 0; i < kept; i++)
        ret->files[i].raw = audit_at(world, ret->files[i].address, world->layout->file_bytes);
    return true;
}

void audit_files_free(struct audit_files *files)
{
    free(files->files);
    *files = (struct audit_files){0};
}

/* Tasks that wait at the queue that the file is of, in a call that holds the file, or another one of it. */
static uint32_t waits_at_queue(const struct audit_world *world, const uint8_t *file)
{
    uint64_t queue = AUDIT_GET(world, file, file_private_data);
    uint32_t count = 0;

    if (AUDIT_GET(world, file, file_operations) != AUDIT_ROOT(world, roots_mqueue_operations))
        return 0;
    for (size_t i = 0; i < world->task_count; i++)
        count += (world->tasks[i].wait_kind == WAIT_MESSAGE_READ ||
                  world->tasks[i].wait_kind == WAIT_MESSAGE_WRITE) &&
                 AUDIT_GET(world, world->tasks[i].raw, task_wait_object) == queue;
    return count;
}

static void check(struct vt_audit *audit, const struct audit_world *world)
{
    struct audit_files files;
    uint64_t pipes = AUDIT_ROOT(world, roots_pipe_operations);

    if (!audit_files_find(world, &files))
        return;
    for (size_t i = 0; i < files.count; i++) {
        const struct audit_file *file = &files.files[i];
        struct audit_finding where = {.object = file->address};

        if (!file->raw) {
            audit_report(audit, where, "an open file would lie at %#lx, which is no kernel memory",
                         (unsigned long)file->address);
            continue;
        }
        uint64_t counted = AUDIT_GET(world, file->raw, file_references);
        bool pipe = AUDIT_GET(world, file->raw, file_operations) == pipes;
        if (counted < file->holders ||
            counted > file->holders + files.slack + waits_at_queue(world, file->raw))
            audit_report(audit, where, "%s %#lx has %lu references, %u holders were found",
                         pipe ? "a pipe's end at" : "the open file at",
                         (unsigned long)file->address, (unsigned long)counted, file->holders);
    }
    audit_files_free(&files);
}

const struct audit_invariant invariant_files = {
    .name = "files",
    .proves = "open files have as many references as descriptors, mappings and programs hold them",
    .needs = AUDIT_NEEDS_MEMORY | AUDIT_NEEDS_FAMILY,
    .check = check,
};
