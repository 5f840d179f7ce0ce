/*
 * vmm/gdb/points.c - break- and watchpoints, and whom each concerns.
 *
 * The backend watches addresses in all address spaces alike. An address of the kernel's half is the
 * same everywhere. One of the user's half belongs to the process that was selected when the
 * debugger set it first, and keeps it while the debugger takes it out and sets it again, which it
 * does at every stop. If the user has selected a task of another process meanwhile, that one is
 * added: then the debugger may well mean it ("finish" there), and a stop too many is better than
 * one too few.
 */
#include <string.h>

#include "vmm/gdb/client.h"

#define WATCH_BYTES_MAX 64u

static enum machine_point_kind kind_of(char type)
{
    return type == '2'   ? MACHINE_POINT_WRITE
           : type == '4' ? MACHINE_POINT_ACCESS
                         : MACHINE_POINT_EXECUTE;
}

/* Is the same address wanted by another entry too? The backend knows it only once. */
static bool wanted_elsewhere(const struct gdb_client *client, const struct gdb_point *point)
{
    for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
        const struct gdb_point *other = &client->points[i];

        if (other != point && other->set && kind_of(other->type) == kind_of(point->type) &&
            other->address == point->address && other->bytes == point->bytes)
            return true;
    }
    return false;
}

/* Execution: the address. Data: in aligned pieces, as the processor watches them. */
static struct vt_error *backend_point(struct gdb_client *client, bool set,
                                      const struct gdb_point *point)
{
    struct machine *machine = client->target->machine;
    const enum machine_point_kind kind = kind_of(point->type);
    uint64_t at = point->address, end = at + point->bytes;
    struct vt_error *error = NULL;

    if (wanted_elsewhere(client, point))
        return NULL;
    if (kind == MACHINE_POINT_EXECUTE)
        return machine_debug_point(machine, set, kind, at, 1);
    while (at < end && !error) {
        unsigned piece = 8;

        while (at % piece || piece > end - at)
            piece /= 2;
        error = machine_debug_point(machine, set, kind, at, piece);
        if (!error)
            at += piece;
    }
    if (error && set) {
        struct gdb_point part = *point;

        part.bytes = (unsigned)(at - point->address);
        if (part.bytes)
            vt_error_destroy(backend_point(client, false, &part));
    }
    return error;
}

static bool process_lives(const struct gdb_client *client, uint64_t process_id)
{
    for (size_t i = 0; i < client->thread_count; i++)
        if (client->threads[i].context.task.process_id == process_id)
            return true;
    return false;
}

static bool has_process(const struct gdb_point *point, uint64_t process_id)
{
    for (unsigned i = 0; i < point->process_count; i++)
        if (point->process_ids[i] == process_id)
            return true;
    return false;
}

static void add_process(struct gdb_point *point, uint64_t process_id)
{
    if (has_process(point, process_id))
        return;
    if (point->process_count == GDB_PROCESSES_MAX)
        point->everybody = true;
    else
        point->process_ids[point->process_count++] = process_id;
}

static void choose_process(struct gdb_client *client, struct gdb_point *point)
{
    const struct gdb_thread *thread = gdb_thread_selected(client);
    const bool by_hand = client->general > 0 && client->general != client->current;

    point->everybody = point->address >= GUEST_KERNEL_HALF || client->scope == SCOPE_ALL;
    if (client->scope == SCOPE_PROCESS) {
        point->process_count = 1;
        point->process_ids[0] = client->scope_process_id;
        return;
    }
    for (unsigned i = point->process_count; i-- > 0;)
        if (!process_lives(client, point->process_ids[i]))
            point->process_ids[i] = point->process_ids[--point->process_count];
    if (point->process_count > 0 && !by_hand)
        return;
    if (thread && thread->context.task.page_table)
        add_process(point, thread->context.task.process_id);
    else if (point->process_count == 0)
        point->everybody = true; /* the selected task has no user addresses: whose are these? */
}

static struct gdb_point *find(struct gdb_client *client, char type, uint64_t address,
                              unsigned bytes, bool temporary)
{
    for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
        struct gdb_point *point = &client->points[i];

        if (point->used && point->type == type && point->address == address &&
            point->bytes == bytes && point->temporary == temporary)
            return point;
    }
    return NULL;
}

/* An unused entry, or else one that is only remembered. */
static struct gdb_point *free_entry(struct gdb_client *client)
{
    struct gdb_point *found = NULL;

    for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
        if (!client->points[i].used)
            return &client->points[i];
        if (!client->points[i].set)
            found = &client->points[i];
    }
    return found;
}

struct vt_error *gdb_point_set(struct gdb_client *client, char type, uint64_t address,
                               unsigned bytes)
{
    if (type == '0' || type == '1')
        bytes = 1;
    struct gdb_point *point = find(client, type, address, bytes, false);
    struct gdb_point made = {.type = type, .address = address, .bytes = bytes};

    if (bytes == 0 || bytes > WATCH_BYTES_MAX)
        return vt_error_create(VT_ERROR_ARGUMENT, "%u bytes are too much to watch: at most %u",
                               bytes, WATCH_BYTES_MAX);
    if (point && point->set)
        return NULL;
    if (point)
        made = *point;
    choose_process(client, &made);
    if (!point)
        point = free_entry(client);
    if (!point)
        return vt_error_create(VT_ERROR_BUSY, "more than %u break- and watchpoints cannot be",
                               GDB_POINTS_MAX);
    made.used = true;
    *point = made;
    struct vt_error *error = backend_point(client, true, point);
    point->set = !error;
    return error;
}

struct vt_error *gdb_point_clear(struct gdb_client *client, char type, uint64_t address,
                                 unsigned bytes)
{
    if (type == '0' || type == '1')
        bytes = 1;
    struct gdb_point *point = find(client, type, address, bytes, false);

    if (!point || !point->set)
        return NULL;
    point->set = false;
    return backend_point(client, false, point);
}

struct vt_error *gdb_point_temporary(struct gdb_client *client, uint64_t address, int64_t thread)
{
    struct gdb_point *point = free_entry(client);

    if (!point)
        return vt_error_create(VT_ERROR_BUSY, "too many breakpoints to wait for a thread as well");
    *point = (struct gdb_point){.used = true,
                                .temporary = true,
                                .type = '0',
                                .address = address,
                                .bytes = 1,
                                .thread = thread};
    struct vt_error *error = backend_point(client, true, point);
    if (error)
        point->used = false;
    else
        point->set = true;
    return error;
}

void gdb_points_drop_temporary(struct gdb_client *client)
{
    for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
        struct gdb_point *point = &client->points[i];

        if (!point->used || !point->temporary)
            continue;
        point->set = false;
        vt_error_destroy(backend_point(client, false, point));
        point->used = false;
    }
}

void gdb_points_drop_unset(struct gdb_client *client)
{
    for (unsigned i = 0; i < GDB_POINTS_MAX; i++)
        if (!client->points[i].set)
            client->points[i].used = false;
}

void gdb_points_forget(struct gdb_client *client)
{
    memset(client->points, 0, sizeof(client->points));
}

static bool concerns(const struct gdb_point *point, const struct gdb_thread *thread)
{
    if (point->temporary)
        return thread->id == point->thread;
    return point->everybody || has_process(point, thread->context.task.process_id);
}

struct gdb_point *gdb_point_executed(struct gdb_client *client, uint64_t address,
                                     const struct gdb_thread *thread)
{
    struct gdb_point *found = NULL;

    for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
        struct gdb_point *point = &client->points[i];

        if (!point->set || kind_of(point->type) != MACHINE_POINT_EXECUTE ||
            point->address != address || !concerns(point, thread))
            continue;
        if (!point->temporary)
            return point;
        found = point;
    }
    return found;
}

bool gdb_point_anyone(struct gdb_client *client, uint64_t address)
{
    for (unsigned i = 0; i < GDB_POINTS_MAX; i++)
        if (client->points[i].set && client->points[i].address == address &&
            kind_of(client->points[i].type) == MACHINE_POINT_EXECUTE)
            return true;
    return false;
}

struct gdb_point *gdb_point_watched(struct gdb_client *client, uint64_t address,
                                    const struct gdb_thread *thread)
{
    for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
        struct gdb_point *point = &client->points[i];

        if (point->set && kind_of(point->type) != MACHINE_POINT_EXECUTE &&
            address - point->address < point->bytes && (!thread || concerns(point, thread)))
            return point;
    }
    return NULL;
}

void gdb_points_suspend(struct gdb_client *client, uint64_t address, bool suspend)
{
    vt_error_destroy(
        machine_debug_point(client->target->machine, !suspend, MACHINE_POINT_EXECUTE, address, 1));
}

static int32_t pid_of(const struct gdb_client *client, uint64_t process_id)
{
    for (size_t i = 0; i < client->thread_count; i++)
        if (client->threads[i].context.task.process_id == process_id)
            return client->threads[i].context.task.pid;
    return 0;
}

void gdb_points_list(struct gdb_client *client, FILE *out)
{
    static const char *const names[] = {"break", "hardware break", "watch", "", "access watch"};

    vt_error_destroy(gdb_threads_refresh(client));
    for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
        const struct gdb_point *point = &client->points[i];

        if (!point->used || point->temporary)
            continue;
        fprintf(out, "  %s at %#lx:", names[point->type - '0'], (unsigned long)point->address);
        for (unsigned j = 0; j < point->process_count && !point->everybody; j++)
            fprintf(out, " process %d", pid_of(client, point->process_ids[j]));
        fputs(point->everybody ? " everybody\n" : "\n", out);
    }
}
