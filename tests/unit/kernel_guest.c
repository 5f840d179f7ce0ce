/*
 * tests/unit/kernel_guest.c - building the guest's memory, object by object.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/cpu_limits.h"
#include "arch/per_cpu.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/net/names.h"
#include "kernel/observe/audit_roots.h"
#include "kernel/observe/describe.h"
#include "kernel/token/token_object.h"
#include "tests/unit/kernel_guest.h"

/* What describe.c's roots point at. The guest gets copies of its own: these are never read. */
struct slot_table task_slots, process_slots, address_space_slots, token_slots;
PER_CPU(struct run_queue, run_queue);
PER_CPU(struct timer_queue, timer_queue);
struct futex_bucket futex_buckets[FUTEX_BUCKETS];
struct fixed_range fixed_ranges[FIXED_RANGES_MAX];
struct spinlock family_lock, frames_lock, file_lock_blocked_lock, mount_table_lock;
struct mutex mount_lock, rename_lock;
struct mount_namespace initial_mount_namespace;
struct file_lock_bucket file_lock_buckets[FILE_LOCK_BUCKETS];
struct list file_lock_blocked;
struct list socket_names[SOCKET_NAME_BUCKETS], sockets_in_flight;
const struct audit_roots audit_roots;

uint64_t kernel_guest_phys(const struct kernel_guest *kg, const void *pointer)
{
    return (uint64_t)((const uint8_t *)pointer - kg->memory.base);
}

static void *allocate(struct kernel_guest *kg, uint64_t bytes, uint64_t alignment)
{
    uint64_t phys = (kg->next + alignment - 1) & ~(alignment - 1);

    kg->next = phys + bytes;
    if (kg->next > KERNEL_GUEST_BYTES)
        abort();
    return kg->memory.base + phys;
}

void *kernel_guest_allocate(struct kernel_guest *kg, uint64_t bytes)
{
    return allocate(kg, bytes, 64);
}

void *kernel_guest_page(struct kernel_guest *kg)
{
    return allocate(kg, 4096, 4096);
}

static void *copy_table(struct kernel_guest *kg, const void *table, size_t bytes)
{
    return memcpy(kernel_guest_allocate(kg, bytes), table, bytes);
}

static void init_slots(struct glass_slots *slots, const char *type, uint64_t bytes)
{
    strcpy(slots->type, type);
    slots->stride = (uint32_t)((bytes + 63) & ~63ul);
    slots->slots_per_chunk = 8;
}

static struct glass_slots *make_slots(struct kernel_guest *kg, const char *type, uint64_t bytes)
{
    struct glass_slots *slots = kernel_guest_allocate(kg, sizeof(*slots));

    init_slots(slots, type, bytes);
    return slots;
}

void *kernel_guest_object(struct kernel_guest *kg, struct glass_slots *slots)
{
    uint32_t index = slots->high_water++;
    uint64_t *chunk = &slots->chunks[index / slots->slots_per_chunk];

    if (!*chunk)
        *chunk =
            (uint64_t)kernel_guest_allocate(kg, (uint64_t)slots->stride * slots->slots_per_chunk);
    struct glass_object *object =
        (void *)(*chunk + (uint64_t)(index % slots->slots_per_chunk) * slots->stride);
    *object = (struct glass_object){.version = 2, .references = 1, .id = 100 + index};
    slots->live++;
    return object;
}

/* The kernel's roots, each with its objects in the guest's own memory. */
static void make_roots(struct kernel_guest *kg)
{
    struct glass_root *roots = copy_table(kg, glass_roots, glass_root_count * sizeof(*roots));

    for (uint32_t i = 0; i < glass_root_count; i++) {
        /* Per-CPU blocks would be mostly empty: here the variables lie side by side. */
        if (roots[i].stride == PER_CPU_BYTES) {
            bool timers = strcmp(roots[i].target, "timer_queue") == 0;

            roots[i].stride = timers ? KERNEL_GUEST_CPU_BYTES : sizeof(struct run_queue);
            roots[i].count = KERNEL_GUEST_CPUS;
        }
        void *objects = kernel_guest_allocate(kg, (uint64_t)roots[i].count * roots[i].stride);
        const struct {
            const char *name;
            void **place;
        } known[] = {{"run_queues", (void **)&kg->run_queues},
                     {"timer_queues", (void **)&kg->timer_queues},
                     {"futex_buckets", (void **)&kg->futex_buckets},
                     {"file_lock_buckets", (void **)&kg->file_lock_buckets},
                     {"family_lock", (void **)&kg->family_lock},
                     {"fixed_ranges", (void **)&kg->ranges},
                     {"token_slots", (void **)&kg->tokens},
                     {"audit_roots", (void **)&kg->audit_roots}};

        roots[i].address = (uint64_t)objects;
        for (size_t j = 0; j < ARRAY_COUNT(known); j++)
            if (strcmp(roots[i].name, known[j].name) == 0)
                *known[j].place = objects;
    }
    kg->glass->roots = (uint64_t)roots;
    kg->glass->root_count = glass_root_count;
}

const char *kernel_guest_string(struct kernel_guest *kg, const char *text)
{
    return copy_table(kg, text, strlen(text) + 1);
}

struct inode *kernel_guest_inode(struct kernel_guest *kg, uint32_t mode)
{
    struct inode *inode = kernel_guest_allocate(kg, sizeof(*inode));

    inode->mode = mode;
    inode->number = ++kg->filesystem->next_inode_number;
    inode->filesystem = kg->filesystem;
    inode->references = 1;
    return inode;
}

static struct file_operations *make_operations(struct kernel_guest *kg, const char *kind,
                                               bool seeks)
{
    struct file_operations *operations = kernel_guest_allocate(kg, sizeof(*operations));

    if (kind)
        operations->kind = kernel_guest_string(kg, kind);
    if (seeks)
        operations->seek = (void *)1;
    return operations;
}

void kernel_guest_reopen(struct kernel_guest *kg)
{
    guest_init(&kg->guest, &kg->memory, kernel_guest_phys(kg, kg->glass));
    kg->guest.own = true;
}

void kernel_guest_init(struct kernel_guest *kg)
{
    memset(kg, 0, sizeof(*kg));
    kg->memory.bytes = KERNEL_GUEST_BYTES;
    kg->memory.base =
        mmap(NULL, KERNEL_GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    kg->memory.ram[0] = (struct boot_range){.phys = 0, .bytes = KERNEL_GUEST_BYTES};
    kg->next = 4096;
    struct glass *glass = kg->glass = allocate(kg, sizeof(*glass), 4096);
    memcpy(glass->magic, GLASS_MAGIC, 8);
    glass->version = GLASS_VERSION;
    glass->size = sizeof(*glass);
    glass->state = GLASS_RUNNING;
    glass->cpu_count = KERNEL_GUEST_CPUS;
    glass->direct_virtual = (uint64_t)kg->memory.base;
    glass->direct_bytes = KERNEL_GUEST_BYTES;
    glass->tsc_khz = 1000000;
    glass->types = (uint64_t)copy_table(kg, glass_types, glass_type_count * sizeof(*glass_types));
    glass->type_count = glass_type_count;
    glass->fields =
        (uint64_t)copy_table(kg, glass_fields, glass_field_count * sizeof(*glass_fields));
    glass->field_count = glass_field_count;
    kg->cpus = kernel_guest_allocate(kg, sizeof(*kg->cpus) * BOOT_CPUS_MAX);
    glass->cpus = (uint64_t)kg->cpus;
    glass->cpu_stride = sizeof(*kg->cpus);
    make_roots(kg);
    kg->tasks = make_slots(kg, "task", sizeof(struct task));
    kg->processes = make_slots(kg, "process", sizeof(struct process));
    kg->spaces = make_slots(kg, "address_space", sizeof(struct address_space));
    init_slots(kg->tokens, "token_object", sizeof(struct token_object));
    glass->tasks = (uint64_t)kg->tasks;
    glass->processes = (uint64_t)kg->processes;
    glass->address_spaces = (uint64_t)kg->spaces;
    glass->frame_count = KERNEL_GUEST_BYTES / 4096;
    kg->frames = kernel_guest_allocate(kg, glass->frame_count * sizeof(struct frame));
    glass->frames = (uint64_t)kg->frames;
    glass->kernel_page_table = kernel_guest_phys(kg, kernel_guest_page(kg));
    kg->filesystem = kernel_guest_allocate(kg, sizeof(*kg->filesystem));
    kg->filesystem->device = 0x20;
    kg->pipe_operations = make_operations(kg, "pipe", false);
    kg->socket_operations = make_operations(kg, "socket", false);
    kg->eventfd_operations = make_operations(kg, "anon_inode:[eventfd]", false);
    kg->plain_operations = make_operations(kg, NULL, true);
    kg->root = kernel_guest_dentry(kg, NULL, "/", S_IFDIR | 0755);
    for (unsigned i = 0; i < KERNEL_GUEST_CPUS; i++) {
        struct task *idle = kernel_guest_object(kg, kg->tasks);

        idle->flags = TASK_IDLE | TASK_KERNEL_THREAD;
        idle->state = TASK_RUNNING;
        idle->cpu = i;
        kg->cpus[i].index = i;
        kg->cpus[i].online = 1;
        kg->run_queues[i].cpu = i;
        kg->run_queues[i].idle = kg->run_queues[i].running = idle;
        kg->run_queues[i].slice_end_tsc = UINT64_MAX;
    }
    kernel_guest_reopen(kg);
}

void kernel_guest_deinit(struct kernel_guest *kg)
{
    guest_deinit(&kg->guest);
    munmap(kg->memory.base, KERNEL_GUEST_BYTES);
}
