/* kernel/ipc/sysv/namespace.c - see namespace.h. Defaults as on Linux; a new namespace has those. */
#include "kernel/ipc/sysv/namespace.h"

#include "arch/cpu.h"
#include "kernel/ipc/mqueue/mqueue.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/process/clone_flags.h"
#include "kernel/process/process.h"

#define LIMIT_NONE   (UINT64_MAX - (1ul << 24)) /* SHMMAX, SHMALL */
#define SETS_MAX     32000
#define QUEUES_MAX   32000
#define SEGMENTS_MAX 4096

#define LIMITS                                                                                     \
    .shm_max = LIMIT_NONE, .shm_all = LIMIT_NONE, .sem_per_set = 32000, .sem_all = 1024000000,     \
    .sem_operations = 500, .message_max = 8192, .queue_max = 16384
#define TABLE(index, most)                                                                         \
    [index] = {                                                                                    \
        .lock = {.rank = RANK_IPC,                                                                 \
                 .waiters = WAIT_QUEUE_INIT(initial_ipc_namespace.tables[index].lock.waiters)},    \
        .last = UINT32_MAX,                                                                        \
        .count_max = (most)}

static struct ipc_namespace *ipc_of(struct namespace *namespace)
{
    return container_of(namespace, struct ipc_namespace, head);
}

struct ipc_namespace *ipc_namespace_current(void)
{
    return ipc_of(current->namespaces->of[NAMESPACE_IPC]);
}

static int create(struct namespace *from, struct fs_context *fs, struct namespace **ret)
{
    struct ipc_namespace *space = kmalloc(sizeof(*space));

    (void)fs;
    if (!space)
        return -ENOMEM;
    *space = (struct ipc_namespace){LIMITS};
    ipc_table_init(ipc_table_of(space, IPC_SEMAPHORES), SETS_MAX);
    ipc_table_init(ipc_table_of(space, IPC_MESSAGES), QUEUES_MAX);
    ipc_table_init(ipc_table_of(space, IPC_SHARED_MEMORY), SEGMENTS_MAX);
    list_init(&space->mqueues);
    namespace_publish(&space->head, from->type);
    *ret = &space->head;
    return 0;
}

static void release(struct namespace *namespace)
{
    struct ipc_namespace *space = ipc_of(namespace);

    semaphore_sets_remove_all(space);
    message_queues_remove_all(space);
    shm_remove_all(space);
    mqueues_remove_all(space);
    for (unsigned kind = 0; kind < IPC_KINDS; kind++)
        ipc_table_deinit(&space->tables[kind]);
    kfree(space);
}

/* What a task has to undo belongs to the namespace that it leaves. */
static void entered(struct namespace *namespace)
{
    (void)namespace;
    sem_undo_leave(current);
}

static const struct namespace_type ipc_namespace_type = {
    .kind = NAMESPACE_IPC,
    .name = "ipc",
    .clone_flag = CLONE_NEWIPC,
    .create = create,
    .release = release,
    .entered = entered,
};

struct ipc_namespace initial_ipc_namespace = {
    .head = NAMESPACE_INIT(&ipc_namespace_type, NAMESPACE_FIRST_IPC),
    .tables = {TABLE(IPC_SEMAPHORES, SETS_MAX), TABLE(IPC_MESSAGES, QUEUES_MAX),
               TABLE(IPC_SHARED_MEMORY, SEGMENTS_MAX)},
    .mqueues = LIST_INIT(initial_ipc_namespace.mqueues),
    LIMITS,
};
