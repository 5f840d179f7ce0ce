/*
 * vmm/inspect/waits_wakers.c - for each blocked task: what it waits for, and which groups of tasks
 * can end the wait.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/waits_finder.h"

#define GROUPS_MAX (1u << 20)
#define STEPS_MAX  (16u << 20)

/* Linux's futex(2), pthread's robust and PI mutexes: the word names the owner. */
#define FUTEX_WAITERS  0x80000000u
#define FUTEX_TID_MASK 0x3fffffffu
/* glibc's ordinary mutex: the word is 2 when somebody waits; the owner is two words further on. */
#define GLIBC_CONTENDED    2u
#define GLIBC_OWNER_OFFSET 8u

bool waits_step(struct finder *finder, struct wait_task *task)
{
    if (finder->steps_left) {
        finder->steps_left--;
        return true;
    }
    task->open = true;
    return false;
}

/* ---- indices ---- */

#define COMPARE(left, right) ((left) < (right) ? -1 : (left) > (right))

static int compare_tasks(const void *a, const void *b)
{
    const struct wait_task *left = a, *right = b;

    return left->tid != right->tid ? COMPARE(left->tid, right->tid) : COMPARE(left->id, right->id);
}

static int compare_objects(const void *a, const void *b)
{
    const struct wait_file *left = *(const struct wait_file *const *)a,
                           *right = *(const struct wait_file *const *)b;

    return left->object != right->object ? COMPARE(left->object, right->object)
                                         : COMPARE(left->file, right->file);
}

static int compare_files(const void *a, const void *b)
{
    const struct wait_file *left = *(const struct wait_file *const *)a,
                           *right = *(const struct wait_file *const *)b;

    return COMPARE(left->file, right->file);
}

static int compare_tables(const void *a, const void *b)
{
    const struct wait_file *left = a, *right = b;

    return COMPARE(left->table, right->table);
}

static int compare_futexes(const void *a, const void *b)
{
    const struct wait_futex *left = a, *right = b;

    return COMPARE(left->task, right->task);
}

static int compare_locks(const void *a, const void *b)
{
    const struct wait_lock *left = a, *right = b;

    return COMPARE(left->inode, right->inode);
}

static int compare_spaces(const void *a, const void *b)
{
    const struct wait_space *left = a, *right = b;

    return COMPARE(left->address, right->address);
}

/* By parent, so that children are found; the process itself by a walk. */
static int compare_processes(const void *a, const void *b)
{
    const struct wait_process *left = a, *right = b;

    return COMPARE(left->parent, right->parent);
}

static void sort(struct guest_list *list, int (*compare)(const void *, const void *))
{
    if (list->count)
        qsort(list->items, list->count, list->item_bytes, compare);
}

/* Index of the first item that is not below the key. */
static size_t lower_bound(const void *items, size_t count, size_t bytes, const void *key,
                          int (*compare)(const void *, const void *))
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare((const uint8_t *)items + middle * bytes, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct wait_task *task_by_tid(const struct waits *waits, int64_t tid)
{
    struct wait_task key = {.tid = (int32_t)tid};
    size_t at =
        lower_bound(waits->tasks.items, waits->tasks.count, sizeof(key), &key, compare_tasks);
    const struct wait_task *tasks = WAITS_OF(waits->tasks, wait_task);

    return tid > 0 && tid <= INT32_MAX && at < waits->tasks.count && tasks[at].tid == tid
               ? &tasks[at]
               : NULL;
}

const struct wait_space *waits_space(const struct waits *waits, uint64_t address)
{
    struct wait_space key = {.address = address};

    if (!waits->spaces.count)
        return NULL;
    return bsearch(&key, waits->spaces.items, waits->spaces.count, sizeof(key), compare_spaces);
}

size_t waits_by_object(const struct finder *finder, uint64_t object)
{
    struct wait_file key_file = {.object = object}, *key = &key_file;

    return lower_bound(finder->by_object, finder->waits->open_files.count, sizeof(key), &key,
                       compare_objects);
}

size_t waits_by_file(const struct finder *finder, uint64_t file)
{
    struct wait_file key_file = {.file = file}, *key = &key_file;

    return lower_bound(finder->by_file, finder->waits->open_files.count, sizeof(key), &key,
                       compare_files);
}

/* ---- wakers ---- */

void waits_add_group(struct waits *waits, struct wait_task *task, struct wait_group wanted)
{
    if (waits->groups.count >= GROUPS_MAX) { /* then nothing is claimed */
        task->open = true;
        return;
    }
    struct wait_group *group = wanted.key ? guest_list_add(&waits->groups) : NULL;
    if (!group)
        return;
    *group = wanted;
    task->group_count++;
}

static void add_group(struct waits *waits, struct wait_task *task, enum group_kind kind,
                      uint64_t key)
{
    waits_add_group(waits, task, (struct wait_group){.kind = kind, .key = key});
}

/* The tasks that have an end of this pipe, or this eventfd, open. */
static void find_holders(struct finder *finder, struct wait_task *task, bool writers, bool readers)
{
    size_t count = finder->waits->open_files.count;
    size_t at = waits_by_object(finder, task->wait_object);

    for (; at < count && finder->by_object[at]->object == task->wait_object &&
           waits_step(finder, task);
         at++) {
        const struct wait_file *file = finder->by_object[at];

        if (file->kind != VT_FILE_PIPE && file->kind != VT_FILE_EVENTFD)
            continue;
        task->named_file = file->file;
        if ((writers && file->writable) || (readers && file->readable))
            add_group(finder->waits, task, GROUP_TABLE, file->table);
    }
    if (!task->named_file) /* it is no pipe of ours, or has just gone */
        task->open = true;
}

static void find_pipe_ends(struct finder *finder, struct wait_task *task, bool writers)
{
    struct guest_files *files = &finder->waits->files;

    find_holders(finder, task, writers, !writers);
    task->who = writers ? "writes to it" : "reads from it";
    /* Whoever can open a named pipe can come as a new writer or reader. */
    if (guest_load(&files->paths.loads, task->wait_object, files->pipe.inode))
        task->open = true;
}

static void find_children(struct finder *finder, struct wait_task *task)
{
    struct waits *waits = finder->waits;
    struct wait_process key = {.parent = task->member_of[GROUP_PROCESS]};
    const struct wait_process *processes = WAITS_OF(waits->processes, wait_process);
    size_t at =
        lower_bound(processes, waits->processes.count, sizeof(key), &key, compare_processes);

    for (; at < waits->processes.count && processes[at].parent == key.parent &&
           waits_step(finder, task);
         at++)
        if (!task->wait_object || (uint64_t)processes[at].pid == task->wait_object)
            add_group(waits, task, GROUP_PROCESS, processes[at].address);
    task->who = "is its child";
    if (task->wait_object)
        snprintf(task->what, sizeof(task->what), "child %lu", (unsigned long)task->wait_object);
    else
        snprintf(task->what, sizeof(task->what), "any child");
}

static bool load_user_word(const struct waits *waits, const struct wait_space *space,
                           uint64_t address, uint32_t *ret)
{
    const void *at =
        address % sizeof(*ret) ? NULL : guest_translate_by(waits->guest, space->root, address, 4);

    if (at)
        memcpy(ret, at, sizeof(*ret));
    return at != NULL;
}

/* The one task that the word says will change it, or NULL. `private`: it must share the memory. */
static const struct wait_task *futex_owner(const struct waits *waits, struct wait_task *task,
                                           const struct wait_space *space, bool private)
{
    uint32_t value, owner;

    if (!load_user_word(waits, space, task->wait_object, &value))
        return NULL;
    task->futex_value = value;
    const struct wait_task *named = task_by_tid(waits, value);
    if (named && named->clear_child_tid == task->wait_object &&
        named->member_of[GROUP_SPACE] == task->member_of[GROUP_SPACE]) {
        task->who = "is the thread that has to end";
        return named;
    }
    task->who = "owns the lock";
    named = value & FUTEX_WAITERS ? task_by_tid(waits, value & FUTEX_TID_MASK) : NULL;
    if (named && (!private || named->member_of[GROUP_SPACE] == space->address))
        return named;
    if (private && value == GLIBC_CONTENDED &&
        load_user_word(waits, space, task->wait_object + GLIBC_OWNER_OFFSET, &owner)) {
        named = task_by_tid(waits, owner);
        if (named && named->member_of[GROUP_SPACE] == space->address)
            return named;
    }
    return NULL;
}

static void find_futex(struct waits *waits, struct wait_task *task)
{
    struct wait_futex key = {.task = task->address};
    const struct wait_space *space = waits_space(waits, task->member_of[GROUP_SPACE]);
    const struct wait_futex *futex = waits->futexes.count
                                         ? bsearch(&key, waits->futexes.items, waits->futexes.count,
                                                   sizeof(key), compare_futexes)
                                         : NULL;

    if (!futex || !space) { /* it is being woken */
        task->open = true;
        return;
    }
    bool private = futex->space == space->address;
    task->futex_space = private ? space->id : 0;
    task->futex_word = futex->word;
    const struct wait_task *owner = futex_owner(waits, task, space, private);
    if (private)
        snprintf(task->what, sizeof(task->what), "futex %#lx of address space %lu",
                 (unsigned long)futex->word, (unsigned long)space->id);
    else
        snprintf(task->what, sizeof(task->what), "futex %#lx in shared memory",
                 (unsigned long)futex->word);
    if (owner) {
        add_group(waits, task, GROUP_TASK, owner->address);
    } else if (private) {
        task->who = "shares its memory";
        add_group(waits, task, GROUP_SPACE, space->address);
    } else {
        task->who = "";
        task->open = true;
    }
}

static void find_lock_holders(struct finder *finder, struct wait_task *task)
{
    struct waits *waits = finder->waits;
    struct wait_lock key = {.inode = task->wait_object};
    const struct wait_lock *locks = WAITS_OF(waits->locks, wait_lock);
    size_t at = lower_bound(locks, waits->locks.count, sizeof(key), &key, compare_locks);
    size_t count = waits->open_files.count;

    task->who = "holds a lock on it";
    for (; at < waits->locks.count && locks[at].inode == task->wait_object &&
           waits_step(finder, task);
         at++) {
        size_t i = waits_by_file(finder, locks[at].owner);
        bool found = false;

        /* flock and open-file-description locks belong to a file, and so to all who have it. */
        for (; i < count && finder->by_file[i]->file == locks[at].owner && waits_step(finder, task);
             i++) {
            found = true;
            task->named_file = finder->by_file[i]->file;
            if (finder->by_file[i]->table != task->member_of[GROUP_TABLE])
                add_group(waits, task, GROUP_TABLE, finder->by_file[i]->table);
        }
        /* Record locks belong to a table of descriptors. */
        if (!found && locks[at].owner != task->member_of[GROUP_TABLE])
            add_group(waits, task, GROUP_TABLE, locks[at].owner);
    }
    /* A name for it: the waiter itself has it open. Files were gathered table by table. */
    struct wait_file own = {.table = task->member_of[GROUP_TABLE]};
    const struct wait_file *files = WAITS_OF(waits->open_files, wait_file);
    size_t i = lower_bound(files, count, sizeof(own), &own, compare_tables);
    for (;
         i < count && files[i].table == own.table && !task->named_file && waits_step(finder, task);
         i++)
        if (files[i].inode == task->wait_object)
            task->named_file = files[i].file;
}

static void find_one(struct finder *finder, struct wait_task *task)
{
    struct waits *waits = finder->waits;
    const struct wait_task *child;

    switch (task->kind) {
    case WAIT_PIPE_READ:
    case WAIT_PIPE_WRITE:
        find_pipe_ends(finder, task, task->kind == WAIT_PIPE_READ);
        break;
    case WAIT_EVENT:
        find_holders(finder, task, true, true);
        task->who = "has it open";
        break;
    case WAIT_CHILD:
        find_children(finder, task);
        break;
    case WAIT_VFORK:
        child = task_by_tid(waits, (int64_t)task->wait_object);
        if (child)
            add_group(waits, task, GROUP_TASK, child->address);
        else
            task->open = true;
        task->who = "is its child";
        snprintf(task->what, sizeof(task->what), "vfork child %lu",
                 (unsigned long)task->wait_object);
        break;
    case WAIT_EXIT:
        add_group(waits, task, GROUP_PROCESS, task->member_of[GROUP_PROCESS]);
        task->who = "is a thread of its process";
        snprintf(task->what, sizeof(task->what), "the end of its process's threads");
        break;
    case WAIT_FUTEX:
        find_futex(waits, task);
        break;
    case WAIT_FILE_LOCK:
        find_lock_holders(finder, task);
        break;
    case WAIT_SOCKET:
        waits_find_socket(finder, task);
        break;
    case WAIT_SEMAPHORE: /* whoever may change it */
        task->open = true;
        snprintf(task->what, sizeof(task->what), "semaphore %lu of set %lu",
                 (unsigned long)task->wait_object & 0xffff, (unsigned long)task->wait_object >> 16);
        break;
    case WAIT_MESSAGE_READ:
    case WAIT_MESSAGE_WRITE:
        task->open = true;
        if (task->wait_object > INT32_MAX)
            snprintf(task->what, sizeof(task->what), "%s the POSIX message queue at %#lx",
                     task->kind == WAIT_MESSAGE_READ ? "a message in" : "room in",
                     (unsigned long)task->wait_object);
        else
            snprintf(task->what, sizeof(task->what), "%s message queue %lu",
                     task->kind == WAIT_MESSAGE_READ ? "a message in" : "room in",
                     (unsigned long)task->wait_object);
        break;
    default: /* time, terminals, signals, several files at once, the kernel's own affairs */
        task->open = true;
        break;
    }
}

static int compare_addresses(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return COMPARE(left, right);
}

static void find_alarms(struct finder *finder)
{
    const struct guest_list *processes = &finder->waits->processes;

    for (size_t i = 0; i < processes->count; i++)
        if (WAITS_OF(*processes, wait_process)[i].alarm)
            finder->alarms[finder->alarm_count++] = WAITS_OF(*processes, wait_process)[i].address;
    qsort(finder->alarms, finder->alarm_count, sizeof(uint64_t), compare_addresses);
}

/* SIGALRM will come and end the wait. */
static bool has_alarm(const struct finder *finder, const struct wait_task *task)
{
    return finder->alarm_count && bsearch(&task->member_of[GROUP_PROCESS], finder->alarms,
                                          finder->alarm_count, sizeof(uint64_t), compare_addresses);
}

struct vt_error *waits_find_wakers(struct waits *waits)
{
    size_t count = waits->open_files.count;
    struct finder finder = {.waits = waits, .steps_left = STEPS_MAX};

    sort(&waits->tasks, compare_tasks);
    sort(&waits->futexes, compare_futexes);
    sort(&waits->locks, compare_locks);
    sort(&waits->spaces, compare_spaces);
    sort(&waits->processes, compare_processes);
    finder.by_object = malloc((2 * count + 1) * sizeof(*finder.by_object));
    finder.alarms = malloc((waits->processes.count + 1) * sizeof(*finder.alarms));
    if (!finder.by_object || !finder.alarms) {
        free(finder.by_object);
        free(finder.alarms);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's open files");
    }
    find_alarms(&finder);
    finder.by_file = finder.by_object + count;
    for (size_t i = 0; i < count; i++)
        finder.by_object[i] = finder.by_file[i] = &WAITS_OF(waits->open_files, wait_file)[i];
    qsort(finder.by_object, count, sizeof(*finder.by_object), compare_objects);
    qsort(finder.by_file, count, sizeof(*finder.by_file), compare_files);
    for (size_t i = 0; i < waits->tasks.count; i++) {
        struct wait_task *task = &WAITS_OF(waits->tasks, wait_task)[i];

        task->who = "";
        task->first_group = waits->groups.count;
        if (!task->blocked)
            continue;
        find_one(&finder, task);
        if (task->deadline_ns || has_alarm(&finder, task))
            task->open = true;
    }
    free(finder.by_object);
    free(finder.alarms);
    if (waits->groups.out_of_memory)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's waits");
    return guest_loads_error(&waits->files.paths.loads, "a wait");
}
