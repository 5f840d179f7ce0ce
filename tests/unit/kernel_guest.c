/*
 * tests/unit/kernel_guest.c - building the guest's memory, object by object.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/cpu_limits.h"
#include "arch/per_cpu.h"
#include "kernel/observe/audit_roots.h"
#include "kernel/observe/describe.h"
#include "tests/unit/kernel_guest.h"

/* What describe.c's roots point at. The guest gets copies of its own: these are never read. */
struct slot_table task_slots, process_slots, address_space_slots;
PER_CPU(struct run_queue, run_queue);
PER_CPU(struct timer_queue, timer_queue);
struct futex_bucket futex_buckets[FUTEX_BUCKETS];
struct fixed_range fixed_ranges[FIXED_RANGES_MAX];
struct spinlock family_lock, frames_lock, file_lock_blocked_lock;
struct mutex mount_lock, rename_lock;
struct file_lock_bucket file_lock_buckets[FILE_LOCK_BUCKETS];
struct list file_lock_blocked;
const struct audit_roots audit_roots; /* for an auditor: the readers here do without */

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

static struct glass_slots *make_slots(struct kernel_guest *kg, const char *type, uint64_t bytes)
{
    struct glass_slots *slots = kernel_guest_allocate(kg, sizeof(*slots));

    strcpy(slots->type, type);
    slots->stride = (uint32_t)((bytes + 63) & ~63ul);
    slots->slots_per_chunk = 8;
    return slots;
}

static void *make_object(struct kernel_guest *kg, struct glass_slots *slots)
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

            roots[i].stride = timers ? sizeof(struct timer_queue) : sizeof(struct run_queue);
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
                     {"fixed_ranges", (void **)&kg->ranges}};

        roots[i].address = (uint64_t)objects;
        for (size_t j = 0; j < ARRAY_COUNT(known); j++)
            if (strcmp(roots[i].name, known[j].name) == 0)
                *known[j].place = objects;
    }
    kg->glass->roots = (uint64_t)roots;
    kg->glass->root_count = glass_root_count;
}

static const char *make_string(struct kernel_guest *kg, const char *text)
{
    return copy_table(kg, text, strlen(text) + 1);
}

static struct inode *make_inode(struct kernel_guest *kg, uint32_t mode)
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
        operations->kind = make_string(kg, kind);
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
    kg->eventfd_operations = make_operations(kg, "anon_inode:[eventfd]", false);
    kg->plain_operations = make_operations(kg, NULL, true);
    kg->root = kernel_guest_dentry(kg, NULL, "/", S_IFDIR | 0755);
    for (unsigned i = 0; i < KERNEL_GUEST_CPUS; i++) {
        struct task *idle = make_object(kg, kg->tasks);

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

/* ---- processes ---- */

struct process *kernel_guest_process(struct kernel_guest *kg, int32_t pid, struct process *parent)
{
    struct process *process = make_object(kg, kg->processes);

    process->pid = process->group = process->session = pid;
    process->parent = parent;
    process->guid[0] = (uint8_t)pid;
    list_init(&process->children);
    list_init(&process->threads);
    if (parent)
        list_push_back(&parent->children, &process->sibling_link);
    else
        list_init(&process->sibling_link);
    spin_init(&process->signal_lock, RANK_SIGNAL);
    return process;
}

struct address_space *kernel_guest_space(struct kernel_guest *kg)
{
    struct address_space *space = make_object(kg, kg->spaces);

    space->root = kernel_guest_phys(kg, kernel_guest_page(kg));
    space->lock.rank = RANK_ADDRESS_SPACE;
    list_init(&space->lock.waiters.waiters);
    return space;
}

struct task *kernel_guest_task(struct kernel_guest *kg, struct process *process, int32_t tid,
                               const char *comm, struct address_space *space,
                               struct file_table *files)
{
    struct task *task = make_object(kg, kg->tasks);

    task->tid = tid;
    task->tgid = process->pid;
    task->process = process;
    task->state = TASK_READY;
    strncpy(task->comm, comm, sizeof(task->comm) - 1);
    task->address_space = space;
    task->files = files;
    task->fs = kernel_guest_allocate(kg, sizeof(*task->fs));
    task->fs->root = task->fs->cwd = kg->root;
    list_push_back(&process->threads, &task->thread_link);
    process->task_count++;
    if (task->tid == process->pid)
        process->leader = task;
    return task;
}

void kernel_guest_block(struct task *task, enum wait_kind kind, const void *object)
{
    task->state = TASK_BLOCKED;
    task->wait_kind = (uint8_t)kind;
    task->wait_object = (uint64_t)object;
}

void kernel_guest_sleep(struct kernel_guest *kg, struct task *task, unsigned cpu,
                        uint64_t deadline_ns)
{
    struct timer *timer = &task->sleep_timer;
    struct rb_node *parent = NULL, **link = &kg->timer_queues[cpu].tree.root;

    timer->deadline_ns = deadline_ns;
    timer->cpu = cpu;
    timer->active = true;
    while (*link) {
        parent = *link;
        link = deadline_ns < rb_entry(parent, struct timer, node)->deadline_ns ? &parent->left
                                                                               : &parent->right;
    }
    rb_insert(&kg->timer_queues[cpu].tree, &timer->node, parent, link);
    kernel_guest_block(task, WAIT_SLEEP, NULL);
}

/* ---- files ---- */

struct dentry *kernel_guest_dentry(struct kernel_guest *kg, struct dentry *parent, const char *name,
                                   uint32_t mode)
{
    struct dentry *dentry = kernel_guest_allocate(kg, sizeof(*dentry));

    dentry->parent = parent ? parent : dentry;
    dentry->inode = make_inode(kg, mode);
    dentry->name_length = (uint16_t)strlen(name);
    dentry->name = (char *)make_string(kg, name);
    dentry->references = 1;
    return dentry;
}

static struct file *make_file(struct kernel_guest *kg, struct inode *inode, uint32_t flags,
                              const struct file_operations *operations, void *private_data)
{
    struct file *file = kernel_guest_allocate(kg, sizeof(*file));

    file->references = 1;
    file->flags = flags;
    file->inode = inode;
    file->operations = operations;
    file->private_data = private_data;
    return file;
}

struct file *kernel_guest_file(struct kernel_guest *kg, struct dentry *dentry, uint32_t flags)
{
    struct file *file = make_file(kg, dentry->inode, flags, kg->plain_operations, NULL);

    file->dentry = dentry;
    return file;
}

struct file_table *kernel_guest_files(struct kernel_guest *kg)
{
    struct file_table *table = kernel_guest_allocate(kg, sizeof(*table));

    table->references = 1;
    table->capacity = FILE_TABLE_INLINE;
    table->files = table->inline_files;
    table->open = table->inline_open;
    table->close_on_exec = table->inline_close_on_exec;
    return table;
}

void kernel_guest_open(struct file_table *table, int fd, struct file *file)
{
    table->files[fd] = file;
    table->open[fd / 64] |= 1ull << (fd % 64);
}

struct pipe *kernel_guest_pipe(struct kernel_guest *kg, struct file **ret_read,
                               struct file **ret_write)
{
    struct pipe *pipe = kernel_guest_allocate(kg, sizeof(*pipe));
    struct inode *inode = make_inode(kg, S_IFIFO | 0600);

    pipe->capacity = 65536;
    pipe->readers = pipe->writers = 1;
    *ret_read = make_file(kg, inode, O_RDONLY, kg->pipe_operations, pipe);
    *ret_write = make_file(kg, inode, O_WRONLY, kg->pipe_operations, pipe);
    return pipe;
}

/* ---- memory ---- */

struct vma *kernel_guest_vma(struct kernel_guest *kg, struct address_space *space, uint64_t start,
                             uint64_t end, uint32_t flags, struct file *file)
{
    struct vma *vma = kernel_guest_allocate(kg, sizeof(*vma));
    struct rb_node *parent = NULL, **link = &space->vmas.root;

    vma->start = start;
    vma->end = end;
    vma->flags = flags;
    vma->file = file;
    vma->file_bytes = UINT64_MAX;
    while (*link) {
        parent = *link;
        link = start < rb_entry(parent, struct vma, node)->start ? &parent->left : &parent->right;
    }
    rb_insert(&space->vmas, &vma->node, parent, link);
    space->vma_count++;
    space->mapped_pages += (end - start) / 4096;
    return vma;
}

uint8_t *kernel_guest_user_page(struct kernel_guest *kg, struct address_space *space,
                                uint64_t address)
{
    uint64_t *table = (uint64_t *)(kg->memory.base + space->root);

    for (unsigned level = 4; level > 0; level--) {
        uint64_t *entry = &table[address >> (12 + 9 * (level - 1)) & 511];

        if (!(*entry & 1))
            *entry = kernel_guest_phys(kg, kernel_guest_page(kg)) | 7; /* present, writable, user */
        table = (uint64_t *)(kg->memory.base + (*entry & ~0xfffull));
    }
    return (uint8_t *)table;
}

void kernel_guest_futex_wait(struct kernel_guest *kg, struct task *task, uint64_t address)
{
    struct futex_waiter *waiter = kernel_guest_allocate(kg, sizeof(*waiter));
    struct futex_bucket *bucket = &kg->futex_buckets[address / 4 % FUTEX_BUCKETS];

    waiter->key = (struct futex_key){(uint64_t)task->address_space, address};
    waiter->task = task;
    waiter->bucket = bucket;
    waiter->next = bucket->first;
    bucket->first = waiter;
    kernel_guest_block(task, WAIT_FUTEX, (void *)address);
}

void kernel_guest_flock(struct kernel_guest *kg, struct file *owner)
{
    struct file_lock *lock = kernel_guest_allocate(kg, sizeof(*lock));
    struct file_lock_bucket *bucket = &kg->file_lock_buckets[0];

    if (!bucket->locks.next)
        list_init(&bucket->locks);
    *lock = (struct file_lock){.inode = owner->inode,
                               .owner = owner,
                               .end = UINT64_MAX,
                               .space = FILE_LOCK_FLOCK,
                               .write = true};
    list_push_back(&bucket->locks, &lock->link);
}

/* ---- some of everything ---- */

static void make_waiting(struct kernel_guest *kg, struct task *task, struct process *process)
{
    struct waiter *waiter = kernel_guest_allocate(kg, sizeof(*waiter));
    struct mutex *mutex = &task->address_space->lock;

    (void)process;
    mutex->state = MUTEX_WAITED;
    waiter->task = task;
    waiter->queue = &mutex->waiters;
    list_push_back(&mutex->waiters.waiters, &waiter->link);
    kernel_guest_block(task, WAIT_MUTEX, mutex);
}

static void make_queued(struct kernel_guest *kg, struct task *task)
{
    struct fair_queue *queue = &kg->run_queues[0].fair;
    struct rb_node *parent = NULL, **link = &queue->tree.root;

    task->fair.weight = FAIR_WEIGHT_NICE_0;
    task->fair.deadline = (uint64_t)task->tid * 1000;
    task->fair.vruntime = (uint64_t)task->tid;
    while (*link) {
        parent = *link;
        link = &parent->right;
    }
    rb_insert(&queue->tree, &task->fair.node, parent, link);
    queue->total_weight += task->fair.weight;
    queue->waiting++;
    kg->run_queues[0].ready++;
}

void kernel_guest_populate(struct kernel_guest *kg)
{
    struct dentry *etc = kernel_guest_dentry(kg, kg->root, "etc", S_IFDIR | 0755);
    struct dentry *passwd = kernel_guest_dentry(kg, etc, "passwd", S_IFREG | 0644);
    struct process *init = kernel_guest_process(kg, 1, NULL), *parent = init;
    struct file *ends[8][2];

    kernel_guest_task(kg, init, 1, "init", NULL, NULL);
    for (int i = 0; i < 8; i++)
        kernel_guest_pipe(kg, &ends[i][0], &ends[i][1]);
    for (int i = 0; i < 8; i++) {
        int32_t pid = 2 + 3 * i;
        struct process *process = kernel_guest_process(kg, pid, parent);
        struct address_space *space = kernel_guest_space(kg);
        struct file_table *files = kernel_guest_files(kg);
        struct file *file = kernel_guest_file(kg, passwd, O_RDWR);
        uint64_t base = 0x400000;

        for (int j = 0; j < 12; j++)
            kernel_guest_vma(kg, space, base + (uint64_t)j * 0x3000,
                             base + (uint64_t)j * 0x3000 + 0x2000,
                             VMA_READ | (j == 5    ? VMA_HEAP
                                         : j == 11 ? VMA_STACK
                                                   : 0),
                             j < 4 ? file : NULL);
        *(uint32_t *)kernel_guest_user_page(kg, space, 0x403000) =
            0x80000000u | (uint32_t)(pid + 1);
        kernel_guest_open(files, 3, ends[i][0]);
        kernel_guest_open(files, 4, ends[(i + 1) % 8][1]);
        kernel_guest_open(files, 5, file);
        struct task *first = kernel_guest_task(kg, process, pid, "first", space, files);
        struct task *second = kernel_guest_task(kg, process, pid + 1, "second", space, files);
        struct task *third = kernel_guest_task(kg, process, pid + 2, "third", space, files);
        kernel_guest_block(first, WAIT_PIPE_READ, ends[i][0]->private_data);
        kernel_guest_futex_wait(kg, second, 0x403000);
        kernel_guest_flock(kg, file);
        switch (i) {
        case 0:
            make_waiting(kg, third, process);
            break;
        case 1:
            kernel_guest_sleep(kg, third, 0, 1000);
            break;
        case 2:
            kernel_guest_sleep(kg, third, 0, 2000);
            break;
        case 3:
            kernel_guest_block(third, WAIT_CHILD, NULL);
            break;
        case 4:
            kernel_guest_block(third, WAIT_FILE_LOCK, passwd->inode);
            break;
        default:
            make_queued(kg, third);
            break;
        }
        parent = process;
    }
    kg->ranges[0] = (struct fixed_range){0, 16, FRAME_RESERVED};
    kg->ranges[1] = (struct fixed_range){16, 64, FRAME_KERNEL};
    for (unsigned i = 64; i < 512; i += 4)
        kg->frames[i] =
            (struct frame){.references = i % 3, .kind = FRAME_ANONYMOUS, .order = i % 8 == 0};
}
