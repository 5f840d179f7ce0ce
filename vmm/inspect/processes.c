/*
 * vmm/inspect/processes.c - every process with its threads and children.
 *
 * Who belongs to whom is told by the children and the threads themselves (their parent, their
 * process), not by the kernel's lists: so it cannot be torn, and it fits together in one reading.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/layout.h"
#include "vmm/inspect/objects.h"
#include "vmm/inspect/settle.h"

#define PROCESS_FIELDS(F)                                                                          \
    F(pid, "pid")                                                                                  \
    F(parent, "parent")                                                                            \
    F(group, "group")                                                                              \
    F(session, "session")                                                                          \
    F(guid, "guid")                                                                                \
    F(task_count, "task_count")                                                                    \
    F(zombie, "zombie")                                                                            \
    F(exiting, "exiting")                                                                          \
    F(stopped, "stopped")                                                                          \
    F(stop_signal, "stop_signal")                                                                  \
    F(is_subreaper, "is_subreaper")                                                                \
    F(did_exec, "did_exec")                                                                        \
    F(exit_status, "exit_status")                                                                  \
    F(pending, "pending")                                                                          \
    F(pending_count, "pending_count")                                                              \
    F(start_ns, "start_ns")                                                                        \
    F(rlimits, "rlimits")                                                                          \
    F(uid, "credentials.uid")                                                                      \
    F(euid, "credentials.euid")                                                                    \
    F(gid, "credentials.gid")                                                                      \
    F(egid, "credentials.egid")                                                                    \
    F(no_new_privileges, "no_new_privileges") F(oom_score_adj, "oom_score_adj")
LAYOUT(process_layout, PROCESS_FIELDS);

#define TASK_FIELDS(F)                                                                             \
    F(tid, "tid") F(process, "process") F(comm, "comm") F(state, "state") F(tgid, "tgid")
LAYOUT(task_layout, TASK_FIELDS);

/* A thread, by where its process lies. */
struct member {
    uint64_t process; /* address */
    int32_t tid;
    char comm[16];
};

static struct vt_process decode(const struct process_layout *layout, uint64_t id, uint64_t address,
                                const uint8_t *copy)
{
#define VALUE(field) guest_field_value(layout->field, copy)
    struct vt_process process = {
        .id = id,
        .address = address,
        .pid = (int32_t)VALUE(pid),
        .parent_id = VALUE(parent), /* the address, for the moment */
        .group = (int32_t)VALUE(group),
        .session = (int32_t)VALUE(session),
        .zombie = VALUE(zombie),
        .exiting = VALUE(exiting),
        .stopped = VALUE(stopped),
        .is_subreaper = VALUE(is_subreaper),
        .did_exec = VALUE(did_exec),
        .no_new_privileges = VALUE(no_new_privileges),
        .stop_signal = (int32_t)VALUE(stop_signal),
        .exit_status = (uint32_t)VALUE(exit_status),
        .task_count = (uint32_t)VALUE(task_count),
        .signals_pending = VALUE(pending),
        .signals_queued = (uint32_t)VALUE(pending_count),
        .uid = (uint32_t)VALUE(uid),
        .euid = (uint32_t)VALUE(euid),
        .gid = (uint32_t)VALUE(gid),
        .egid = (uint32_t)VALUE(egid),
        .oom_score_adj = (int32_t)VALUE(oom_score_adj),
        .start_ns = VALUE(start_ns),
    };
#undef VALUE
    if (layout->guid)
        memcpy(process.guid, copy + layout->guid->offset,
               layout->guid->size < 16 ? layout->guid->size : 16);
    if (layout->rlimits && layout->rlimits->size == sizeof(process.limits))
        memcpy(process.limits, copy + layout->rlimits->offset, sizeof(process.limits));
    return process;
}

static int by_pid(const void *a, const void *b)
{
    const struct vt_process *left = a, *right = b;

    return left->pid != right->pid ? (left->pid < right->pid ? -1 : 1)
                                   : (left->id < right->id ? -1 : left->id > right->id);
}

static int by_process(const void *a, const void *b)
{
    const struct member *left = a, *right = b;

    return left->process != right->process ? (left->process < right->process ? -1 : 1)
                                           : (left->tid < right->tid ? -1 : left->tid > right->tid);
}

static struct vt_error *out_of_memory(void)
{
    return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's processes");
}

static struct vt_error *read_processes(struct vt_guest *guest, struct guest_list *list)
{
    struct guest_slots slots;
    struct process_layout layout;
    struct vt_error *error = guest_slots_open(guest, guest->processes, "process", &slots);

    if (!error)
        error = LAYOUT_FIND(guest, &layout, "process", 4, PROCESS_FIELDS);
    if (error)
        return error;
    uint8_t *copy = malloc(slots.type->size);
    for (uint32_t i = 0; copy && i < slots.high_water && !error && !list->out_of_memory; i++) {
        uint64_t id;

        error = guest_slots_read(guest, &slots, i, copy, &id);
        if (error || !id || !guest_field_value(layout.pid, copy))
            continue;
        struct vt_process *process = guest_list_add(list);
        if (process)
            *process = decode(&layout, id, guest_slots_address(&slots, i), copy);
    }
    if (!error && !copy)
        error = out_of_memory();
    free(copy);
    return error;
}

static struct vt_error *read_members(struct vt_guest *guest, struct guest_list *list)
{
    struct guest_slots slots;
    struct task_layout layout;
    struct vt_error *error = guest_slots_open(guest, guest->tasks, "task", &slots);

    if (!error)
        error = LAYOUT_FIND(guest, &layout, "task", 4, TASK_FIELDS);
    if (error)
        return error;
    uint8_t *copy = malloc(slots.type->size);
    for (uint32_t i = 0; copy && i < slots.high_water && !error && !list->out_of_memory; i++) {
        uint64_t id;

        error = guest_slots_read(guest, &slots, i, copy, &id);
        if (error || !id)
            continue;
        uint64_t process = guest_field_value(layout.process, copy);
        uint64_t state = guest_field_value(layout.state, copy);
        int32_t tid = (int32_t)guest_field_value(layout.tid, copy);
        if (!process || !tid || state == TASK_UNUSED || state == TASK_DEAD)
            continue;
        struct member *member = guest_list_add(list);
        if (member) {
            member->process = process;
            member->tid = tid;
            guest_copy_comm(member->comm, layout.comm, copy);
        }
    }
    if (!error && !copy)
        error = out_of_memory();
    free(copy);
    return error;
}

static int by_address(const void *a, const void *b)
{
    const struct vt_process *left = *(struct vt_process *const *)a,
                            *right = *(struct vt_process *const *)b;

    return left->address < right->address ? -1 : left->address > right->address;
}

static struct vt_process *find_address(struct vt_process **sorted, size_t count, uint64_t address)
{
    struct vt_process key = {.address = address}, *pointer = &key;
    struct vt_process **found = bsearch(&pointer, sorted, count, sizeof(*sorted), by_address);

    return found ? *found : NULL;
}

/*
 * One block: the processes, then all tids, then all children's pids. Parents become ids; a parent
 * that is not in the reading (it has just gone) becomes 0.
 */
static struct vt_error *assemble(const struct guest_list *processes,
                                 const struct guest_list *members, struct vt_process **ret)
{
    size_t count = processes->count, process_bytes = count * sizeof(struct vt_process);
    struct vt_process *all = malloc(process_bytes + (members->count + count) * sizeof(int32_t) + 1);
    struct vt_process **sorted = malloc((2 * count + 1) * sizeof(*sorted));
    const struct member *member = (const struct member *)members->items;

    if (!all || !sorted) {
        free(all);
        free(sorted);
        return out_of_memory();
    }
    struct vt_process **parents = sorted + count;
    memcpy(all, processes->items, process_bytes);
    int32_t *numbers = (int32_t *)(all + count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &all[i];
    qsort(sorted, count, sizeof(*sorted), by_address);

    for (size_t i = 0; i < members->count; i++, member++) { /* sorted by process, then tid */
        struct vt_process *process = find_address(sorted, count, member->process);

        if (!process)
            continue;
        if (!process->threads)
            process->threads = numbers;
        if (member->tid == process->pid || !process->thread_count)
            memcpy(process->comm, member->comm, sizeof(process->comm));
        process->thread_count++;
        *numbers++ = member->tid;
    }
    for (size_t i = 0; i < count; i++) {
        struct vt_process *parent = find_address(sorted, count, all[i].parent_id);

        parents[i] = parent;
        all[i].parent_id = parent ? parent->id : 0;
        all[i].ppid = parent ? parent->pid : 0;
        if (parent)
            parent->child_count++;
    }
    for (size_t i = 0; i < count; i++) {
        all[i].children = all[i].child_count ? numbers : NULL;
        numbers += all[i].child_count;
        all[i].child_count = 0;
    }
    for (size_t i = 0; i < count; i++) /* by pid, so each one's children are too */
        if (parents[i])
            ((int32_t *)parents[i]->children)[parents[i]->child_count++] = all[i].pid;
    free(sorted);
    *ret = all;
    return NULL;
}

struct vt_error *vt_guest_processes(struct vt_guest *guest, struct vt_process **ret_processes,
                                    size_t *ret_count)
{
    struct guest_list processes = {.item_bytes = sizeof(struct vt_process)};
    struct guest_list members = {.item_bytes = sizeof(struct member)};
    struct vt_process *all = NULL;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = read_processes(guest, &processes);
    if (!error)
        error = read_members(guest, &members);
    if (!error && (processes.out_of_memory || members.out_of_memory))
        error = out_of_memory();
    if (!error && processes.count) {
        qsort(processes.items, processes.count, sizeof(struct vt_process), by_pid);
        if (members.count)
            qsort(members.items, members.count, sizeof(struct member), by_process);
        error = assemble(&processes, &members, &all);
    }
    free(members.items);
    if (!error) {
        *ret_processes = all;
        *ret_count = processes.count;
    }
    free(processes.items);
    return error;
}
