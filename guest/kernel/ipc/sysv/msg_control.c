/* kernel/ipc/sysv/msg_control.c - msgctl(2), and what /proc/sysvipc/msg says. */
#include "arch/cpu.h"
#include "kernel/fs/proc/text.h"
#include "kernel/ipc/sysv/msg.h"
#include "kernel/ipc/sysv/show.h"
#include "kernel/lib/errno.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define MSG_STAT     11
#define MSG_INFO     12
#define MSG_STAT_ANY 13

struct linux_msqid_ds {
    struct linux_ipc_perm permissions;
    int64_t send_time, receive_time, change_time;
    uint64_t bytes, count, bytes_max;
    int32_t last_sender, last_receiver;
    uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_msqid_ds) == 120, "msqid64_ds is part of the ABI");

static int64_t info(struct ipc_namespace *space, struct ipc_table *table, int command,
                    uint64_t address)
{
    struct {
        int32_t pool, map, message_max, queue_max, queues, segment_bytes, headers;
        uint16_t segments, reserved;
    } info = {.segment_bytes = 16, .segments = UINT16_MAX};

    mutex_lock(&table->lock);
    info.queues = (int32_t)table->count_max;
    info.message_max = (int32_t)space->message_max;
    info.queue_max = (int32_t)space->queue_max;
    if (command == MSG_INFO) {
        info.pool = (int32_t)table->count;
        info.map = (int32_t)space->message_count;
        info.headers = (int32_t)space->message_bytes;
    } else {
        info.map = info.headers = info.queue_max;
        info.pool = (int32_t)((uint64_t)table->count_max * space->queue_max / 1024);
    }
    int64_t highest = ipc_highest(table);
    mutex_unlock(&table->lock);
    return copy_to_user(address, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t status(struct ipc_table *table, int id, int command, uint64_t address)
{
    struct linux_msqid_ds status = {.bytes = 0};
    int64_t result = -EINVAL;

    mutex_lock(&table->lock);
    struct ipc_object *object =
        command == IPC_STAT ? ipc_find(table, id) : ipc_at(table, (uint32_t)id);
    if (object && command != MSG_STAT_ANY && !ipc_permitted(object, IPC_READ)) {
        result = -EACCES;
    } else if (object) {
        const struct message_queue *queue = message_queue_of(object);

        ipc_get_permissions(object, &status.permissions);
        status.send_time = queue->send_time;
        status.receive_time = queue->receive_time;
        status.change_time = queue->change_time;
        status.bytes = queue->bytes;
        status.count = queue->count;
        status.bytes_max = queue->bytes_max;
        status.last_sender = queue->last_sender;
        status.last_receiver = queue->last_receiver;
        result = command == IPC_STAT ? 0 : object->id;
    }
    mutex_unlock(&table->lock);
    if (result >= 0 && copy_to_user(address, &status, sizeof(status)))
        return -EFAULT;
    return result;
}

static int set(struct message_queue *queue, const struct linux_msqid_ds *wanted)
{
    if (wanted->bytes_max > queue->space->queue_max &&
        !process_has_capability(current->process, CAP_SYS_RESOURCE))
        return -EPERM;
    int error = ipc_set_permissions(&queue->object, &wanted->permissions);
    if (error)
        return error;
    queue->bytes_max = wanted->bytes_max;
    queue->change_time = ipc_time();
    message_queue_wake(queue, true); /* some may have lost the right, others found room */
    return 0;
}

static int64_t change(struct ipc_table *table, int id, int command, uint64_t address)
{
    struct linux_msqid_ds wanted;
    struct message_queue *removed = NULL;

    if (command == IPC_SET && copy_from_user(&wanted, address, sizeof(wanted)))
        return -EFAULT;
    mutex_lock(&table->lock);
    struct ipc_object *object = ipc_find(table, id);
    int error = object ? ipc_check_owner(object) : -EINVAL;
    if (!error && command == IPC_RMID) {
        removed = message_queue_of(object);
        message_queue_remove(removed);
    } else if (!error) {
        error = set(message_queue_of(object), &wanted);
    }
    mutex_unlock(&table->lock);
    if (removed)
        message_queue_free(removed);
    return error;
}

SYSCALL3(msgctl, int, id, int, command, uint64_t, address)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct ipc_table *table = ipc_table_of(space, IPC_MESSAGES);

    if (id < 0 || command < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
    case MSG_INFO:
        return info(space, table, command, address);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return status(table, id, command, address);
    case IPC_SET:
    case IPC_RMID:
        return change(table, id, command, address);
    default:
        return -EINVAL;
    }
}

void ipc_show_msg(struct ipc_namespace *space, struct proc_text *text)
{
    struct ipc_table *table = ipc_table_of(space, IPC_MESSAGES);

    text_print(text, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  "
                     "cuid  cgid      stime      rtime      ctime\n");
    mutex_lock(&table->lock);
    for (uint32_t place = 0; place < table->end; place++) {
        struct ipc_object *object = ipc_at(table, place);
        if (!object)
            continue;
        const struct message_queue *queue = message_queue_of(object);
        text_print(text, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n",
                   object->key, object->id, object->mode, queue->bytes, queue->count,
                   (uint32_t)queue->last_sender, (uint32_t)queue->last_receiver, object->uid,
                   object->gid, object->cuid, object->cgid, (uint64_t)queue->send_time,
                   (uint64_t)queue->receive_time, (uint64_t)queue->change_time);
    }
    mutex_unlock(&table->lock);
}
