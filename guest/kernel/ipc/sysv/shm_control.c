/* kernel/ipc/sysv/shm_control.c - shmctl(2), and what /proc/sysvipc/shm says. */
#include "arch/cpu.h"
#include "kernel/fs/proc/text.h"
#include "kernel/ipc/sysv/shm.h"
#include "kernel/ipc/sysv/show.h"
#include "kernel/lib/errno.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

struct linux_shmid_ds {
    struct linux_ipc_perm permissions;
    uint64_t bytes;
    int64_t attach_time, detach_time, change_time;
    int32_t creator_pid, last_pid;
    uint64_t attachments, unused[2];
};
_Static_assert(sizeof(struct linux_shmid_ds) == 112, "shmid64_ds is part of the ABI");

static int64_t limits(struct ipc_namespace *space, struct ipc_table *table, uint64_t address)
{
    struct {
        uint64_t max, min, count_max, per_process, all, unused[4];
    } info = {.min = 1};

    mutex_lock(&table->lock);
    info.max = space->shm_max;
    info.count_max = info.per_process = table->count_max;
    info.all = space->shm_all;
    int64_t highest = ipc_highest(table);
    mutex_unlock(&table->lock);
    return copy_to_user(address, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t usage(struct ipc_namespace *space, struct ipc_table *table, uint64_t address)
{
    struct {
        int32_t count, reserved;
        uint64_t pages, resident, swapped, swap_attempts, swap_successes;
    } info = {0};

    mutex_lock(&table->lock);
    info.count = (int32_t)table->count;
    info.pages = space->shm_pages;
    for (uint32_t place = 0; place < table->end; place++) {
        struct ipc_object *object = ipc_at(table, place);

        if (object)
            info.resident += shm_resident(shm_of(object));
    }
    int64_t highest = ipc_highest(table);
    mutex_unlock(&table->lock);
    return copy_to_user(address, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t status(struct ipc_table *table, int id, int command, uint64_t address)
{
    struct linux_shmid_ds status = {.bytes = 0};
    int64_t result = 0;

    mutex_lock(&table->lock);
    struct ipc_object *object =
        command == IPC_STAT ? ipc_find(table, id) : ipc_at(table, (uint32_t)id);
    if (!object) {
        result = -EINVAL;
    } else if (command != SHM_STAT_ANY && !ipc_permitted(object, IPC_READ)) {
        result = -EACCES;
    } else {
        const struct shm_segment *segment = shm_of(object);

        spin_lock(&shm_lock);
        ipc_get_permissions(object, &status.permissions);
        status.bytes = segment->bytes;
        status.attach_time = segment->attach_time;
        status.detach_time = segment->detach_time;
        status.change_time = segment->change_time;
        status.creator_pid = segment->creator_pid;
        status.last_pid = segment->last_pid;
        status.attachments = segment->attachments;
        spin_unlock(&shm_lock);
        result = command == IPC_STAT ? 0 : object->id;
    }
    mutex_unlock(&table->lock);
    if (result >= 0 && copy_to_user(address, &status, sizeof(status)))
        return -EFAULT;
    return result;
}

static int64_t change(struct ipc_table *table, int id, int command, uint64_t address)
{
    struct linux_shmid_ds wanted;
    bool removed = false;

    if (command == IPC_SET && copy_from_user(&wanted, address, sizeof(wanted)))
        return -EFAULT;
    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    int error = object ? ipc_check_owner(object) : -EINVAL;
    if (!error && command == IPC_RMID) {
        removed = shm_remove_locked(shm_of(object), true);
    } else if (!error) {
        spin_lock(&shm_lock);
        error = ipc_set_permissions(object, &wanted.permissions);
        if (!error)
            shm_of(object)->change_time = ipc_time();
        spin_unlock(&shm_lock);
    }
    mutex_unlock(&table->lock);
    if (removed)
        shm_put(shm_of(object));
    return error;
}

/* There is no swap: only the mark is kept. */
static int64_t lock_memory(struct ipc_table *table, int id, bool locked)
{
    const struct process *process = current->process;
    int error = 0;

    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    if (!object) {
        error = -EINVAL;
    } else if (!process_has_capability(process, CAP_IPC_LOCK)) {
        uint32_t euid = process->credentials.euid;

        if ((euid != object->uid && euid != object->cuid) ||
            (locked && !process->rlimits[RLIMIT_MEMLOCK].soft))
            error = -EPERM;
    }
    if (!error) {
        spin_lock(&shm_lock);
        object->mode = (object->mode & ~SHM_LOCKED) | (locked ? SHM_LOCKED : 0);
        spin_unlock(&shm_lock);
    }
    mutex_unlock(&table->lock);
    return error;
}

SYSCALL3(shmctl, int, id, int, command, uint64_t, address)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct ipc_table *table = ipc_table_of(space, IPC_SHARED_MEMORY);

    if (command < 0 || id < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
        return limits(space, table, address);
    case SHM_INFO:
        return usage(space, table, address);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return status(table, id, command, address);
    case IPC_SET:
    case IPC_RMID:
        return change(table, id, command, address);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return lock_memory(table, id, command == SHM_LOCK);
    default:
        return -EINVAL;
    }
}

void ipc_show_shm(struct ipc_namespace *space, struct proc_text *text)
{
    struct ipc_table *table = ipc_table_of(space, IPC_SHARED_MEMORY);

    text_print(text, "       key      shmid perms                  size  cpid  lpid nattch   uid   "
                     "gid  cuid  cgid      atime      dtime      ctime                   rss       "
                     "           swap\n");
    mutex_lock(&table->lock);
    for (uint32_t place = 0; place < table->end; place++) {
        struct ipc_object *object = ipc_at(table, place);
        if (!object)
            continue;
        spin_lock(&shm_lock);
        const struct shm_segment copy = *shm_of(object);
        spin_unlock(&shm_lock);
        text_print(text,
                   "%10d %10d  %4o %21lu %5u %5u  %5u %5u %5u %5u %5u %10lu %10lu %10lu %21lu "
                   "%21lu\n",
                   copy.object.key, copy.object.id, copy.object.mode, copy.bytes,
                   (uint32_t)copy.creator_pid, (uint32_t)copy.last_pid, copy.attachments,
                   copy.object.uid, copy.object.gid, copy.object.cuid, copy.object.cgid,
                   (uint64_t)copy.attach_time, (uint64_t)copy.detach_time,
                   (uint64_t)copy.change_time, shm_resident(&copy) * PAGE_SIZE, 0ul);
    }
    mutex_unlock(&table->lock);
}
