/*
 * tests/unit/kernel_guest_objects.c - processes, files and mappings of the guest, one at a time.
 */
#include <string.h>

#include "kernel/net/socket.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/token_object.h"
#include "tests/unit/kernel_guest.h"

/* ---- processes ---- */

struct process *kernel_guest_process(struct kernel_guest *kg, int32_t pid, struct process *parent)
{
    struct process *process = kernel_guest_object(kg, kg->processes);

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
    struct address_space *space = kernel_guest_object(kg, kg->spaces);

    space->root = kernel_guest_phys(kg, kernel_guest_page(kg));
    space->lock.rank = RANK_ADDRESS_SPACE;
    list_init(&space->lock.waiters.waiters);
    return space;
}

struct task *kernel_guest_task(struct kernel_guest *kg, struct process *process, int32_t tid,
                               const char *comm, struct address_space *space,
                               struct file_table *files)
{
    struct task *task = kernel_guest_object(kg, kg->tasks);

    task->tid = tid;
    task->tgid = process->pid;
    task->process = process;
    task->state = TASK_READY;
    strncpy(task->comm, comm, sizeof(task->comm) - 1);
    task->address_space = space;
    task->files = files;
    task->fs = kernel_guest_allocate(kg, sizeof(*task->fs));
    task->fs->root.dentry = task->fs->cwd.dentry = kg->root;
    list_push_back(&process->threads, &task->thread_link);
    process->task_count++;
    if (task->tid == process->pid)
        process->leader = task;
    return task;
}

struct token_object *kernel_guest_token(struct kernel_guest *kg, struct process *process)
{
    static const uint8_t user[] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};
    static const uint8_t group[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};
    struct token_object *token = kernel_guest_object(kg, kg->tokens);
    struct logon_session *session = kernel_guest_allocate(kg, sizeof(*session));
    struct sid_attributes *groups = kernel_guest_allocate(kg, sizeof(*groups));

    token->state = kernel_guest_allocate(kg, sizeof(*token->state));
    token->state->references = session->references = 1;
    struct token *says = &token->state->token;
    says->subject.user = memcpy(kernel_guest_allocate(kg, sizeof(user)), user, sizeof(user));
    groups->sid = memcpy(kernel_guest_allocate(kg, sizeof(group)), group, sizeof(group));
    groups->attributes = GROUP_ENABLED;
    says->subject.groups = (struct sid_list){groups, 1};
    says->groups = groups;
    says->subject.type = TOKEN_PRIMARY;
    says->subject.integrity = INTEGRITY_MEDIUM;
    says->privileges_present = PRIVILEGES_ALL;
    says->session = session->id = 1000;
    session->logon_type = LOGON_BATCH;
    token->session = session;
    process->token = token;
    return token;
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
    struct timer_queue *queue =
        (struct timer_queue *)((uint8_t *)kg->timer_queues + (size_t)cpu * KERNEL_GUEST_CPU_BYTES);
    struct rb_node *parent = NULL, **link = &queue->tree.root;

    timer->deadline_ns = deadline_ns;
    timer->cpu = cpu;
    timer->active = true;
    while (*link) {
        parent = *link;
        link = deadline_ns < rb_entry(parent, struct timer, node)->deadline_ns ? &parent->left
                                                                               : &parent->right;
    }
    rb_insert(&queue->tree, &timer->node, parent, link);
    kernel_guest_block(task, WAIT_SLEEP, NULL);
}

/* ---- files ---- */

struct dentry *kernel_guest_dentry(struct kernel_guest *kg, struct dentry *parent, const char *name,
                                   uint32_t mode)
{
    struct dentry *dentry = kernel_guest_allocate(kg, sizeof(*dentry));

    dentry->parent = parent ? parent : dentry;
    dentry->inode = kernel_guest_inode(kg, mode);
    dentry->name_length = (uint16_t)strlen(name);
    dentry->name = (char *)kernel_guest_string(kg, name);
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
    struct inode *inode = kernel_guest_inode(kg, S_IFIFO | 0600);

    pipe->capacity = 65536;
    pipe->readers = pipe->writers = 1;
    *ret_read = make_file(kg, inode, O_RDONLY, kg->pipe_operations, pipe);
    *ret_write = make_file(kg, inode, O_WRONLY, kg->pipe_operations, pipe);
    return pipe;
}

struct socket *kernel_guest_socket(struct kernel_guest *kg, uint32_t type, struct file **ret_file)
{
    struct socket *socket = kernel_guest_allocate(kg, sizeof(*socket));

    socket->type = type;
    socket->references = 1;
    socket->file = make_file(kg, kernel_guest_inode(kg, S_IFSOCK | 0777), O_RDWR,
                             kg->socket_operations, socket);
    list_init(&socket->read_waiters.waiters);
    list_init(&socket->write_waiters.waiters);
    list_init(&socket->room_waiters.waiters);
    *ret_file = socket->file;
    return socket;
}

void kernel_guest_bind(struct kernel_guest *kg, struct socket *socket, const char *name,
                       uint32_t bytes)
{
    struct socket_address *address = kernel_guest_allocate(kg, sizeof(*address));

    address->references = 1;
    address->family = AF_UNIX;
    address->bytes = (uint32_t)sizeof(address->family) + bytes;
    memcpy(address->path, name, bytes);
    socket->address = address;
}

void kernel_guest_wait_at(struct kernel_guest *kg, struct task *task, struct socket *socket,
                          struct wait_queue *queue)
{
    (void)kg;
    task->waiter.task = task;
    task->waiter.queue = queue;
    list_push_back(&queue->waiters, &task->waiter.link);
    kernel_guest_block(task, WAIT_SOCKET, socket);
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

uint8_t *kernel_guest_map_page(struct kernel_guest *kg, uint64_t root, uint64_t address)
{
    uint64_t *table = (uint64_t *)(kg->memory.base + root);

    for (unsigned level = 4; level > 0; level--) {
        uint64_t *entry = &table[address >> (12 + 9 * (level - 1)) & 511];

        if (!(*entry & 1))
            *entry = kernel_guest_phys(kg, kernel_guest_page(kg)) | 7; /* present, writable, user */
        table = (uint64_t *)(kg->memory.base + (*entry & ~0xfffull));
    }
    return (uint8_t *)table;
}

uint8_t *kernel_guest_user_page(struct kernel_guest *kg, struct address_space *space,
                                uint64_t address)
{
    return kernel_guest_map_page(kg, space->root, address);
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
