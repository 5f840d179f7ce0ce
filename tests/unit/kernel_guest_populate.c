/*
 * tests/unit/kernel_guest_populate.c - a guest with some of everything, for tests that break it.
 */
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/trap_frame.h"
#include "kernel/net/socket.h"
#include "kernel/process/pid_table.h"
#include "tests/unit/kernel_guest.h"

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

/* Descriptors 6 and 7, a connected pair; 8, one that listens; `task` waits to receive. */
static void make_sockets(struct kernel_guest *kg, struct file_table *files, struct task *task)
{
    struct file *file[3];
    struct socket *one = kernel_guest_socket(kg, SOCK_STREAM, &file[0]);
    struct socket *other = kernel_guest_socket(kg, SOCK_STREAM, &file[1]);
    struct socket *listener = kernel_guest_socket(kg, SOCK_SEQPACKET, &file[2]);

    one->peer = other;
    other->peer = one;
    one->state = other->state = SOCKET_CONNECTED;
    listener->state = SOCKET_LISTENING;
    kernel_guest_bind(kg, one, "\0abstract", 9);
    kernel_guest_bind(kg, listener, "/tmp/listening", sizeof("/tmp/listening"));
    for (int i = 0; i < 3; i++)
        kernel_guest_open(files, 6 + i, file[i]);
    kernel_guest_wait_at(kg, task, one, &one->read_waiters);
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

        kernel_guest_token(kg, process);
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
        case 5:
            make_sockets(kg, files, third);
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

/* ---- for auditors and readers of events ---- */

#define PID_CHUNKS_SHOWN 4u
#define STACKS           0xffffc90000000000ull
#define STACK_STRIDE     0x8000ull
#define RING_RECORDS     64u

static void make_stack(struct kernel_guest *kg, struct task *task, uint64_t address)
{
    uint64_t root = kg->glass->kernel_page_table;
    uint8_t *last = kernel_guest_map_page(kg, root, address + KERNEL_STACK_BYTES - PAGE_SIZE);
    struct trap_frame *frame = (struct trap_frame *)(last + PAGE_SIZE - sizeof(*frame));

    frame->original_rax = UINT64_MAX;
    frame->rip = 0x401000;
    frame->cs = SELECTOR_USER_CODE;
    frame->ss = SELECTOR_USER_DATA;
    frame->rflags = RFLAGS_FIXED | RFLAGS_INTERRUPT;
    task->arch.stack_top = address + KERNEL_STACK_BYTES;
    task->arch.kernel_rsp = task->arch.stack_top - 512;
}

static void make_cpus(struct kernel_guest *kg)
{
    uint8_t *cpus = kernel_guest_allocate(kg, KERNEL_GUEST_CPUS * KERNEL_GUEST_CPU_BYTES);
    struct glass_slots *slots = kg->tasks;

    for (unsigned i = 0; i < KERNEL_GUEST_CPUS; i++) {
        struct task *idle =
            (struct task *)(slots->chunks[0] + (uint64_t)i * slots->stride); /* made first */

        struct cpu *cpu = (struct cpu *)(cpus + (size_t)i * KERNEL_GUEST_CPU_BYTES);

        cpu->task = idle;
        cpu->index = i;
        cpu->in_interrupt = true;
        kg->cpus[i].running = (uint64_t)idle;
        kg->cpus[i].run_queue = (uint64_t)&kg->run_queues[i];
        kg->cpus[i].parked_cr3 = kg->glass->kernel_page_table;
        kg->cpus[i].trace_records = RING_RECORDS;
        kg->cpus[i].trace_head = RING_RECORDS + 20 * i;
        struct trace_record *ring =
            kernel_guest_allocate(kg, RING_RECORDS * sizeof(struct trace_record));
        kg->cpus[i].trace_ring = (uint64_t)ring;
        for (unsigned j = 0; j < RING_RECORDS; j++)
            ring[j] = (struct trace_record){.tsc = 1000 * j + i,
                                            .type = (uint16_t)(1 + j % (TRACE_TYPES - 1)),
                                            .tid = (int32_t)(2 + j % 20),
                                            .tgid = (int32_t)(2 + j % 20),
                                            .arg = {j, j << 8, j, 0}};
    }
    kg->audit_roots->cpus = (uint64_t)cpus;
    kg->audit_roots->per_cpu_bytes = KERNEL_GUEST_CPU_BYTES;
}

static void make_pids(struct kernel_guest *kg)
{
    struct glass_slots *slots = kg->tasks;
    struct pid_entry **chunks = kernel_guest_allocate(kg, PID_CHUNKS_SHOWN * sizeof(*chunks));

    chunks[0] = kernel_guest_page(kg);
    for (uint32_t i = 0; i < slots->high_water; i++) {
        struct task *task = (struct task *)(slots->chunks[i / slots->slots_per_chunk] +
                                            (uint64_t)(i % slots->slots_per_chunk) * slots->stride);

        make_stack(kg, task, STACKS + i * STACK_STRIDE);
        if (task->flags & TASK_IDLE || (unsigned)task->tid >= PID_ENTRIES_PER_CHUNK)
            continue;
        chunks[0][task->tid].task = task;
        if (task->tid == task->tgid)
            chunks[0][task->tid].process = task->process;
    }
    kg->audit_roots->pid_chunks = (uint64_t)chunks;
    kg->audit_roots->pid_chunk_count = PID_CHUNKS_SHOWN;
    kg->audit_roots->kernel_stacks = STACKS;
    kg->audit_roots->kernel_stack_bytes = KERNEL_STACK_BYTES;
}

void kernel_guest_populate_cpus(struct kernel_guest *kg)
{
    struct audit_roots *roots = kg->audit_roots;
    struct list *rights = kernel_guest_allocate(kg, sizeof(*rights));

    list_init(rights);
    make_cpus(kg);
    make_pids(kg);
    roots->slice_ns = 3000000;
    roots->rights = (uint64_t)rights;
    roots->pipe_operations = (uint64_t)kg->pipe_operations;
    roots->socket_operations = (uint64_t)kg->socket_operations;
    kg->glass->log = (uint64_t)kernel_guest_allocate(kg, sizeof(struct glass_log));
    kg->glass->channels =
        (uint64_t)kernel_guest_allocate(kg, sizeof(struct glass_channel) * CHANNEL_COUNT);
    kg->glass->stop.cpu = 1;
    kg->glass->stop.filter = GLASS_FILTERS;
}
