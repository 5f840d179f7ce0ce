/* kernel/ipc/sysv/object.c - see object.h. */
#include "kernel/ipc/sysv/object.h"

#include "arch/cpu.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"
#include "kernel/sync/refcount.h"
#include "kernel/time/clock.h"

#define PLACE_BITS   15
#define PLACE_MASK   (IPC_PLACES - 1)
#define SEQUENCE_MAX (INT32_MAX >> PLACE_BITS)
#define CYCLE_MIN    64u /* places that are used before the first is used again */
#define OWNER_NONE   UINT32_MAX

void ipc_table_init(struct ipc_table *table, uint32_t count_max)
{
    memset(table, 0, sizeof(*table));
    mutex_init(&table->lock, RANK_IPC);
    table->count_max = count_max;
    table->last = UINT32_MAX;
}

void ipc_table_deinit(struct ipc_table *table)
{
    kernel_assert(!table->count);
    for (uint32_t i = 0; i < ARRAY_COUNT(table->chunks); i++)
        kfree(table->chunks[i]);
}

int64_t ipc_time(void)
{
    return (int64_t)(clock_realtime_ns() / 1000000000ull);
}

int32_t ipc_pid(void)
{
    return current->process->pid;
}

/* ---- places ---- */

static struct ipc_object **place_of(struct ipc_table *table, uint32_t place)
{
    struct ipc_object **chunk = table->chunks[place / IPC_CHUNK_PLACES];

    return chunk ? &chunk[place % IPC_CHUNK_PLACES] : NULL;
}

struct ipc_object *ipc_at(struct ipc_table *table, uint32_t place)
{
    struct ipc_object **slot = place < table->end ? place_of(table, place) : NULL;

    return slot ? *slot : NULL;
}

struct ipc_object *ipc_find(struct ipc_table *table, int32_t id)
{
    struct ipc_object *object = id < 0 ? NULL : ipc_at(table, (uint32_t)id & PLACE_MASK);

    return object && object->id == id ? object : NULL;
}

/* There are few, and programs keep ids: the places are searched one by one. */
struct ipc_object *ipc_find_key(struct ipc_table *table, int32_t key)
{
    for (uint32_t place = 0; place < table->end; place++) {
        struct ipc_object *object = ipc_at(table, place);

        if (object && object->key == key)
            return object;
    }
    return NULL;
}

/* The first free place at or after the one whose turn it is. -ENOMEM: no memory for its chunk. */
static int take_place(struct ipc_table *table, uint32_t *ret)
{
    uint32_t cycle = min(max(table->count + table->count / 2, CYCLE_MIN), IPC_PLACES);
    uint32_t place = table->next < cycle ? table->next : 0;

    for (uint32_t tries = 0; tries < cycle; tries++, place = place + 1 < cycle ? place + 1 : 0) {
        struct ipc_object **slot = place_of(table, place);

        if (!slot) {
            slot = kzalloc(IPC_CHUNK_PLACES * sizeof(struct ipc_object *));
            if (!slot)
                return -ENOMEM;
            table->chunks[place / IPC_CHUNK_PLACES] = slot;
            slot = place_of(table, place);
        }
        if (!*slot) {
            *ret = place;
            return 0;
        }
    }
    return -ENOSPC;
}

int ipc_insert(struct ipc_table *table, struct ipc_object *object, int32_t key, uint32_t mode)
{
    const struct credentials *credentials = &current->process->credentials;
    uint32_t place;

    if (table->count >= min(table->count_max, IPC_PLACES))
        return -ENOSPC;
    int error = take_place(table, &place);
    if (error)
        return error;
    if (table->last != UINT32_MAX && place <= table->last)
        table->sequence = table->sequence < SEQUENCE_MAX ? table->sequence + 1 : 0;
    table->last = place;
    table->next = place + 1;
    object->references = 1;
    object->key = key;
    object->sequence = table->sequence;
    object->id = (int32_t)((uint32_t)object->sequence << PLACE_BITS | place);
    object->uid = object->cuid = credentials->euid;
    object->gid = object->cgid = credentials->egid;
    object->mode = mode & 0777;
    object->removed = false;
    *place_of(table, place) = object;
    table->count++;
    table->end = max(table->end, place + 1);
    return 0;
}

void ipc_remove(struct ipc_table *table, struct ipc_object *object)
{
    kernel_assert(!object->removed);
    *place_of(table, (uint32_t)object->id & PLACE_MASK) = NULL;
    object->removed = true;
    table->count--;
    while (table->end && !ipc_at(table, table->end - 1))
        table->end--;
}

/* ---- permissions ---- */

bool ipc_permitted(const struct ipc_object *object, uint32_t wanted)
{
    uint32_t euid = current->process->credentials.euid, granted = object->mode;

    wanted = (wanted >> 6 | wanted >> 3 | wanted) & 7;
    if (euid == object->cuid || euid == object->uid)
        granted >>= 6;
    else if (fs_in_group(object->cgid) || fs_in_group(object->gid))
        granted >>= 3;
    return !(wanted & ~granted) || process_has_capability(current->process, CAP_IPC_OWNER);
}

int ipc_check_owner(const struct ipc_object *object)
{
    uint32_t euid = current->process->credentials.euid;

    return euid == object->cuid || euid == object->uid ||
                   process_has_capability(current->process, CAP_SYS_ADMIN)
               ? 0
               : -EPERM;
}

int ipc_set_permissions(struct ipc_object *object, const struct linux_ipc_perm *wanted)
{
    if (wanted->uid == OWNER_NONE || wanted->gid == OWNER_NONE)
        return -EINVAL;
    object->uid = wanted->uid;
    object->gid = wanted->gid;
    object->mode = (object->mode & ~0777u) | (wanted->mode & 0777);
    return 0;
}

void ipc_get_permissions(const struct ipc_object *object, struct linux_ipc_perm *ret)
{
    *ret = (struct linux_ipc_perm){
        .key = object->key,
        .uid = object->uid,
        .gid = object->gid,
        .cuid = object->cuid,
        .cgid = object->cgid,
        .mode = object->mode,
        .sequence = object->sequence,
    };
}

/* ---- finding or making ---- */

int64_t ipc_get(struct ipc_namespace *space, struct ipc_table *table, const struct ipc_get *request,
                int (*check)(const struct ipc_object *object, uint64_t size),
                int64_t (*create)(struct ipc_namespace *space, const struct ipc_get *request))
{
    int64_t result = 0;

    mutex_lock(&table->lock);
    struct ipc_object *object =
        request->key == IPC_PRIVATE ? NULL : ipc_find_key(table, request->key);
    if (!object) {
        if (request->key == IPC_PRIVATE || request->flags & IPC_CREAT)
            result = create(space, request);
        else
            result = -ENOENT;
    } else if ((request->flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)) {
        result = -EEXIST;
    } else {
        if (check)
            result = check(object, request->size);
        if (!result)
            result = ipc_permitted(object, request->flags) ? object->id : -EACCES;
    }
    mutex_unlock(&table->lock);
    return result;
}
