/*
 * vmm/inspect/locks.c - every lock that the kernel's tables lead to.
 *
 * Nothing here knows where locks are: it looks through the fields of each root's type, and of
 * processes and address spaces, for embedded spinlocks and mutexes. A lock's words are read once;
 * who waits for a mutex is counted by walking its queue.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/objects.h"
#include "vmm/inspect/paths.h"
#include "vmm/inspect/walk.h"

#define LOCKS_MAX   (1u << 20)
#define WAITERS_MAX 65536u
#define NESTING_MAX 4 /* structs in structs */
#define NAME_BYTES  160

#define SPINLOCK_FIELDS(F)                                                                         \
    F(taken, "taken") F(rank, "rank") F(contentions, "contentions") F(owner, "owner")
LAYOUT(spinlock_layout, SPINLOCK_FIELDS);

#define MUTEX_FIELDS(F) F(state, "state") F(waiters, "waiters") F(rank, "rank") F(owner, "owner")
LAYOUT(mutex_layout, MUTEX_FIELDS);

#define QUEUE_FIELDS(F) F(waiters, "waiters")
LAYOUT(queue_layout, QUEUE_FIELDS);

#define TASK_FIELDS(F) F(tid, "tid")
LAYOUT(task_layout, TASK_FIELDS);

struct lock_walk {
    struct vt_guest *guest;
    struct guest_list *list;
    struct guest_loads loads;
    struct spinlock_layout spinlock;
    struct mutex_layout mutex;
    struct queue_layout queue;
    struct task_layout task;
    struct guest_slots tasks;
};

static struct vt_error *count_waiter(void *context, uint64_t node)
{
    (void)node;
    ++*(uint32_t *)context;
    return NULL;
}

static void read_spinlock(struct lock_walk *walk, uint64_t address, struct vt_lock *lock)
{
    lock->kind = VT_LOCK_SPIN;
    lock->taken = guest_load(&walk->loads, address, walk->spinlock.taken);
    lock->rank = (uint32_t)guest_load(&walk->loads, address, walk->spinlock.rank);
    lock->contentions = (uint32_t)guest_load(&walk->loads, address, walk->spinlock.contentions);
    lock->owner_cpu = (int32_t)guest_load(&walk->loads, address, walk->spinlock.owner) - 1;
}

static struct vt_error *read_mutex(struct lock_walk *walk, uint64_t address, struct vt_lock *lock)
{
    uint64_t state = guest_load(&walk->loads, address, walk->mutex.state);
    uint64_t owner = guest_load(&walk->loads, address, walk->mutex.owner);

    lock->kind = VT_LOCK_MUTEX;
    lock->taken = state != MUTEX_FREE;
    lock->waited = state == MUTEX_WAITED;
    lock->rank = (uint32_t)guest_load(&walk->loads, address, walk->mutex.rank);
    if (owner && guest_slots_find(&walk->tasks, owner) != UINT32_MAX)
        lock->owner_tid = (int32_t)guest_load(&walk->loads, owner, walk->task.tid);
    if (!lock->waited)
        return NULL;
    uint64_t queue = address + walk->mutex.waiters->offset;
    return guest_list_walk(walk->guest, queue + walk->queue.waiters->offset, WAITERS_MAX,
                           "a mutex's queue", count_waiter, &lock->waiters);
}

static struct vt_error *add_lock(struct lock_walk *walk, uint64_t address, bool mutex,
                                 const char *name)
{
    struct vt_error *error = NULL;
    const char *text = guest_safe_text(walk->list, name, strlen(name));

    if (walk->list->count == LOCKS_MAX)
        return vt_error_create(VT_ERROR_CORRUPT, "the guest has more than %u locks", LOCKS_MAX);
    struct vt_lock *lock = guest_list_add(walk->list);
    if (!lock)
        return NULL;
    lock->name = text;
    lock->address = address;
    lock->owner_cpu = lock->owner_tid = -1;
    if (mutex)
        error = read_mutex(walk, address, lock);
    else
        read_spinlock(walk, address, lock);
    return error ? error : guest_loads_error(&walk->loads, "a lock");
}

/* The locks embedded in an object of this type, `name` so far. */
static struct vt_error *look_through(struct lock_walk *walk, const char *type_name,
                                     uint64_t address, const char *name, unsigned nesting)
{
    const struct glass_type *type = guest_type_find(walk->guest, type_name);
    bool mutex = strcmp(type_name, "mutex") == 0;
    char longer[NAME_BYTES];

    if (mutex || strcmp(type_name, "spinlock") == 0)
        return add_lock(walk, address, mutex, name);
    /* The lock of a wait queue says nothing that its owner's do not. */
    if (!type || nesting == NESTING_MAX || strcmp(type_name, "wait_queue") == 0)
        return NULL;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct glass_field *field = &walk->guest->tables->fields[type->first_field + i];

        if (field->kind != GLASS_STRUCT)
            continue;
        char between = nesting == 0 && strchr(name, ' ') ? ' ' : '.';
        snprintf(longer, sizeof(longer), "%s%c%s", name, between, field->name);
        struct vt_error *error =
            look_through(walk, field->target, address + field->offset, longer, nesting + 1);
        if (error)
            return error;
    }
    return NULL;
}

static struct vt_error *look_through_roots(struct lock_walk *walk)
{
    const struct guest_tables *tables = walk->guest->tables;
    char name[NAME_BYTES];

    for (uint32_t i = 0; i < tables->root_count; i++) {
        const struct glass_root *root = &tables->roots[i];

        for (uint32_t j = 0; j < root->count; j++) {
            if (root->count > 1)
                snprintf(name, sizeof(name), "%s[%u]", root->name, j);
            else
                snprintf(name, sizeof(name), "%s", root->name);
            struct vt_error *error = look_through(
                walk, root->target, root->address + (uint64_t)j * root->stride, name, 0);
            if (error)
                return error;
        }
    }
    return NULL;
}

/* Locks of the objects of a slot table; `number` is the field by which people know them. */
static struct vt_error *look_through_slots(struct lock_walk *walk, uint64_t table, const char *type,
                                           const char *number)
{
    struct guest_slots slots;
    char name[NAME_BYTES];
    struct vt_error *error = guest_slots_open(walk->guest, table, type, &slots);

    if (error)
        return error;
    const struct glass_field *field = guest_field_find(walk->guest, slots.type, number);
    uint8_t *copy = malloc(slots.type->size);
    if (!copy)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a copy of the guest's objects");
    for (uint32_t i = 0; i < slots.high_water && !error; i++) {
        uint64_t id;

        error = guest_slots_read(walk->guest, &slots, i, copy, &id);
        if (error || !id)
            continue;
        snprintf(name, sizeof(name), "%s %lu", type,
                 (unsigned long)(field ? guest_field_value(field, copy) : id));
        error = look_through(walk, type, guest_slots_address(&slots, i), name, 0);
    }
    free(copy);
    return error;
}

static struct vt_error *walk_locks(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct lock_walk *walk = context;

    walk->list = list;
    walk->loads = (struct guest_loads){.guest = guest};
    struct vt_error *error = look_through_roots(walk);
    if (!error)
        error = look_through_slots(walk, guest->processes, "process", "pid");
    if (!error)
        error = look_through_slots(walk, guest->address_spaces, "address_space", "id");
    return error;
}

struct vt_error *vt_guest_locks(struct vt_guest *guest, struct vt_lock **ret_locks,
                                size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "the list of locks",
        .item_bytes = sizeof(struct vt_lock),
        .text_at = {offsetof(struct vt_lock, name)},
        .text_count = 1,
        .each_by_itself = true,
        .walk = walk_locks,
    };
    struct lock_walk walk = {.guest = guest};
    void *locks;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = LAYOUT_FIND(guest, &walk.spinlock, "spinlock", 2, SPINLOCK_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.mutex, "mutex", 2, MUTEX_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.queue, "wait_queue", 1, QUEUE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.task, "task", 1, TASK_FIELDS);
    if (!error)
        error = guest_slots_open(guest, guest->tasks, "task", &walk.tasks);
    if (!error)
        error = guest_settle(guest, &listing, &walk, &locks, ret_count);
    if (!error)
        *ret_locks = locks;
    return error;
}
