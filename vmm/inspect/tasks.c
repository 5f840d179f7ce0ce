/*
 * vmm/inspect/tasks.c - every task of the guest as struct vt_task, from the kernel's own field
 * tables.
 *
 * A field that this kernel does not publish reads as zero, except the few without which a task has
 * no identity.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/inspect/objects.h"

/* Which of its fields a task list needs, looked up once per listing. */
struct task_layout {
    const struct glass_field *tid, *tgid, *state, *wait_kind, *comm, *cpu, *policy, *nice, *utime,
        *stime, *wait_object, *process, *address_space, *flags, *nvcsw, *nivcsw, *min_faults,
        *start, *mode, *pending, *blocked, *held, *affinity, *run_delay;
};

struct process_layout {
    const struct glass_type *type;
    const struct glass_field *pid, *parent, *group, *session, *exit_status;
};

struct listing {
    struct vt_guest *guest;
    struct guest_slots slots;
    struct task_layout task;
    struct process_layout process;
    const struct glass_type *space_type;
    const struct glass_field *space_root;
    uint8_t *task_copy, *process_copy, *space_copy;
};

static struct vt_error *require(const struct glass_field *field, const char *type, const char *name)
{
    if (field)
        return NULL;
    return vt_error_create(VT_ERROR_FORMAT,
                           "the guest's kernel does not publish field '%s' of its type '%s'", name,
                           type);
}

static struct vt_error *find_layouts(struct listing *listing)
{
    struct vt_guest *guest = listing->guest;
    const struct glass_type *type = listing->slots.type;
    struct task_layout *task = &listing->task;
    struct process_layout *process = &listing->process;

    *task = (struct task_layout){
        .tid = guest_field_find(guest, type, "tid"),
        .tgid = guest_field_find(guest, type, "tgid"),
        .state = guest_field_find(guest, type, "state"),
        .wait_kind = guest_field_find(guest, type, "wait_kind"),
        .comm = guest_field_find(guest, type, "comm"),
        .cpu = guest_field_find(guest, type, "cpu"),
        .policy = guest_field_find(guest, type, "policy"),
        .nice = guest_field_find(guest, type, "nice"),
        .utime = guest_field_find(guest, type, "utime_tsc"),
        .stime = guest_field_find(guest, type, "stime_tsc"),
        .wait_object = guest_field_find(guest, type, "wait_object"),
        .process = guest_field_find(guest, type, "process"),
        .address_space = guest_field_find(guest, type, "address_space"),
        .flags = guest_field_find(guest, type, "flags"),
        .nvcsw = guest_field_find(guest, type, "nvcsw"),
        .nivcsw = guest_field_find(guest, type, "nivcsw"),
        .min_faults = guest_field_find(guest, type, "min_faults"),
        .start = guest_field_find(guest, type, "start_tsc"),
        .mode = guest_field_find(guest, type, "mode_tsc"),
        .pending = guest_field_find(guest, type, "pending"),
        .blocked = guest_field_find(guest, type, "blocked"),
        .held = guest_field_find(guest, type, "held"),
        .affinity = guest_field_find(guest, type, "affinity"),
        .run_delay = guest_field_find(guest, type, "run_delay_tsc"),
    };
    process->type = guest_type_find(guest, "process");
    process->pid = guest_field_find(guest, process->type, "pid");
    process->parent = guest_field_find(guest, process->type, "parent");
    process->group = guest_field_find(guest, process->type, "group");
    process->session = guest_field_find(guest, process->type, "session");
    process->exit_status = guest_field_find(guest, process->type, "exit_status");
    listing->space_type = guest_type_find(guest, "address_space");
    listing->space_root = guest_field_find(guest, listing->space_type, "root");

    struct vt_error *error = require(task->tid, "task", "tid");
    if (!error)
        error = require(task->tgid, "task", "tgid");
    if (!error)
        error = require(task->state, "task", "state");
    if (!error)
        error = require(task->comm, "task", "comm");
    if (!error)
        error = require(process->pid, "process", "pid");
    return error;
}

static void listing_deinit(struct listing *listing)
{
    free(listing->task_copy);
    free(listing->process_copy);
    free(listing->space_copy);
}

static struct vt_error *listing_init(struct listing *listing, struct vt_guest *guest)
{
    memset(listing, 0, sizeof(*listing));
    listing->guest = guest;
    struct vt_error *error = guest_require_ready(guest);
    if (!error)
        error = guest_slots_open(guest, guest->tasks, "task", &listing->slots);
    if (!error)
        error = find_layouts(listing);
    if (error)
        return error;
    listing->task_copy = malloc(listing->slots.type->size);
    listing->process_copy = malloc(listing->process.type->size);
    listing->space_copy = malloc(listing->space_type ? listing->space_type->size : 1);
    if (!listing->task_copy || !listing->process_copy || !listing->space_copy) {
        listing_deinit(listing);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a copy of the guest's tasks");
    }
    return NULL;
}

uint64_t guest_tsc_span_to_ns(const struct vt_guest *guest, uint64_t cycles)
{
    if (!guest->tsc_khz)
        return 0;
    return (uint64_t)((unsigned __int128)cycles * 1000000u / guest->tsc_khz);
}

uint64_t vt_guest_tsc_to_ns(const struct vt_guest *guest, uint64_t tsc)
{
    if (!GUEST_LOAD(&guest->ready) || tsc < guest->boot_tsc)
        return 0;
    return guest_tsc_span_to_ns(guest, tsc - guest->boot_tsc);
}

/*
 * The guest's TSC by the host's clock, a little behind at most: how long the READY doorbell took to
 * arrive. In a stopped world the time of the stop; 0 where nothing can be said.
 */
static uint64_t now_tsc(struct vt_guest *guest)
{
    uint64_t ready_ns = GUEST_LOAD(&guest->ready_ns);

    if (guest_stands_still(guest))
        return GUEST_LOAD(&guest->glass->stop.record.tsc);
    if (!ready_ns)
        return 0;
    unsigned __int128 since = clock_monotonic_ns() - ready_ns;
    return GUEST_LOAD(&guest->glass->ready_tsc) + (uint64_t)(since * guest->tsc_khz / 1000000u);
}

/* What a running task has used since the kernel last looked at the clock for it; it is taken to be
 * in user mode. */
static void add_running_time(struct vt_guest *guest, uint64_t mode_tsc, struct vt_task *task)
{
    uint64_t now = now_tsc(guest);

    if (task->state != TASK_RUNNING || !mode_tsc || now <= mode_tsc)
        return;
    *(task->kernel_thread ? &task->stime_ns : &task->utime_ns) +=
        guest_tsc_span_to_ns(guest, now - mode_tsc);
}

void guest_copy_comm(char comm[16], const struct glass_field *field, const uint8_t *object)
{
    uint32_t length = field->size < 16 ? field->size : 16;

    memset(comm, 0, 16);
    memcpy(comm, object + field->offset, length);
    comm[15] = '\0';
    for (unsigned i = 0; i < 15 && comm[i]; i++)
        if ((unsigned char)comm[i] < ' ' || (unsigned char)comm[i] >= 0x7f)
            comm[i] = '?';
}

static void add_process(struct listing *listing, uint64_t address, struct vt_task *task)
{
    const struct process_layout *layout = &listing->process;
    uint64_t id = 0;

    /* A process that went between the two reads is no error: the task keeps what is known of it. */
    struct vt_error *error =
        guest_object_read(listing->guest, layout->type, address, listing->process_copy, &id);
    if (error || !id) {
        vt_error_destroy(error);
        return;
    }
    task->process_id = id;
    task->pgid = (int32_t)guest_field_value(layout->group, listing->process_copy);
    task->sid = (int32_t)guest_field_value(layout->session, listing->process_copy);
    task->exit_status = (int32_t)guest_field_value(layout->exit_status, listing->process_copy);
    uint64_t parent = guest_field_value(layout->parent, listing->process_copy);
    if (!parent)
        return;
    error = guest_object_read(listing->guest, layout->type, parent, listing->process_copy, &id);
    if (!error && id)
        task->ppid = (int32_t)guest_field_value(layout->pid, listing->process_copy);
    vt_error_destroy(error);
}

static void add_address_space(struct listing *listing, uint64_t address, struct vt_task *task)
{
    uint64_t id = 0;

    if (!listing->space_type)
        return;
    struct vt_error *error =
        guest_object_read(listing->guest, listing->space_type, address, listing->space_copy, &id);
    if (!error && id) {
        task->address_space_id = id;
        task->page_table = guest_field_value(listing->space_root, listing->space_copy);
    }
    vt_error_destroy(error);
}

static void decode(struct listing *listing, uint64_t id, uint64_t address, struct vt_task *ret)
{
    const struct task_layout *layout = &listing->task;
    const uint8_t *copy = listing->task_copy;
    struct vt_guest *guest = listing->guest;
    uint32_t flags = (uint32_t)guest_field_value(layout->flags, copy);
    uint64_t state = guest_field_value(layout->state, copy);
    uint64_t wait_kind = guest_field_value(layout->wait_kind, copy);
    uint64_t start = guest_field_value(layout->start, copy);

    *ret = (struct vt_task){
        .id = id,
        .address = address,
        .pid = (int32_t)guest_field_value(layout->tgid, copy),
        .tid = (int32_t)guest_field_value(layout->tid, copy),
        .state = state < TASK_STATES ? (enum task_state)state : TASK_UNUSED,
        .cpu = (uint32_t)guest_field_value(layout->cpu, copy),
        .policy = (uint32_t)guest_field_value(layout->policy, copy),
        .nice = (int32_t)guest_field_value(layout->nice, copy),
        .utime_ns = guest_tsc_span_to_ns(guest, guest_field_value(layout->utime, copy)),
        .stime_ns = guest_tsc_span_to_ns(guest, guest_field_value(layout->stime, copy)),
        .nvcsw = guest_field_value(layout->nvcsw, copy),
        .nivcsw = guest_field_value(layout->nivcsw, copy),
        .min_faults = guest_field_value(layout->min_faults, copy),
        .start_ns = vt_guest_tsc_to_ns(guest, start),
        .wait_kind = wait_kind < WAIT_KINDS ? (enum wait_kind)wait_kind : WAIT_NONE,
        .wait_object = guest_field_value(layout->wait_object, copy),
        .kernel_thread = flags & TASK_KERNEL_THREAD,
        .idle = flags & TASK_IDLE,
        .signals_pending = guest_field_value(layout->pending, copy),
        .signals_blocked = guest_field_value(layout->blocked, copy),
        .affinity = guest_field_value(layout->affinity, copy),
        .run_delay_ns = guest_tsc_span_to_ns(guest, guest_field_value(layout->run_delay, copy)),
    };
    uint64_t held = guest_field_value(layout->held, copy);
    if (held <= HELD_PARKED && ret->state != TASK_ZOMBIE)
        ret->held = (enum task_held)held;
    guest_copy_comm(ret->comm, layout->comm, copy);
    if (ret->idle)
        snprintf(ret->comm, sizeof(ret->comm), "idle/%u", ret->cpu % BOOT_CPUS_MAX);
    add_running_time(guest, guest_field_value(layout->mode, copy), ret);
    uint64_t space = guest_field_value(layout->address_space, copy);
    uint64_t process = guest_field_value(layout->process, copy);
    if (process)
        add_process(listing, process, ret);
    if (space)
        add_address_space(listing, space, ret);
}

/* A slot that is taken but not yet, or no longer, a task that anyone could name. */
static bool nameless(const struct vt_task *task)
{
    return task->state == TASK_UNUSED || task->state == TASK_DEAD ||
           (task->tid == 0 && !task->idle);
}

static int by_tid(const void *a, const void *b)
{
    const struct vt_task *left = a, *right = b;

    return left->tid != right->tid ? (left->tid < right->tid ? -1 : 1)
                                   : (left->id < right->id ? -1 : 1);
}

struct vt_error *vt_guest_tasks(struct vt_guest *guest, struct vt_task **ret_tasks,
                                size_t *ret_count)
{
    struct listing listing;
    struct vt_task *tasks = NULL;
    size_t count = 0, room = 0;
    struct vt_error *error = listing_init(&listing, guest);

    if (error)
        return error;
    for (uint32_t i = 0; i < listing.slots.high_water && !error; i++) {
        uint64_t id;

        error = guest_slots_read(guest, &listing.slots, i, listing.task_copy, &id);
        if (error || !id)
            continue;
        if (count == room) {
            room = room ? room * 2 : 32;
            struct vt_task *larger = realloc(tasks, room * sizeof(*tasks));
            if (!larger) {
                error = vt_error_create(VT_ERROR_MEMORY, "out of memory for %zu tasks", room);
                break;
            }
            tasks = larger;
        }
        decode(&listing, id, guest_slots_address(&listing.slots, i), &tasks[count]);
        if (!nameless(&tasks[count]))
            count++;
    }
    listing_deinit(&listing);
    if (error) {
        free(tasks);
        return error;
    }
    if (count)
        qsort(tasks, count, sizeof(*tasks), by_tid);
    *ret_tasks = tasks;
    *ret_count = count;
    return NULL;
}

struct vt_error *vt_guest_task(struct vt_guest *guest, int32_t tid, struct vt_task *ret)
{
    struct vt_task *tasks;
    size_t count;
    struct vt_error *error = vt_guest_tasks(guest, &tasks, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        if (tasks[i].tid == tid) {
            *ret = tasks[i];
            free(tasks);
            return NULL;
        }
    free(tasks);
    return vt_error_create(VT_ERROR_NOT_FOUND, "the guest has no task %d", tid);
}
