/*
 * vmm/audit/world.c - the picture of a stopped world: every task, process, address space and CPU,
 * and whether anything is half done.
 *
 * A CPU stops where it is: in user mode, idle, or in the middle of the kernel. What it was at in
 * the kernel may be half done, and so may be what a task was at that lost its CPU at a preemption
 * point or sleeps for a mutex of the kernel. Where that is so, an invariant that would see it is
 * not judged, and counted as unsettled; nothing is ever guessed.
 */
#include <stdlib.h>

#include "vmm/audit/audit.h"
#include "vmm/inspect/layout.h"
#include "vmm/inspect/objects.h"

enum { FLAG_KERNEL_THREAD = 1, FLAG_IDLE = 2, FLAG_EXITING = 4 };
#define PROGRAM_PID    2 /* the user's program: the machine ends with it */
#define NO_SYSTEM_CALL UINT64_MAX
#define SPACE_VMAS_MAX 66000u

/* guest/arch/x86_64/include/arch/cpu.h */
enum cpu_interrupt { INTERRUPT_NONE = 0, INTERRUPT_OF_USER = 1 };

/* ---- addresses ---- */

const uint8_t *audit_at(const struct audit_world *world, uint64_t address, uint64_t bytes)
{
    const uint8_t *at = guest_translate(world->guest, address, bytes, 1);

    return at ? at : guest_translate_mapped(world->guest, address, bytes);
}

static int by_address(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

#define FIND(type, member, list, count)                                                            \
    struct type *items = (list);                                                                   \
    size_t low = 0, high = (count);                                                                \
    while (low < high) {                                                                           \
        size_t middle = (low + high) / 2;                                                          \
        if (items[middle].member == address)                                                       \
            return &items[middle];                                                                 \
        if (items[middle].member < address)                                                        \
            low = middle + 1;                                                                      \
        else                                                                                       \
            high = middle;                                                                         \
    }                                                                                              \
    return NULL

struct audit_task *audit_task_at(const struct audit_world *world, uint64_t address)
{
    FIND(audit_task, address, world->tasks, world->task_count);
}

struct audit_process *audit_process_at(const struct audit_world *world, uint64_t address)
{
    FIND(audit_process, address, world->processes, world->process_count);
}

struct audit_space *audit_space_at(const struct audit_world *world, uint64_t address)
{
    FIND(audit_space, address, world->spaces, world->space_count);
}

const struct audit_task *audit_event_task(const struct audit_world *world, uint16_t type)
{
    if (world->event.type != type || world->stopper >= world->cpu_count ||
        !world->cpus[world->stopper].online)
        return NULL;
    return audit_task_at(world, AUDIT_GET(world, world->cpus[world->stopper].raw, cpu_task));
}

/* ---- objects ---- */

struct slot_list {
    const uint8_t **raws;
    uint64_t *addresses;
    size_t count;
};

/* Every slot in use, complete or under construction. */
static struct vt_error *list_slots(struct audit_world *world, uint64_t table, const char *type,
                                   struct slot_list *ret)
{
    struct guest_slots slots;
    struct vt_error *error = guest_slots_open(world->guest, table, type, &slots);

    *ret = (struct slot_list){0};
    if (error)
        return error;
    ret->raws = calloc(slots.high_water + 1, sizeof(*ret->raws));
    ret->addresses = calloc(slots.high_water + 1, sizeof(*ret->addresses));
    if (!ret->raws || !ret->addresses)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for %u objects", slots.high_water);
    for (uint32_t i = 0; i < slots.high_water; i++) {
        uint64_t chunk = GUEST_LOAD(&slots.table->chunks[i / slots.slots_per_chunk]);
        uint64_t address = chunk + (uint64_t)(i % slots.slots_per_chunk) * slots.stride;
        const uint8_t *raw = guest_translate(world->guest, address, slots.stride, 8);

        if (!raw)
            return vt_error_create(VT_ERROR_CORRUPT,
                                   "slot %u of the guest's '%s' lies outside kernel memory", i,
                                   type);
        if (!audit_get(raw, world->layout->object_id))
            continue;
        ret->raws[ret->count] = raw;
        ret->addresses[ret->count++] = address;
    }
    return NULL;
}

static void slot_list_free(struct slot_list *list)
{
    free(list->raws);
    free(list->addresses);
}

static struct vt_error *read_tasks(struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    struct slot_list list;
    struct vt_error *error = list_slots(world, world->guest->tasks, "task", &list);

    world->tasks = error ? NULL : calloc(list.count + 1, sizeof(*world->tasks));
    for (size_t i = 0; world->tasks && i < list.count; i++) {
        const uint8_t *raw = list.raws[i];
        uint64_t flags = audit_get(raw, l->task_flags);

        world->tasks[world->task_count++] = (struct audit_task){
            .raw = raw,
            .address = list.addresses[i],
            .id = audit_get(raw, l->object_id),
            .process = audit_get(raw, l->task_process),
            .space = audit_get(raw, l->task_address_space),
            .files = audit_get(raw, l->task_files),
            .stack_top = audit_get(raw, l->task_stack_top),
            .kernel_rsp = audit_get(raw, l->task_kernel_rsp),
            .references = (uint32_t)audit_get(raw, l->object_references),
            .cpu = (uint32_t)audit_get(raw, l->task_cpu),
            .tid = (int32_t)audit_get(raw, l->task_tid),
            .tgid = (int32_t)audit_get(raw, l->task_tgid),
            .state = (enum task_state)audit_get(raw, l->task_state),
            .wait_kind = (uint8_t)audit_get(raw, l->task_wait_kind),
            .sleep_intent = (uint8_t)audit_get(raw, l->task_sleep_intent),
            .held = (uint8_t)audit_get(raw, l->task_held),
            .idle = flags & FLAG_IDLE,
            .kernel_thread = flags & FLAG_KERNEL_THREAD,
            .published = !(audit_get(raw, l->object_version) & 1),
            .inside = audit_get(raw, l->task_preempted_inside),
        };
    }
    slot_list_free(&list);
    if (!error && !world->tasks)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's tasks");
    return error;
}

static struct vt_error *read_processes(struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    struct slot_list list;
    struct vt_error *error = list_slots(world, world->guest->processes, "process", &list);

    world->processes = error ? NULL : calloc(list.count + 1, sizeof(*world->processes));
    for (size_t i = 0; world->processes && i < list.count; i++) {
        const uint8_t *raw = list.raws[i];

        world->processes[world->process_count++] = (struct audit_process){
            .raw = raw,
            .address = list.addresses[i],
            .id = audit_get(raw, l->object_id),
            .parent = audit_get(raw, l->process_parent),
            .leader = audit_get(raw, l->process_leader),
            .references = (uint32_t)audit_get(raw, l->object_references),
            .task_count = (uint32_t)audit_get(raw, l->process_task_count),
            .pid = (int32_t)audit_get(raw, l->process_pid),
            .zombie = audit_get(raw, l->process_zombie),
        };
    }
    slot_list_free(&list);
    if (!error && !world->processes)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's processes");
    return error;
}

struct vma_reading {
    const struct audit_world *world;
    struct audit_space *space;
    size_t room;
};

static struct vt_error *read_vma(void *context, uint64_t node)
{
    struct vma_reading *reading = context;
    struct audit_space *space = reading->space;
    const struct audit_layout *l = reading->world->layout;
    const uint8_t *raw = audit_at(reading->world, node - l->vma_node.offset, l->vma_bytes);

    if (!raw)
        return vt_error_create(VT_ERROR_CORRUPT, "a mapping lies at no memory");
    if (space->vma_count == reading->room) {
        size_t room = reading->room ? reading->room * 2 : 16;
        struct audit_vma *larger = realloc(space->vmas, room * sizeof(*larger));

        if (!larger)
            return vt_error_create(VT_ERROR_MEMORY, "out of memory for %zu mappings", room);
        space->vmas = larger;
        reading->room = room;
    }
    space->vmas[space->vma_count++] = (struct audit_vma){
        .start = audit_get(raw, l->vma_start),
        .end = audit_get(raw, l->vma_end),
        .file = audit_get(raw, l->vma_file),
        .flags = (uint32_t)audit_get(raw, l->vma_flags),
        .max_protection = (uint32_t)audit_get(raw, l->vma_max_protection),
    };
    return NULL;
}

static struct vt_error *read_spaces(struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    struct slot_list list;
    struct vt_error *error =
        list_slots(world, world->guest->address_spaces, "address_space", &list);

    world->spaces = error ? NULL : calloc(list.count + 1, sizeof(*world->spaces));
    for (size_t i = 0; world->spaces && i < list.count; i++) {
        const uint8_t *raw = list.raws[i];
        struct audit_space *space = &world->spaces[world->space_count++];

        *space = (struct audit_space){
            .raw = raw,
            .address = list.addresses[i],
            .id = audit_get(raw, l->object_id),
            .root = audit_get(raw, l->space_root),
            .references = (uint32_t)audit_get(raw, l->object_references),
            .locked = audit_get(raw, l->space_lock) || (audit_get(raw, l->object_version) & 1),
        };
        struct vma_reading reading = {.world = world, .space = space};
        space->vmas_whole =
            audit_walked(guest_tree_walk(world->guest, space->address + l->space_vmas.offset,
                                         SPACE_VMAS_MAX, "a tree of mappings", read_vma, &reading));
    }
    slot_list_free(&list);
    if (!error && !world->spaces)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's address spaces");
    return error;
}

/* ---- the CPUs ---- */

const uint8_t *audit_user_frame(const struct audit_world *world, const struct audit_task *task)
{
    uint32_t bytes = world->layout->trap_frame_bytes;

    return task->stack_top < bytes ? NULL : audit_at(world, task->stack_top - bytes, bytes);
}

bool audit_left_user_mode(const struct audit_world *world, const struct audit_task *task)
{
    const uint8_t *frame = audit_user_frame(world, task);

    return frame && !task->kernel_thread &&
           AUDIT_GET(world, frame, trap_original_rax) == NO_SYSTEM_CALL &&
           (AUDIT_GET(world, frame, trap_cs) & 3) == 3;
}

/*
 * In an interrupt that came in user mode or in idle, nothing of the kernel is half done. One that
 * came at a preemption point says so: what lies below it may be a system call, or what a task does
 * before it goes back to user mode - it may be at its end, because of a signal.
 */
static bool cpu_at_rest(const struct audit_world *world, const struct audit_cpu *cpu)
{
    const struct audit_task *task = audit_task_at(world, AUDIT_GET(world, cpu->raw, cpu_task));
    uint64_t interrupt = AUDIT_GET(world, cpu->raw, cpu_in_interrupt);

    /* At the end of the machine it waits busily for that, in an interrupt that came at rest. */
    if (!task || (AUDIT_GET(world, cpu->raw, cpu_in_busy_wait) && cpu->glass.park != PARK_ENDED))
        return false;
    return task->idle ? interrupt != INTERRUPT_NONE : interrupt == INTERRUPT_OF_USER;
}

static struct vt_error *read_cpus(struct audit_world *world)
{
    const struct audit_layout *l = world->layout;
    uint64_t cpus = AUDIT_ROOT(world, roots_cpus);

    world->cpu_count = guest_cpu_count(world->guest);
    for (unsigned i = 0; i < world->cpu_count; i++) {
        struct audit_cpu *cpu = &world->cpus[i];
        const struct glass_cpu *glass = guest_cpu(world->guest, i);

        if (!glass || !GUEST_LOAD(&glass->online))
            continue;
        cpu->glass = *glass;
        cpu->raw = audit_at(world, cpus + i * AUDIT_ROOT(world, roots_per_cpu_bytes), l->cpu_bytes);
        cpu->queue_address = cpu->glass.run_queue;
        cpu->queue = audit_at(world, cpu->queue_address, l->run_queue_bytes);
        if (!cpu->raw || !cpu->queue)
            return vt_error_create(VT_ERROR_CORRUPT,
                                   "CPU %u of the guest has no data in kernel memory", i);
        cpu->online = true;
        cpu->queue_locked = audit_get(cpu->queue, l->queue_lock);
        cpu->at_rest = cpu_at_rest(world, cpu);
        cpu->parked = world->stopped || cpu->glass.park == PARK_ENDED;
    }
    return NULL;
}

/* ---- is anything half done? ---- */

/* A task that does not run: is what it was at in the kernel at a place where nothing is in flight?
 */
static bool task_settled(const struct audit_task *task)
{
    if (task->inside || !task->published || task->state == TASK_CREATED)
        return false;
    return task->wait_kind != WAIT_MUTEX;
}

/*
 * The CPU whose event stopped the world is inside that event. At some events no reference to a
 * frame is in flight there: at a switch the task that goes is where task_settled() looks, and the
 * record of a fault in user mode is written when all is done; a task that ends has given its memory
 * back before, or is the last one, which keeps it.
 */
static bool event_leaves_memory_alone(const struct audit_world *world)
{
    const struct audit_cpu *cpu = &world->cpus[world->stopper];

    if (world->event.type == TRACE_SWITCH || world->event.type == TRACE_EXIT)
        return true;
    if (world->event.type != TRACE_FAULT)
        return false;
    const struct audit_task *task = audit_task_at(world, AUDIT_GET(world, cpu->raw, cpu_task));
    const uint8_t *frame = task ? audit_user_frame(world, task) : NULL;
    return frame && AUDIT_GET(world, frame, trap_original_rax) == NO_SYSTEM_CALL;
}

/*
 * A world that ended, or that a debugger holds, stands wherever its CPUs happened to be. At a known
 * place are only those that the end itself brought to rest, and the CPU whose program ended the
 * machine: right behind the record of that end.
 */
static void find_last_event(struct audit_world *world)
{
    for (unsigned i = 0; i < world->cpu_count; i++) {
        struct audit_cpu *cpu = &world->cpus[i];

        if (!cpu->online)
            continue;
        cpu->at_rest = cpu->at_rest && cpu->glass.park == PARK_ENDED;
        const struct audit_task *task = audit_task_at(world, AUDIT_GET(world, cpu->raw, cpu_task));
        const struct audit_process *process = task ? audit_process_at(world, task->process) : NULL;
        if (GUEST_LOAD(&world->guest->glass->state) != GLASS_DONE || !process ||
            process->pid != PROGRAM_PID || process->task_count != 1 ||
            AUDIT_GET(world, cpu->raw, cpu_in_interrupt) ||
            !(AUDIT_GET(world, task->raw, task_flags) & FLAG_EXITING))
            continue;
        world->stopper = i;
        world->event = (struct trace_record){.type = TRACE_EXIT, .arg = {[1] = 1}};
    }
}

static void settle(struct audit_world *world)
{
    const uint8_t *family = audit_at(world, world->layout->family_lock->address, 4);
    bool rest = true, tasks = true, memory = true;

    if (!world->stopped && GUEST_LOAD(&world->guest->glass->state) != GLASS_PANICKED)
        find_last_event(world);

    /* Of the last process nothing is in flight when it ends, unless it gives its memory back. */
    bool ends = world->event.type == TRACE_EXIT && world->event.arg[1] && family && !*family;
    if (world->event.type && world->stopper < world->cpu_count)
        world->cpus[world->stopper].at_rest = ends;
    for (unsigned i = 0; i < world->cpu_count; i++) {
        if (!world->cpus[i].online || world->cpus[i].at_rest)
            continue;
        rest = false;
        memory = memory && i == world->stopper && event_leaves_memory_alone(world);
    }
    for (size_t i = 0; i < world->task_count; i++)
        tasks = tasks && task_settled(&world->tasks[i]);
    world->memory_settled = memory && tasks;
    for (size_t i = 0; i < world->space_count; i++)
        world->memory_settled = world->memory_settled && !world->spaces[i].locked;
    world->wakes_settled = rest && tasks;
    /* A kernel that panicked has broken a promise: all is judged, what was half done included. */
    if (GUEST_LOAD(&world->guest->glass->state) == GLASS_PANICKED) {
        world->memory_settled = world->wakes_settled = world->family_settled = true;
        return;
    }
    world->family_settled = rest && tasks && family && *family == 0;
}

/* ---- all of it ---- */

struct vt_error *audit_world_init(struct audit_world *world, struct vt_guest *guest,
                                  const struct audit_layout *layout)
{
    struct vt_error *error = NULL;

    *world = (struct audit_world){.guest = guest, .layout = layout};
    const struct glass_root *root = guest_root_find(guest, "audit_roots");

    world->roots = root ? audit_at(world, root->address, layout->audit_roots_bytes) : NULL;
    if (!world->roots)
        return vt_error_create(VT_ERROR_CORRUPT, "the guest's kernel publishes no audit roots");
    world->event = guest->glass->stop.record;
    world->now_tsc = world->event.tsc;
    world->stopper = GUEST_LOAD(&guest->glass->stop.cpu);
    world->stopped =
        GUEST_LOAD(&guest->glass->stop.epoch) > GUEST_LOAD(&guest->glass->control.resume_epoch);
    if (!world->stopped) { /* the record is that of an old stop */
        world->event.type = 0;
        world->stopper = BOOT_CPUS_MAX;
    }
    error = read_tasks(world);
    if (!error)
        error = read_processes(world);
    if (!error) {
        qsort(world->tasks, world->task_count, sizeof(*world->tasks), by_address);
        qsort(world->processes, world->process_count, sizeof(*world->processes), by_address);
        error = read_spaces(world);
    }
    if (!error) {
        qsort(world->spaces, world->space_count, sizeof(*world->spaces), by_address);
        error = read_cpus(world);
    }
    if (!error)
        error = audit_read_frames(world);
    if (!error)
        settle(world);
    return error;
}

void audit_world_deinit(struct audit_world *world)
{
    for (size_t i = 0; i < world->space_count; i++)
        free(world->spaces[i].vmas);
    free(world->tasks);
    free(world->processes);
    free(world->spaces);
    free(world->frames);
}
