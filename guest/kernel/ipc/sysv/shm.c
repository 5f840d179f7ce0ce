/* kernel/ipc/sysv/shm.c - segments of shared memory: making, attaching, detaching. See shm.h. */
#include "kernel/ipc/sysv/shm.h"

#include "arch/cpu.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/print.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"
#include "kernel/sync/refcount.h"
#include "kernel/syscall/syscall.h"

#define SHM_HUGETLB 04000u
#define SHM_RDONLY  010000
#define SHM_RND     020000
#define SHM_REMAP   040000
#define SHM_EXEC    0100000

struct spinlock shm_lock = SPINLOCK_INIT(RANK_SHARED_MEMORY);

uint64_t shm_resident(const struct shm_segment *segment)
{
    const struct inode *inode = segment->memory->inode;

    return inode->operations->blocks(inode) / (PAGE_SIZE / 512);
}

/* ---- coming and going ---- */

void shm_put(struct shm_segment *segment)
{
    if (!reference_put(&segment->object.references))
        return;
    dentry_put(segment->memory);
    kfree(segment);
}

bool shm_remove_locked(struct shm_segment *segment, bool wanted)
{
    spin_lock(&shm_lock);
    bool goes = !segment->attachments && (wanted || segment->object.mode & SHM_DEST);
    if (wanted && !goes) {
        segment->object.mode |= SHM_DEST;
        segment->object.key = IPC_PRIVATE;
    }
    spin_unlock(&shm_lock);
    if (!goes)
        return false;
    segment->space->shm_pages -= shm_pages(segment);
    ipc_remove(ipc_table_of(segment->space, IPC_SHARED_MEMORY), &segment->object);
    return true;
}

static int64_t create(struct ipc_namespace *space, const struct ipc_get *request)
{
    char name[16];
    uint64_t pages = align_up(request->size, PAGE_SIZE) >> PAGE_SHIFT;

    if (request->size < 1 || request->size > space->shm_max)
        return -EINVAL;
    if (pages << PAGE_SHIFT < request->size || space->shm_pages + pages < space->shm_pages ||
        space->shm_pages + pages > space->shm_all)
        return -ENOSPC;
    if (request->flags & SHM_HUGETLB)
        return -EINVAL; /* as a Linux without huge pages */
    if (pages > frames_total_count())
        return -ENOMEM; /* the obvious overcommit, as in mm/map.c */
    struct shm_segment *segment = kzalloc(sizeof(*segment));
    if (!segment)
        return -ENOMEM;
    snprintf(name, sizeof(name), "/SYSV%08x", (uint32_t)request->key);
    segment->memory = shared_memory_create(name, 0777, request->size);
    if (!segment->memory) {
        kfree(segment);
        return -ENOMEM;
    }
    segment->space = space;
    segment->bytes = request->size;
    segment->creator_pid = ipc_pid();
    segment->change_time = ipc_time();
    int error = ipc_insert(ipc_table_of(space, IPC_SHARED_MEMORY), &segment->object, request->key,
                           request->flags);
    if (error) {
        dentry_put(segment->memory);
        kfree(segment);
        return error;
    }
    segment->memory->inode->number = (uint32_t)segment->object.id;
    space->shm_pages += pages;
    return segment->object.id;
}

static int large_enough(const struct ipc_object *object, uint64_t size)
{
    return container_of(object, const struct shm_segment, object)->bytes < size ? -EINVAL : 0;
}

SYSCALL3(shmget, int32_t, key, uint64_t, size, int, flags)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct ipc_get request = {.key = key, .flags = (uint32_t)flags, .size = size};

    return ipc_get(space, ipc_table_of(space, IPC_SHARED_MEMORY), &request, large_enough, create);
}

/* ---- attachments: the operations of the files that are mapped ---- */

static int get_page(struct file *file, uint64_t index, bool write, phys_t *ret)
{
    return file->inode->file_operations->get_page(file, index, write, ret);
}

static void get_present_pages(struct file *file, uint64_t index, unsigned count, phys_t *ret)
{
    file->inode->file_operations->get_present_pages(file, index, count, ret);
}

static void attached(struct file *file)
{
    struct shm_segment *segment = file->private_data;

    spin_lock(&shm_lock);
    if (!MUTANT_EVERY(SHM_ATTACHED_UNCOUNTED, 3))
        segment->attachments++;
    segment->attach_time = ipc_time();
    segment->last_pid = ipc_pid();
    spin_unlock(&shm_lock);
}

/* `last_pid` 0: nothing was attached after all. */
static void detach(struct shm_segment *segment, int32_t last_pid)
{
    spin_lock(&shm_lock);
    if (last_pid) {
        segment->detach_time = ipc_time();
        segment->last_pid = last_pid;
    }
    struct ipc_namespace *space =
        !--segment->attachments && segment->object.mode & SHM_DEST ? segment->space : NULL;
    /* One that is being released looks at the segment itself. */
    if (space && !reference_get_if_held(&space->head.references))
        space = NULL;
    spin_unlock(&shm_lock);
    if (likely(!space))
        return;
    struct ipc_table *table = ipc_table_of(space, IPC_SHARED_MEMORY);
    mutex_lock(&table->lock);
    bool removed = !segment->object.removed && shm_remove_locked(segment, false);
    mutex_unlock(&table->lock);
    if (removed)
        shm_put(segment);
    namespace_put(&space->head);
}

/* Those that are attached are their attachments' from then on. */
void shm_remove_all(struct ipc_namespace *space)
{
    struct ipc_table *table = ipc_table_of(space, IPC_SHARED_MEMORY);

    while (table->end) { /* nobody else is left to change it */
        struct shm_segment *segment = shm_of(ipc_at(table, table->end - 1));

        mutex_lock(&table->lock);
        ipc_remove(table, &segment->object);
        spin_lock(&shm_lock);
        segment->space = NULL;
        spin_unlock(&shm_lock);
        mutex_unlock(&table->lock);
        shm_put(segment);
    }
}

static void detached(struct file *file)
{
    detach(file->private_data, ipc_pid());
}

static void release(struct file *file)
{
    if (!MUTANT(SHM_FILE_KEPT))
        shm_put(file->private_data);
}

const struct file_operations shm_attachment_operations = {
    .kind = "sysv_shm",
    .get_page = get_page,
    .get_present_pages = get_present_pages,
    .mapping_added = attached,
    .mapping_gone = detached,
    .release = release,
};

/* The segment, with one attachment that is none yet, so that it stays. 0 or -errno. */
static int hold_segment(int32_t id, int flags, struct shm_segment **ret)
{
    uint32_t wanted = flags & SHM_RDONLY ? IPC_READ : IPC_READ | IPC_WRITE;
    struct ipc_table *table = ipc_table_of(ipc_namespace_current(), IPC_SHARED_MEMORY);
    int error = 0;

    if (flags & SHM_EXEC)
        wanted |= 0111;
    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    if (!object)
        error = -EINVAL;
    else if (!ipc_permitted(object, wanted))
        error = -EACCES;
    if (!error) {
        *ret = shm_of(object);
        reference_get(&object->references);
        spin_lock(&shm_lock);
        (*ret)->attachments++;
        spin_unlock(&shm_lock);
    }
    mutex_unlock(&table->lock);
    return error;
}

static int64_t map_segment(struct shm_segment *segment, uint64_t address, int flags)
{
    bool read_only = flags & SHM_RDONLY;
    const struct path nowhere = {NULL, segment->memory};
    struct file *file = file_create(&nowhere, segment->memory->inode, read_only ? O_RDONLY : O_RDWR,
                                    &shm_attachment_operations, segment);

    if (!file)
        return -ENOMEM;
    reference_get(&segment->object.references); /* the file's */
    struct map_request request = {
        .address = address,
        .bytes = segment->bytes,
        .flags = VMA_SHARED | VMA_COUNTED | VMA_READ | (read_only ? 0 : VMA_WRITE) |
                 (flags & SHM_EXEC ? VMA_EXECUTE : 0),
        .fixed = address && flags & SHM_REMAP,
        .fixed_noreplace = address && !(flags & SHM_REMAP),
        .file = file,
        .file_bytes = UINT64_MAX,
    };
    int64_t place = address_space_map(current->address_space, &request);
    file_put(file);
    return place == -EEXIST ? -EINVAL : place;
}

SYSCALL3(shmat, int, id, uint64_t, address, int, flags)
{
    struct shm_segment *segment;

    if (id < 0)
        return -EINVAL;
    if (address & ~PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        address &= PAGE_MASK;
        if (!address && flags & SHM_REMAP)
            return -EINVAL;
    } else if (!address && flags & SHM_REMAP) {
        return -EINVAL;
    }
    int error = hold_segment(id, flags, &segment);
    if (error)
        return error;
    int64_t place =
        address + segment->bytes < address ? -EINVAL : map_segment(segment, address, flags);
    detach(segment, 0);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is counted, by others too */
    shm_put(segment);
    return place;
}

SYSCALL1(shmdt, uint64_t, address)
{
    return address_space_detach(current->address_space, address);
}
