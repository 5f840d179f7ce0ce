/*
 * vmm/inspect/waits_gather.c - tasks, processes, open files, futex queues, file locks: everything
 * in one go.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/waits.h"
#include "vmm/inspect/walk.h"

#define TASKS_MAX   65536u /* twice the PIDs there are */
#define FILES_MAX   (1u << 20)
#define LOCKS_MAX   65536u
#define WAITERS_MAX 65536u

/* O_* of Linux */
#define ACCESS_MODE 3u
#define READ_ONLY   0u
#define WRITE_ONLY  1u
#define READ_WRITE  2u

#define TASK_FIELDS(F)                                                                             \
    F(tid, "tid")                                                                                  \
    F(tgid, "tgid")                                                                                \
    F(state, "state")                                                                              \
    F(wait_kind, "wait_kind")                                                                      \
    F(wait_object, "wait_object")                                                                  \
    F(process, "process")                                                                          \
    F(address_space, "address_space")                                                              \
    F(files, "files")                                                                              \
    F(comm, "comm")                                                                                \
    F(sleep_timer, "sleep_timer")                                                                  \
    F(nvcsw, "nvcsw") F(nivcsw, "nivcsw") F(clear_child_tid, "clear_child_tid")
LAYOUT(task_layout, TASK_FIELDS);

#define PROCESS_FIELDS(F) F(pid, "pid") F(parent, "parent") F(alarm, "alarm")
LAYOUT(process_layout, PROCESS_FIELDS);

#define TIMER_FIELDS(F) F(active, "active") F(deadline, "deadline_ns")
LAYOUT(timer_layout, TIMER_FIELDS);

#define SPACE_FIELDS(F) F(root, "root")
LAYOUT(space_layout, SPACE_FIELDS);

#define BUCKET_FIELDS(F) F(first, "first")
LAYOUT(bucket_layout, BUCKET_FIELDS);

#define WAITER_FIELDS(F) F(next, "next") F(task, "task") F(space, "key.space") F(word, "key.word")
LAYOUT(waiter_layout, WAITER_FIELDS);

#define LOCK_BUCKET_FIELDS(F) F(locks, "locks")
LAYOUT(lock_bucket_layout, LOCK_BUCKET_FIELDS);

#define LOCK_FIELDS(F) F(link, "link") F(inode, "inode") F(owner, "owner") F(space, "space")
LAYOUT(lock_layout, LOCK_FIELDS);

/* ---- objects in slots ---- */

/* Decodes one copied object into the lists. */
typedef void decode_object(struct waits *waits, const void *layout,
                           const struct timer_layout *timer, uint64_t id, uint64_t address,
                           const uint8_t *copy);

static struct vt_error *each_slot(struct waits *waits, uint64_t table, const char *type,
                                  decode_object *decode, const void *layout,
                                  const struct timer_layout *timer)
{
    struct guest_slots slots;
    struct vt_error *error = guest_slots_open(waits->guest, table, type, &slots);

    if (error)
        return error;
    uint8_t *copy = malloc(slots.type->size);
    if (!copy)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a copy of the guest's objects");
    for (uint32_t i = 0; i < slots.high_water && !error; i++) {
        uint64_t id = 0;

        if (i == TASKS_MAX)
            error = vt_error_create(VT_ERROR_CORRUPT, "the guest has more than %u of its '%s'",
                                    TASKS_MAX, type);
        else
            error = guest_slots_read(waits->guest, &slots, i, copy, &id);
        if (!error && id)
            decode(waits, layout, timer, id, guest_slots_address(&slots, i), copy);
    }
    free(copy);
    return error;
}

/* Value of a field of a struct that is embedded in a copied object of `size` bytes. */
static uint64_t inner_value(const struct glass_field *outer, const struct glass_field *inner,
                            const struct glass_type *type, const uint8_t *copy)
{
    if (!outer || !inner || (uint64_t)outer->offset + inner->offset + inner->size > type->size)
        return 0;
    return guest_field_value(inner, copy + outer->offset);
}

static void decode_task(struct waits *waits, const void *layout_of,
                        const struct timer_layout *timer, uint64_t id, uint64_t address,
                        const uint8_t *copy)
{
    const struct task_layout *layout = layout_of;
    uint64_t state = guest_field_value(layout->state, copy);
    uint64_t kind = guest_field_value(layout->wait_kind, copy);
    int32_t tid = (int32_t)guest_field_value(layout->tid, copy);

    if (!tid || state == TASK_UNUSED || state >= TASK_ZOMBIE)
        return;
    struct wait_task *task = guest_list_add(&waits->tasks);
    if (!task)
        return;
    task->address = address;
    task->id = id;
    task->tid = tid;
    task->pid = (int32_t)guest_field_value(layout->tgid, copy);
    task->state = (uint8_t)state;
    task->blocked = state == TASK_BLOCKED || state == TASK_BLOCKED_HARD;
    task->kind = kind < WAIT_KINDS ? (enum wait_kind)kind : WAIT_NONE;
    task->wait_object = guest_field_value(layout->wait_object, copy);
    task->member_of[GROUP_TASK] = address;
    task->member_of[GROUP_TABLE] = guest_field_value(layout->files, copy);
    task->member_of[GROUP_SPACE] = guest_field_value(layout->address_space, copy);
    task->member_of[GROUP_PROCESS] = guest_field_value(layout->process, copy);
    task->switches =
        guest_field_value(layout->nvcsw, copy) + guest_field_value(layout->nivcsw, copy);
    task->clear_child_tid = guest_field_value(layout->clear_child_tid, copy);
    if (inner_value(layout->sleep_timer, timer->active, layout->type, copy))
        task->deadline_ns = inner_value(layout->sleep_timer, timer->deadline, layout->type, copy);
    guest_copy_comm(task->comm, layout->comm, copy);
}

static void decode_process(struct waits *waits, const void *layout_of,
                           const struct timer_layout *timer, uint64_t id, uint64_t address,
                           const uint8_t *copy)
{
    const struct process_layout *layout = layout_of;
    struct wait_process *process = guest_list_add(&waits->processes);

    (void)id;
    if (!process)
        return;
    process->address = address;
    process->pid = (int32_t)guest_field_value(layout->pid, copy);
    process->parent = guest_field_value(layout->parent, copy);
    process->alarm = inner_value(layout->alarm, timer->active, layout->type, copy);
}

static void decode_space(struct waits *waits, const void *layout_of,
                         const struct timer_layout *timer, uint64_t id, uint64_t address,
                         const uint8_t *copy)
{
    const struct space_layout *layout = layout_of;
    struct wait_space *space = guest_list_add(&waits->spaces);

    (void)timer;
    if (!space)
        return;
    space->address = address;
    space->id = id;
    space->root = guest_field_value(layout->root, copy);
}

static struct vt_error *gather_objects(struct waits *waits)
{
    struct vt_guest *guest = waits->guest;
    struct task_layout task;
    struct process_layout process;
    struct space_layout space;
    struct timer_layout timer;
    struct vt_error *error = LAYOUT_FIND(guest, &task, "task", 9, TASK_FIELDS);

    if (!error)
        error = LAYOUT_FIND(guest, &process, "process", 2, PROCESS_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &space, "address_space", 1, SPACE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &timer, "timer", 2, TIMER_FIELDS);
    if (!error)
        error = each_slot(waits, guest->tasks, "task", decode_task, &task, &timer);
    if (!error)
        error = each_slot(waits, guest->processes, "process", decode_process, &process, &timer);
    if (!error)
        error =
            each_slot(waits, guest->address_spaces, "address_space", decode_space, &space, &timer);
    return error;
}

/* ---- open files ---- */

struct table_visit {
    struct waits *waits;
    uint64_t table;
};

static struct vt_error *visit_file(void *context, int32_t fd, uint64_t address, bool close_on_exec)
{
    struct table_visit *visit = context;
    struct waits *waits = visit->waits;
    struct vt_file file;

    (void)fd;
    (void)close_on_exec;
    if (waits->open_files.count == FILES_MAX)
        return vt_error_create(VT_ERROR_CORRUPT, "the guest has more than %u open files",
                               FILES_MAX);
    guest_file_read(&waits->files, address, &file);
    struct wait_file *entry = guest_list_add(&waits->open_files);
    if (!entry)
        return NULL;
    uint32_t access = file.flags & ACCESS_MODE;
    *entry = (struct wait_file){
        .table = visit->table,
        .file = address,
        .object = file.object,
        .inode = file.inode_address,
        .kind = file.kind,
        .readable = access == READ_ONLY || access == READ_WRITE,
        .writable = access == WRITE_ONLY || access == READ_WRITE,
    };
    return guest_loads_error(&waits->files.paths.loads, "an open file");
}

static int by_table(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Each table once, however many tasks share it. */
static struct vt_error *gather_files(struct waits *waits)
{
    size_t count = waits->tasks.count;
    uint64_t *tables = malloc((count + 1) * sizeof(*tables));
    struct vt_error *error = NULL;

    if (!tables)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's open files");
    for (size_t i = 0; i < count; i++)
        tables[i] = WAITS_OF(waits->tasks, wait_task)[i].member_of[GROUP_TABLE];
    qsort(tables, count, sizeof(*tables), by_table);
    for (size_t i = 0; i < count && !error; i++) {
        struct table_visit visit = {.waits = waits, .table = tables[i]};

        if (!tables[i] || (i > 0 && tables[i] == tables[i - 1]))
            continue;
        error = guest_table_walk(&waits->files, tables[i], visit_file, &visit);
    }
    free(tables);
    return error;
}

/* ---- futexes and file locks ---- */

static struct vt_error *gather_futexes(struct waits *waits)
{
    struct guest_loads loads = {.guest = waits->guest};
    const struct glass_root *root;
    struct bucket_layout bucket;
    struct waiter_layout layout;
    struct vt_error *error =
        guest_root_require(waits->guest, "futex_buckets", "futex_bucket", &root);

    if (!error)
        error = LAYOUT_FIND(waits->guest, &bucket, "futex_bucket", 1, BUCKET_FIELDS);
    if (!error)
        error = LAYOUT_FIND(waits->guest, &layout, "futex_waiter", 4, WAITER_FIELDS);
    if (error)
        return error;
    for (uint32_t i = 0; i < root->count && !loads.failed; i++) {
        uint64_t waiter =
            guest_load(&loads, root->address + (uint64_t)i * root->stride, bucket.first);

        for (; waiter && !loads.failed; waiter = guest_load(&loads, waiter, layout.next)) {
            if (waits->futexes.count == WAITERS_MAX)
                return vt_error_create(
                    VT_ERROR_CORRUPT,
                    "the guest's futexes have more than %u waiters: a queue seems "
                    "to contain itself",
                    WAITERS_MAX);
            struct wait_futex *futex = guest_list_add(&waits->futexes);
            if (!futex)
                return NULL;
            futex->task = guest_load(&loads, waiter, layout.task);
            futex->space = guest_load(&loads, waiter, layout.space);
            futex->word = guest_load(&loads, waiter, layout.word);
        }
    }
    return guest_loads_error(&loads, "a futex's queue");
}

struct lock_visit {
    struct waits *waits;
    struct guest_loads loads;
    struct lock_layout layout;
};

static struct vt_error *visit_lock(void *context, uint64_t node)
{
    struct lock_visit *visit = context;
    uint64_t address = node - visit->layout.link->offset;
    struct wait_lock *lock = guest_list_add(&visit->waits->locks);

    if (!lock)
        return NULL;
    lock->inode = guest_load(&visit->loads, address, visit->layout.inode);
    lock->owner = guest_load(&visit->loads, address, visit->layout.owner);
    lock->space = (uint8_t)guest_load(&visit->loads, address, visit->layout.space);
    return guest_loads_error(&visit->loads, "a file lock");
}

static struct vt_error *gather_locks(struct waits *waits)
{
    struct lock_visit visit = {.waits = waits, .loads.guest = waits->guest};
    const struct glass_root *root;
    struct lock_bucket_layout bucket;
    struct vt_error *error =
        guest_root_require(waits->guest, "file_lock_buckets", "file_lock_bucket", &root);

    if (!error)
        error = LAYOUT_FIND(waits->guest, &bucket, "file_lock_bucket", 1, LOCK_BUCKET_FIELDS);
    if (!error)
        error = LAYOUT_FIND(waits->guest, &visit.layout, "file_lock", 4, LOCK_FIELDS);
    for (uint32_t i = 0; !error && i < root->count; i++) {
        uint64_t head = root->address + (uint64_t)i * root->stride + bucket.locks->offset;

        if (waits->locks.count > LOCKS_MAX)
            return vt_error_create(VT_ERROR_CORRUPT, "the guest has more than %u file locks",
                                   LOCKS_MAX);
        error =
            guest_list_walk(waits->guest, head, LOCKS_MAX, "the file locks", visit_lock, &visit);
    }
    return error;
}

/* ---- all ---- */

static struct guest_list *const *lists_of(struct waits *waits, struct guest_list *lists[8])
{
    struct guest_list *all[] = {
        &waits->tasks, &waits->processes, &waits->open_files, &waits->futexes,
        &waits->locks, &waits->spaces,    &waits->groups,     NULL};

    memcpy(lists, all, sizeof(all));
    return lists;
}

void waits_deinit(struct waits *waits)
{
    struct guest_list *lists[8];

    for (struct guest_list *const *list = lists_of(waits, lists); *list; list++)
        free((*list)->items);
}

struct vt_error *waits_gather(struct waits *waits)
{
    static const size_t sizes[] = {sizeof(struct wait_task), sizeof(struct wait_process),
                                   sizeof(struct wait_file), sizeof(struct wait_futex),
                                   sizeof(struct wait_lock), sizeof(struct wait_space),
                                   sizeof(struct wait_group)};
    struct guest_list *lists[8];

    lists_of(waits, lists);
    for (size_t i = 0; lists[i]; i++) {
        lists[i]->item_bytes = sizes[i];
        lists[i]->count = 0;
        lists[i]->out_of_memory = false;
    }
    guest_paths_begin(&waits->files.paths);
    struct vt_error *error = gather_objects(waits);
    if (!error)
        error = gather_files(waits);
    if (!error)
        error = gather_futexes(waits);
    if (!error)
        error = gather_locks(waits);
    for (size_t i = 0; lists[i] && !error; i++)
        if (lists[i]->out_of_memory)
            error = vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's waits");
    return error;
}
